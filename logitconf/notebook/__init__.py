"""How values show themselves where someone works with them: reprs that stay short, HTML tables.

Read `brief` first: every frozen value that may hold much has its `brief` as its repr. `html` makes
the small tables of notebooks.

What may enter: text made of plain values, whatever they mean. No card, no sentence about one.
"""
