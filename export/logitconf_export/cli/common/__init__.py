"""What several commands share: options declared once, words on a terminal, plots.

Read `options`, `output`, `plots`.

What may enter: what at least two commands use.
"""
