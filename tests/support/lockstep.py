"""Several processes' all-reduce, played by threads that wait for one another."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float64]
AllReduce: TypeAlias = Callable[[Vector], Vector]
Result = TypeVar("Result")

TIMEOUT_SECONDS = 60.0


def in_lockstep(processes: int, run: Callable[[int, AllReduce], Result]) -> list[Result]:
    """What `run(place, all_reduce)` gives at each place; all must reduce equally often."""
    barrier = Barrier(processes, timeout=TIMEOUT_SECONDS)
    shared: list[Vector] = [np.zeros(0)] * processes

    def run_at(place: int) -> Result:
        def all_reduce(vector: Vector) -> Vector:
            shared[place] = vector
            barrier.wait()
            total = np.sum(shared, axis=0)
            barrier.wait()
            return np.asarray(total)

        return run(place, all_reduce)

    with ThreadPoolExecutor(processes) as pool:
        return list(pool.map(run_at, range(processes)))
