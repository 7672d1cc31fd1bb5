"""Facts about the values of a graph: where each comes from, its type, shape and axes.

Read `scope` first, the facts of one graph, and `indexing`, which collects them over subgraphs and
functions; then `axes` (where an axis goes), `shape_inference` and `data_movement`.

What may enter: what holds for every graph, whatever its outputs mean.
"""
