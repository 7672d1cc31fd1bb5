"""The commands that ship a score: models and cards in, models out.

Read `attach` first, then its way back, `detach`.

What may enter: a command a file, with imports of what is heavy inside its functions.
"""
