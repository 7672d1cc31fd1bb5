"""What a head gives beside score and mask: the label, and how sure it is of it.

Read `labels`, then `confidence`.

What may enter: formulas of further outputs, as functions of arrays, and their fits. The mask never
depends on any of them.
"""
