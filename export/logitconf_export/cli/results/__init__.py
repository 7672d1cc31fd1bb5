"""What commands have to say, as values: a verdict, what stands under it, the next commands, JSON.

Read `result` first (what every command hands over), then `blocks` (facts, tables, sentences,
commands) and `layout`, which lays them out in as many columns as a terminal has. `cards`, `models`
and `verifications` say in blocks what these are.

What may enter: values and words. Printing is `common.output`'s, options are `common.options`'.
"""
