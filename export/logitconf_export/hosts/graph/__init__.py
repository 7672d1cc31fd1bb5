"""Facts about the values of a graph: scopes, shapes, axes, moves of data."""
