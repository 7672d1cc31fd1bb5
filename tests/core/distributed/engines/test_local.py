"""Blocks of arrays on threads: any blocks in any order, few of them at a time."""

import threading
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

import logitconf
from logitconf.distributed.engines.local import fit_blocks
from logitconf.distributed.plan import FitPlan
from logitconf.errors import LogitconfError
from logitconf.telling.progress import heard_by

ROWS = 120_000
RNG = np.random.default_rng(1)
LOGITS = RNG.normal(0, 2, (ROWS, 3)).astype(np.float32)
LABELS = (LOGITS / 1.5 + RNG.gumbel(size=LOGITS.shape)).argmax(axis=1)


def blocks(size: int, order: int = 1) -> Iterator[tuple[Any, Any]]:
    """The rows in blocks of a size, forwards or backwards."""
    for start in [*range(0, ROWS, size)][::order]:
        yield LOGITS[start : start + size], LABELS[start : start + size]


def plan() -> FitPlan:
    """So many scores that kept ones are read again."""
    return FitPlan("margin", coverage=0.8)


def test_the_card_does_not_depend_on_blocks_their_order_and_the_number_of_threads() -> None:
    card = fit_blocks(lambda: blocks(ROWS), plan(), threads=1)
    cards = [
        fit_blocks(lambda: blocks(7_001), plan(), threads=3),
        fit_blocks(lambda: blocks(40_000, -1), plan()),
    ]
    assert [each.to_json() for each in cards] == [card.to_json()] * 2
    fitted = logitconf.fit(LOGITS, LABELS, score="margin", coverage=0.8).card
    assert card.temperature == pytest.approx(fitted.temperature, rel=1e-6)
    assert card.policy == fitted.policy
    assert card.rows is not None
    assert fitted.rows is not None
    assert card.rows.sha256 == fitted.rows.sha256


def test_few_blocks_are_held_at_a_time() -> None:
    alive, most, lock = 0, 0, threading.Lock()

    class Block(np.ndarray):
        """An array that counts how many of its kind there are."""

        def __del__(self) -> None:
            nonlocal alive
            with lock:
                alive -= 1

    def counted() -> Iterator[tuple[Any, Any]]:
        nonlocal alive, most
        for logits, labels in blocks(2_000):
            block = np.empty(logits.shape, logits.dtype).view(Block)
            block[:] = logits
            with lock:
                alive += 1
                most = max(most, alive)
            yield block, labels

    fit_blocks(counted, FitPlan(coverage=0.8), threads=2)
    # views of a block are of its class, too; 60 blocks a pass would be many more
    assert most <= 30


def test_a_pass_over_other_rows_is_refused() -> None:
    passes = iter((ROWS, ROWS - 1, ROWS))

    def fewer() -> Iterator[tuple[Any, Any]]:
        rows = next(passes)
        yield LOGITS[:rows], LABELS[:rows]

    with pytest.raises(LogitconfError, match="each pass must read the same rows, got 120000 in"):
        fit_blocks(fewer, plan())


def test_progress_is_told_in_rows_once_their_number_is_known() -> None:
    told: list[tuple[str, int | None]] = []
    done: list[int] = []

    def listen(what: str, total: int | None) -> Any:
        told.append((what, total))
        return nullcontext(done.append)

    with heard_by(listen):
        fit_blocks(lambda: blocks(30_000), plan(), threads=1)
    rows = [total for what, total in told if what == "Rows"]
    assert rows == [None, *[ROWS] * (len(rows) - 1)]
    assert sum(done) == ROWS * len(rows)
