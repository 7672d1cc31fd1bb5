"""Plans driven over blocks of rows that are spread at random."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from logitconf import FitPlan, LogitconfWarning, ScoreCard
from logitconf.distributed.request import Request
from logitconf.distributed.total import Total

Block = tuple[npt.NDArray[Any], npt.NDArray[Any] | None]


def labelled_rows(
    count: int, classes: int = 10, seed: int = 0
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Logits and labels that are drawn at a temperature of 2."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.0, 3.0, (count, classes)).astype(np.float32)
    return logits, (logits / 2.0 + rng.gumbel(size=logits.shape)).argmax(axis=1)


def spread(
    logits: npt.NDArray[Any], labels: npt.NDArray[Any] | None, partitions: int, seed: int
) -> list[Block]:
    """The rows in so many partitions of any size, shuffled; some may be empty."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(logits))
    cuts = np.sort(rng.integers(0, len(order) + 1, partitions - 1))
    owns = np.split(order, cuts)
    return [(logits[own], None if labels is None else labels[own]) for own in owns]


def total_over(request: Request, blocks: Sequence[Block], rng: np.random.Generator) -> Total:
    """The total of blocks, added up in a random tree, half of them sent as bytes."""
    parts = [request.total_of(*block) for block in blocks] + [request.empty()]
    while len(parts) > 1:
        first, second = (parts.pop(rng.integers(len(parts))) for _ in range(2))
        parts.append(Total.from_bytes(first.to_bytes()).plus(second))
    return parts[0]


def driven(plan: FitPlan, blocks: Sequence[Block], seed: int = 0) -> ScoreCard:
    """The card of a plan whose rows lie in these blocks."""
    rng = np.random.default_rng(seed)
    while (request := plan.next()) is not None:
        plan.send(request.id, total_over(request, blocks, rng))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LogitconfWarning)
        return plan.card()
