"""What people look at: plots, display objects, and the page that shows what a head does.

Read `judged` first, rows as a card judges them, then the numbers behind the pictures: `curves`
(risk and coverage, reliability, scores), `slider` and `class_counts`. `drawing` makes axes and SVG,
`displays` and `plots` show one score, `comparison_plot` several. The page is in `page`.

What may enter: ways to show numbers that other rooms compute. matplotlib and jinja2 load when
something is drawn, never before.
"""
