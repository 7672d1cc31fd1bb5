"""What a fit of many rows costs on many workers: slopes measured here, put into the model.

Run it with: python tests/benchmarks/cost_of_many_rows.py

Two sizes of rows give, for each kind of pass, the seconds that one core needs for a logit (or for a
row, where scores are read), and a third size, larger than both, checks the line through them. The
model is that of docs/explanations/cost-of-many-rows.md.
"""

import argparse
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from logitconf.distributed.engines.arrow_blocks import packed_scores
from logitconf.distributed.plan import FitPlan
from logitconf.distributed.total import Total

FAN_IN, OVERHEAD = 32, 2.0
"""Totals that one task adds up, and seconds that an engine needs to start a pass."""
KEPT = 5
"""Bytes that are kept of a row: its score and whether it is right."""


@dataclass(frozen=True)
class Pass:
    """One pass of a fit.

    Attributes:
        wants: what it is for.
        reads: logits or scores.
        seconds: of one core for each size.
        answer: bytes of a partition's answer, at most.
        kept: bytes of scores and marks that it keeps for each row.
    """

    wants: str
    reads: str
    seconds: tuple[float, ...]
    answer: int
    kept: float


@dataclass(frozen=True)
class Cluster:
    """Machines that share the work.

    Attributes:
        workers: how many.
        cores: of each.
        reading: bytes a second that each reads from where the rows lie.
        network: bytes a second between two of them.
        partitions: blocks of rows.
    """

    workers: int
    cores: int = 4
    reading: float = 250e6
    network: float = 1e9
    partitions: int = 10_000


def measured(sizes: tuple[int, ...], classes: int, repeats: int) -> list[Pass]:
    """Every pass of a fit at some numbers of rows; the least of some repeats, in CPU seconds."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0.0, 3.0, (max(sizes), classes)).astype(np.float32)
    labels = (logits / 1.5 + rng.gumbel(size=logits.shape)).argmax(axis=1)
    plan = FitPlan("softmax", coverage=0.9)
    passes = []
    while (request := plan.next()) is not None and request.reads == "logits":
        seconds = [_least(request.total_of, logits[:n], labels[:n], repeats) for n in sizes]
        total = request.total_of(logits, labels)
        passes.append(Pass(request.wants, "logits", tuple(seconds), len(total.to_bytes()), 0.0))
        if request.writes:
            scores, marks = request.scores_of(logits, labels)
            kept = len(packed_scores(scores, marks)) / len(labels)
            passes[-1] = replace(passes[-1], kept=kept)
            # as a later pass reads them, which asks for no more of a row
            seconds = [
                _least(request.total_of_scores, scores[:n], marks[:n], repeats) for n in sizes
            ]
            answer = passes[-1].answer
            passes.append(Pass("telling scores apart", "scores", tuple(seconds), answer, 0.0))
        plan.send(request.id, total)
    return passes


def _least(function: Callable[[Any, Any], Total], rows: Any, others: Any, repeats: int) -> float:
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        function(rows, others).to_bytes()
        best = min(best, time.process_time() - start)
    return best


def line(sizes: Sequence[float], seconds: Sequence[float]) -> tuple[float, float]:
    """Seconds at no size, and seconds for each unit of size, from the first two sizes."""
    slope = (seconds[1] - seconds[0]) / (sizes[1] - sizes[0])
    return seconds[0] - slope * sizes[0], slope


def model(each: Pass, slope: float, rows: float, classes: int, on: Cluster) -> tuple[float, float]:
    """Bytes read, and seconds of one pass: the slower of reading and computing, then adding up."""
    units = rows * (classes if each.reads == "logits" else 1)
    size = units * 4 if each.reads == "logits" else rows * KEPT
    computing = units * slope / (on.workers * on.cores)
    reading = size / (on.workers * on.reading)
    # each level of the tree receives as many answers as one task adds up
    levels = math.ceil(math.log(on.partitions, FAN_IN))
    adding = levels * FAN_IN * each.answer / on.network
    return size, max(computing, reading) + adding + OVERHEAD


def main() -> None:
    """Prints the slopes, how well they predict, and what a large fit costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--rows", type=int, nargs=3, default=[10_000, 20_000, 40_000])
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    passes = measured(tuple(given.rows), given.classes, given.repeats)
    slopes = []
    for each in passes:
        units = [n * (given.classes if each.reads == "logits" else 1) for n in given.rows]
        start, slope = line(units, each.seconds)
        slopes.append(slope)
        expected = start + slope * units[2]
        unit = "logit" if each.reads == "logits" else "row"
        sys.stdout.write(
            f"{each.wants}: {slope * 1e9:.1f} ns a {unit} on one core; {given.rows[2]:,} rows "
            f"{each.seconds[2]:.3f} s, {expected:.3f} s by the line "
            f"({expected / each.seconds[2] - 1:+.0%}); answer {each.answer:,} bytes"
            + (f"; keeps {each.kept:.1f} bytes a row" if each.kept else "")
            + "\n"
        )
    rows = 1e9
    for workers in (100, 1000):
        on = Cluster(workers)
        costs = [
            model(each, slope, rows, given.classes, on)
            for each, slope in zip(passes, slopes, strict=True)
        ]
        sent = sum(each.answer for each in passes) * on.partitions
        sys.stdout.write(
            f"10^9 rows of {given.classes:,} classes, {workers:,} workers of {on.cores} cores: "
            f"{sum(seconds for _, seconds in costs):.0f} s "
            f"({', '.join(f'{seconds:.0f}' for _, seconds in costs)}); "
            f"read {sum(size for size, _ in costs) / 1e12:.1f} TB, moved at most "
            f"{sent / 1e9:.1f} GB, kept {rows * KEPT / 1e9:.0f} GB\n"
        )


if __name__ == "__main__":
    main()
