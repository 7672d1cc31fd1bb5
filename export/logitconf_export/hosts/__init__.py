"""Hosts: what the outputs of a user's model mean, and where its logits are, from its graph alone.

Read `reading` first, then `candidates` (what it answers) and `reader` (how one value is followed
back). What is known of each operator stands in one row, in `operators`; `meanings` says what a
softmax or a sigmoid means however it is written, `linear_layers` and `softmax_parts` find the layer
and the pieces. `judging` tells whether a tensor leads to an output, for those who do not trust a
card. `graph` holds facts about values: scopes, shapes, axes.

What may enter: readings of graphs. Nothing is run here, and names prove nothing.
"""
