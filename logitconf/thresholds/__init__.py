"""Thresholds: what a user may ask for, where the number goes, and what it promises.

Read `policies` first; `gaps` puts a threshold between two observed scores. `risk_control` certifies
a risk, and `certificate` keeps that promise as plain values and checks it again. `per_class`
repeats a policy for each class or label, `out_of_distribution` knows other rows, `chunked` and
`order_statistics` do the same with memory for one chunk.

What may enter: decisions about float32 scores and whether rows were right. No logits, no torch.
"""
