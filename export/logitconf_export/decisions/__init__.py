"""Decisions: what a head must say of rows, which rows are hard, and how two answers differ.

Read `comparison` first: flips, near or far from the threshold. `reference` is eager torch or NumPy
and float64 truth, `batch` rows with both, `hard_rows` the rows that have broken runtimes, `ulps`
the distance of floats.

What may enter: comparisons of decisions. No session, no report.
"""
