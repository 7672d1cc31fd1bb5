"""A fitted score as plain values: what may leave memory, and all that a file needs to carry.

Read `score_card` first; `parts` are the frozen values that stand in it,
`choice` that of a score chosen among others.

What may enter: fields of the card, their checks, their way to JSON and back. No formula, no fit.
"""
