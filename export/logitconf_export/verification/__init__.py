"""Verification: does this file, in this runtime, decide as its card says?

Read `verifying` first, the way in; `single` judges one head, `several` a model with more of them.
`structure` looks at the file as a whole, `surroundings` at what a head reads and at what else could
pass for its decision, `consistency` compares card, numbers and graph. `head_runs` and `host_runs`
run them, `batches` the same rows in other batches. `certificate` computes a promise again. `report`
is the verdict as a value, `junit` the same for CI.

What may enter: checks that can fail. Every one has a test that shows it does.
"""
