"""The page: one file of HTML that shows what a head does on rows.

Read `reporting` first, the way in: it fills the `templates`. `given_rows` reads a user's rows,
`evidence` gathers what a page shows of a model, `sections` puts it into words, tables and drawings,
`commands` are those that make the page again. `comparing` is the page of a comparison.

What may enter: what stands on the page. Nothing on it comes from the network or names a folder.
"""
