"""The confidence scores: what each is, in one table, and how it is computed.

Read `table` first: one row a score says all that others need to know of it. Its formulas are
functions of canonical logits, in `of_logits`, `of_probabilities` and `of_members`; what they share
over the class axis is in `reductions`, which alone chooses between forms. `rounding` says how far
two runtimes may differ.

What may enter: formulas of arrays, and facts about scores. No task, no card, no file, no torch.
"""
