"""Whether a promise still holds where the model runs.

Read `sketching` first, what a card keeps of its calibration scores; then `monitor`, the one file
that watches a stream of scores and masks and, with labels, the promise itself.

What may enter: tests that hold at any time. `monitor` imports NumPy alone: it is copied beside
models, where there is no logitconf.
"""
