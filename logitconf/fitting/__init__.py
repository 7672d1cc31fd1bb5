"""What users call: score classes that fit, keep a card, and decide.

Read `logit_score` first, the base of all of them; `score_classes` is one class a row of the table.
`fit` makes a card from rows. `extraction` runs a torch model, `learned_score` fits a confidence
that the network learnt, `comparison` ranks all scores on the same rows, `choosing` takes the best,
and `other_libraries` takes over what others have fitted.

What may enter: the interface to Python users. Nothing here knows ONNX.
"""
