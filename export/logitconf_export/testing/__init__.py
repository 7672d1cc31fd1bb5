"""What users test their models with.

Read `assertion` (one line for a user's test), `parity` (any model against any callable) and
`pytest_plugin`; then `golden` and `replay` (a bundle that needs neither torch nor logitconf).

What may enter: helpers for tests. Each has a test that shows it can fail.
"""
