"""Runtimes: everything that can run a model, behind one protocol.

Read `protocol` first: jobs in, answers or errors out. `sessions` is onnxruntime with its
`providers`, `profiles` tells where each node ran, `stored_arrays` reads a user's rows, `feeds` cuts
them into runs, `host_runs` runs a user's model on them. The other runtimes are in `targets`, with
their table.

What may enter: one file and one row a runtime. No card, no verdict.
"""
