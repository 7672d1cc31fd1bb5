"""Maps from the logits of a model to calibrated logits, each with its exact fit.

Read `temperature` first: one number that divides the logits; then `maps`, which act before it.

What may enter: maps of logits and how they are fitted. No score, no threshold.
"""
