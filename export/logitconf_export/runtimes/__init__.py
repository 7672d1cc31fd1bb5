"""Runtimes: everything that can run a model, behind one protocol.

Read `protocol` first: jobs in, answers or errors out. `sessions` is onnxruntime, `profiles` tells
where each node ran, `host_runs` runs a user's model on a user's rows. The other runtimes live in
this process or in another one; `runners` holds the programs for the latter.

What may enter: one file and one row a runtime. No card, no verdict.
"""
