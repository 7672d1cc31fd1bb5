"""What several commands share: options declared once, words on a terminal.

Read `options` and its relatives for fits and heads, `grouping` (how options become one value),
`output`, `pages`, `view` (how much is shown, and where), `suggestions`, `waiting` (progress),
`usage` (what was typed wrong), `examples`.

What may enter: what at least two commands use.
"""
