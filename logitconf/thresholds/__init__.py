"""Thresholds: what a user may ask for, where the number goes, and what it promises.

Read `policy`, what all of them are, and `policies` first; `lookup` finds the one that is asked for
or that a card names, by the table in `logitconf.policy_table`. `gaps` puts a threshold between two
observed scores. `risk_control` certifies a risk, and `certificate` keeps that promise as plain
values and checks it again. `per_class` repeats a policy for each class or label,
`out_of_distribution` knows other rows, `chunked` and `order_statistics` do the same with memory for
one chunk.

What may enter: decisions about float32 scores and whether rows were right. No logits, no torch.
"""
