"""Maps from the logits of a model to calibrated logits, each with its exact fit.

Read `temperature` first: one number that divides the logits.

What may enter: maps of logits and how they are fitted. No score, no threshold.
"""
