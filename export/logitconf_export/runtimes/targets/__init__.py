"""Other runtimes that models are shipped to: one file a runtime, and its row in `table`.

Read `table`, then `openvino` (in this process) or `node` (in its own); `in_process` and `processes`
hold what runtimes share, `runners` the programs that a runtime in its own process starts.

What may enter: a runtime that takes jobs and answers, see the room's `protocol`.
"""
