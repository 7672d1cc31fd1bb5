"""Timing several callables side by side: interleaved rounds, medians, ratios within one run."""

import statistics
import time
from collections.abc import Callable, Mapping


def interleaved_medians(
    runs: Mapping[str, Callable[[], object]],
    *,
    rounds: int = 25,
    seconds: float = 0.6,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Median seconds of one call of each, measured in turns so that all see the same machine.

    Args:
        runs: what to time, by name.
        rounds: how many turns each gets at least.
        seconds: about how long the whole measurement may take.
        clock: what is read before and after, in seconds.
    """
    repeats: dict[str, int] = {}
    for name, run in runs.items():
        run()
        start = clock()
        run()
        once = max(clock() - start, 1e-7)
        repeats[name] = max(1, int(seconds / len(runs) / rounds / once))
    samples: dict[str, list[float]] = {name: [] for name in runs}
    names = list(runs)
    for turn in range(rounds):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            run, count = runs[name], repeats[name]
            start = clock()
            for _ in range(count):
                run()
            samples[name].append((clock() - start) / count)
    return {name: statistics.median(values) for name, values in samples.items()}
