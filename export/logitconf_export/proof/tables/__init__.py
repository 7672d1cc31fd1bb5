"""Tables of operations: how far each operation of a runtime is from exact, and what it does to NaN.

Read `operation_table` for what a table says, `operations` for what is tried, then `measuring`;
`files` keeps them.

What may enter: measurements of single operations of a runtime. What follows for a head is above.
"""
