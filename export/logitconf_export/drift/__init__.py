"""Drift: what a variant of a model (float16, int8) decides otherwise, and fitting it anew.

Read `measuring`, then `refitting`; `recertifying` keeps the model and makes its promise anew.

What may enter: comparisons of two models on the user's rows. Statistics come from the core.
"""
