"""The one home of sentences about a fitted score, and of how numbers are shown to people.

Read `numbers` first, then `rule`, what a card accepts, `promise`, what it is certified to do, and
`calibration`, `origin` and `choice`, how it came about; `facts` puts them together, `lists` cuts
what is long.
Terminal, page, reprs and the documentation of a model's outputs all take their words from here.

What may enter: words about cards and plain values. No formula, no fit, no terminal, no file.
"""
