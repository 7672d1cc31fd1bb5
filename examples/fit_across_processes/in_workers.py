"""Fits in plain processes, which know nothing of each other: a pool maps, the parent adds up.

Run it with: python examples/fit_across_processes/in_workers.py

Ray, Spark and Dask have functions of their own: `logitconf.fit_ray`, `fit_spark` and `fit_dask`.
"""

import multiprocessing
from functools import partial

from fit_on_chunks import CHUNKS, answer, fit_with, told

WORKERS = 2


def main() -> None:
    """Fits with two workers and with one, which finds the same."""
    shares = [range(worker, CHUNKS, WORKERS) for worker in range(WORKERS)]
    with multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
        card = fit_with(lambda request: pool.map(partial(answer, request), shares))
    print(told(card))
    alone = fit_with(lambda request: [answer(request, range(CHUNKS))])
    print(f"one worker fits the same card: {card.to_json() == alone.to_json()}")


if __name__ == "__main__":
    main()
