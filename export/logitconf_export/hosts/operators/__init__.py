"""The table of operators: all that is known of each in one row, beside the functions that say it.

Read one kind first, `activations`, then the columns of a row: those that a graph needs at
:class:`~logitconf_export.hosts.graph.scope.Operator`, those of a reading at
:class:`~logitconf_export.hosts.reader.OperatorRow`. The other kinds: `movement` (copies, reshapes),
`selection` (parts), `elementwise` (arithmetic), `reductions`, `products` (layers with weights),
`normalisations`, `quantisation`, `control_flow`, `classical` (ai.onnx.ml), `opaque` (what nothing
is read through). `table` collects them.

What may enter: rows, and rules that only they use. To add an operator, add its row to the module of
its kind, and a host with it to the tests.
"""
