"""Facts about the values of a graph: where each comes from, its type, shape and axes.

Read `scope` first, one graph and what it needs to know of an operator, and `indexing`, which
collects scopes over subgraphs and functions; then `axes` (where an axis goes), `ancestry` (what a
value is made of), `shape_inference` and `facts`. `shapes` holds what rules for shapes are made of.

What may enter: what holds for every graph, whatever its outputs mean, and for every operator: what
one of them does stands in its row, in the room `operators`.
"""
