"""What a head's graph computes on all finite rows, operator by operator, and how far it may be off.

Read `tensors`, `composition` and then the tables of operators: `operators`, `reductions`,
`comparisons`, `movements`; `finite_rows` walks through a head, `formulas` says what its card means.
"""
