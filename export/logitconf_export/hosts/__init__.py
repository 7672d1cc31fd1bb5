"""Hosts: what the outputs of a user's model mean, and where its logits are, from its graph alone.

Read `reading` first, then `candidates` (what it answers) and `reader` (how one value is followed
back). Operators that say what their output means stand in `activations`, `structural` and
`classical`; `linear_layers` and `softmax_parts` find the layer and the pieces of a softmax that was
written out. `graph` holds facts about values: scopes, shapes, axes.

What may enter: readings of graphs. Nothing is run here, and names prove nothing.
"""
