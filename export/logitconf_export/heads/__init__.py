"""Heads as ONNX graphs, and what a file says of the head in it.

Read `conversion` first, the way from a head to a model; `graph_writer` appends nodes, and every
difference between opsets lives there. `metadata` is the card in the file, `in_file` finds the head
again, `joint` makes one decision of several heads.

What may enter: how a head is written and read. No host.
"""
