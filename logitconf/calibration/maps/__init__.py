"""Maps that give each class or label a scale and a bias of its own, or mix the classes.

Read `calibration_map` first: a fitted map as plain values, and its formula in `mapping`. Then
`objectives` (what a fit minimises, with gradient and curvature), `optimum` (its minimum), `fit`
(the way in) and `choice` (which map the rows can tell from a temperature).

What may enter: maps from logits to mapped logits and how they are fitted. No score, no threshold.
"""
