"""How often a fit of rows in partitions reads them, and how many bytes travel: before and after.

Before: `fit_temperature_chunks`, `choose_coverage_chunks` and `choose_risk_chunks`, whose vectors
of float64 are added up over all partitions. After: `FitPlan`. Rows are drawn on the fly, so memory
is that of one partition.

    python tests/benchmarks/passes.py [ROWS] [CLASSES] [PARTITIONS]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from logitconf import (
    FitPlan,
    LogitconfError,
    SoftmaxScore,
    choose_coverage_chunks,
    choose_risk_chunks,
    fit_temperature_chunks,
)
from logitconf.distributed.total import Total
from logitconf.scores.rounding import Rounding

Block = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]
POLICIES: dict[str, dict[str, Any]] = {
    "coverage .9": {"coverage": 0.9},
    "risk .25": {"risk": 0.25, "confidence": 0.95},
    "cost 4 : 1": {"cost": (4.0, 1.0)},
    "coverage .9 per class": {"coverage": 0.9, "per_class": True},
}


@dataclass
class Lake:
    """Rows in partitions, drawn again whenever they are read, and how often that is."""

    rows: int
    classes: int
    partitions: int
    reads: int = 0
    sent: list[int] = field(default_factory=list)

    def blocks(self) -> Iterator[Block]:
        """All partitions, once."""
        self.reads += 1
        for number in range(self.partitions):
            rng = np.random.default_rng(number)
            shape = self.rows // self.partitions, self.classes
            # so that about a quarter of the labels are not the likeliest
            logits = rng.normal(0.0, 2.0 * np.log2(self.classes), shape).astype(np.float32)
            noise = -np.log(rng.standard_exponential(shape, dtype=np.float32))
            yield logits, (logits / 2.0 + noise).argmax(axis=1)

    def all_reduce(self, vector: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Counts what a partition sends."""
        self.sent.append(vector.nbytes)
        return vector

    def line(self, what: str, logits_passes: int, others: int) -> str:
        """What was counted, and a new beginning."""
        text = f"{what:<38} {logits_passes:>8} {others:>8} {max(self.sent):>12,}"
        self.reads, self.sent = 0, []
        return text


def before(lake: Lake) -> Iterator[str]:
    """The functions of chunks, which read logits in every pass."""
    fit = fit_temperature_chunks(lake.blocks, family="categorical", all_reduce=lake.all_reduce)
    passes = lake.reads
    yield lake.line("temperature, in chunks", passes, 0)
    score = SoftmaxScore(temperature=fit.temperature)
    rounding = Rounding("softmax", lake.classes, temperature=fit.temperature)

    def scores() -> Iterator[Any]:
        return (score.score(logits) for logits, _ in lake.blocks())

    def judged() -> Iterator[Any]:
        return (
            (score.score(logits), logits.argmax(axis=1) != labels)
            for logits, labels in lake.blocks()
        )

    choose_coverage_chunks(scores, 0.9, rounding=rounding, all_reduce=lake.all_reduce)
    yield lake.line("temperature + coverage, in chunks", passes + lake.reads, 0)
    choose_risk_chunks(judged, 0.25, 0.95, rounding=rounding, all_reduce=lake.all_reduce)
    yield lake.line("temperature + risk, in chunks", passes + lake.reads, 0)


def after(lake: Lake) -> Iterator[str]:
    """The plan: passes that need logits, and those for which scores that were kept are enough."""
    for name, policy in POLICIES.items():
        plan, passes, end = FitPlan(**policy), {"logits": 0, "scores": 0}, ""
        while (request := plan.next()) is not None:
            total = request.empty()
            for block in lake.blocks():
                part = request.total_of(*block).to_bytes()
                total = total.plus(Total.from_bytes(part))
                lake.sent.append(len(part))
            lake.sent.append(len(total.to_bytes()))
            passes[request.reads] += 1
            try:
                plan.send(request.id, total)
            except LogitconfError as error:
                end = f" ({error})"
                break
        yield lake.line(f"temperature + {name}, plan", passes["logits"], passes["scores"]) + end


def main() -> None:
    """Prints the table."""
    given = [int(float(each)) for each in sys.argv[1:]]
    rows, classes, partitions = (given + [1_000_000, 10, 8][len(given) :])[:3]
    lake = Lake(rows, classes, partitions)
    print(f"{rows:,} rows of {classes} classes in {partitions} partitions")
    print(f"{'':<38} {'logits':>8} {'scores':>8} {'most bytes':>12}")
    for lines in (before(lake), after(lake)):
        for line in lines:
            print(line, flush=True)


if __name__ == "__main__":
    main()
