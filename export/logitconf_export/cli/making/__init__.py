"""The commands that make a score: `fit`, `compare`, `demo` (whose network is in `digits`).

Read `fit` first: its signature is its options, its body its work.

What may enter: a command a file, with imports of what is heavy inside its functions.
"""
