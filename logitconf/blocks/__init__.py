"""How work over many rows is cut into blocks that stay in a cache, and shared among cores.

Read `cutting` first (which rows make a block), then `threads` (blocks side by side) and `pages`
(what is read of a mapped file is let go again).

What may enter: how rows are walked through, whatever is computed on them. No task, no score.
"""
