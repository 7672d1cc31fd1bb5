"""The loop: what an engine is asked for, also when it starts in the middle of a plan."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import reduce
from typing import Any

import numpy as np
import pytest

from logitconf.distributed.engines.driver import fitted_by
from logitconf.distributed.plan import FitPlan
from logitconf.distributed.request import Request
from logitconf.distributed.total import Total
from logitconf.telling.progress import heard_by

ROWS, CLASSES = 120_000, 3
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 2, (ROWS, CLASSES)).astype(np.float32)
LABELS = (LOGITS + RNG.gumbel(size=LOGITS.shape)).argmax(axis=1)
BLOCKS = [slice(start, start + 30_000) for start in range(0, ROWS, 30_000)]


class Recorded:
    """An engine in memory that tells what it was asked for; `stops` at a call, once."""

    def __init__(self, stops: int | None = None) -> None:
        self.calls: list[str] = []
        self.kept: list[Any] = []
        self.stops = stops

    def total(self, request: Request) -> Total:
        self._call("total")
        parts = [request.total_of(LOGITS[rows], LABELS[rows]) for rows in BLOCKS]
        return reduce(Total.plus, parts, request.empty())

    def keep_scores(self, request: Request) -> None:
        self._call("keep")
        self.kept = [request.scores_of(LOGITS[rows], LABELS[rows]) for rows in BLOCKS]

    def total_of_kept(self, request: Request) -> Total:
        self._call("kept")
        parts = [request.total_of_scores(*pair) for pair in self.kept]
        return reduce(Total.plus, parts, request.empty())

    def release(self) -> None:
        self.calls.append("release")

    def _call(self, name: str) -> None:
        if len(self.calls) == self.stops:
            raise KeyboardInterrupt
        self.calls.append(name)


def plan() -> FitPlan:
    """So many scores that they must be told apart in a further pass."""
    return FitPlan(coverage=0.9)


def test_rows_are_read_until_scores_are_kept_and_then_these() -> None:
    engine = Recorded()
    fitted_by(plan(), engine)
    assert engine.calls == ["total", "total", "keep", "kept", "kept", "release"]


@pytest.mark.parametrize("stops", range(5))
def test_a_fit_that_was_stopped_goes_on_from_its_state_to_the_same_card(stops: int) -> None:
    states = [plan().state()]
    first = Recorded(stops)
    with pytest.raises(KeyboardInterrupt):
        fitted_by(plan(), first, lambda done: states.append(done.state()))
    assert first.calls[-1] == "release"
    second = Recorded()
    card = fitted_by(FitPlan.from_state(states[-1]), second)
    assert card.to_json() == fitted_by(plan(), Recorded()).to_json()
    # what the first kept is gone, so a stop behind the pass that keeps costs a pass over rows
    assert second.calls.count("total") == {4: 1}.get(stops, max(0, 2 - stops))


def test_each_pass_is_told_as_work() -> None:
    told: list[str] = []
    done: list[int] = []

    def listen(what: str, total: int | None) -> AbstractContextManager[Callable[[int], None]]:
        told.append(f"{what}: {total}")
        return nullcontext(done.append)

    with heard_by(listen):
        fitted_by(plan(), Recorded())
    assert [what for what in told if what.startswith("Pass ")] == [
        "Pass 1, reading the rows: None",
        "Pass 2, fitting the temperature: None",
        "Pass 3, counting scores: None",
        "Pass 4, telling scores apart: None",
    ]
