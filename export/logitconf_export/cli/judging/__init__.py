"""The commands that judge: `verify` a file, `drift` of a variant, `inspect` what a file says.

Read `verify` first; `report` writes a page that shows what a head does, `doctor` says what works on
a machine, `measure_runtime` how far a runtime's operations are from exact.

What may enter: a command a file, with imports of what is heavy inside its functions.
"""
