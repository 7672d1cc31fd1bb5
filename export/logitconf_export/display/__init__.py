"""What people look at: plots, display objects, and the page that shows what a head does.

Read `judged` first, rows as a card judges them, then the numbers behind the pictures: `curves`
(risk and coverage, reliability, scores), `slider` and `class_counts`. `drawing` makes axes and SVG,
`displays` the plots of one score and `comparison_plot` that of several. `evidence` gathers what a
page shows of a model, `sections` puts it into words and tables, `commands` are those that make it
again, and `reporting`, the way in, fills the templates.

What may enter: ways to show numbers that other rooms compute. matplotlib and jinja2 load when
something is drawn, never before.
"""
