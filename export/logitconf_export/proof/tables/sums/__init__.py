"""How runtimes add up: in which order, found by probes, in batches and threads of any number.

Read `orders` for how an order is found, `adding` for what operations add up, then `batches`;
`log_softmax` measures what is inside of one.
"""
