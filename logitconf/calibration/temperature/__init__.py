"""The temperature of least negative log-likelihood, exact and in few passes over the rows.

Read `fit` first, which is the way in; then `likelihood` (the sums of one chunk), `halley` (the root
of the slope) and `chunks` (checks, slices of limited size).

What may enter: maps from logits to calibrated logits and how they are fitted. No score, no
threshold.
"""
