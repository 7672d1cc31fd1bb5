"""Proof: bounds on how far a head's scores in a runtime lie from the exact ones.

Read `tables` first: what each operation of a runtime does, tried on every float that it can get.
Then `exact`, the expressions that a graph stands for, `composing`, which walks through a head with
an expression and an error bound for each value, `cases` for rows that are not finite, and `prover`.

What may enter: what follows from tables and from a graph alone, for every row in a stated range.
"""
