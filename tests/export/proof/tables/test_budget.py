"""No measuring takes longer than it may, whatever the runtime; those that are fast lose nothing."""

import math
import time
from collections.abc import Sequence

import numpy as np
import pytest
from support.stand_in_evaluator import StandInEvaluator

from logitconf_export.onnx_files.types import Array
from logitconf_export.proof.tables import elementwise, measuring
from logitconf_export.proof.tables import operations as known
from logitconf_export.proof.tables.budget import Budget, OutOfTimeError, Timed
from logitconf_export.proof.tables.elementwise import Span, measure_elementwise
from logitconf_export.proof.tables.evaluators import Operation
from logitconf_export.proof.tables.measuring import measure
from logitconf_export.proof.tables.operation_table import PATHS


class Clock:
    """Time that goes on only where a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)


class Slow(StandInEvaluator):
    """Correctly rounded, at so many seconds a call and a number."""

    def __init__(self, clock: Clock, call: float, number: float) -> None:
        super().__init__()
        self.clock, self.call, self.number = clock, call, number

    def compute(self, operation: Operation, jobs: Sequence[tuple[Array, ...]]) -> list[Array]:
        self.clock.now += self.call + self.number * sum(job[0].size for job in jobs)
        return super().compute(operation, jobs)

    def compute_short(self, operation: Operation, operands: tuple[Array, ...], size: int) -> Array:
        self.clock.now += self.call + 5.0 * self.number * len(operands[0])
        return super().compute_short(operation, operands, size)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(known, "SUM_TERMS", (2, 10))
    # a tenth of a binade in place of some, and the same seconds
    for name, low in (("Exp", -1.0), ("Log", 1.0), ("Reciprocal", 1.0)):
        row = known.OF_ONE[name]
        spans = (Span(low, low + 0.1, 100, central=True), Span(low + 0.11, low + 0.2, 200))
        short = known.OfOne(spans, row.doubles, row.rising)
        monkeypatch.setitem(known.OF_ONE, name, short)
    return Clock(monkeypatch)


def test_a_part_has_its_share_of_what_is_left(clock: Clock) -> None:
    budget = Budget(100.0)
    budget.give(0.25, kept=0.4)
    assert budget.left() == pytest.approx(15.0)
    clock.now = 14.0
    budget.check()
    clock.now = 20.0
    with pytest.raises(OutOfTimeError, match=r"share of 100 seconds; .* more by --limit"):
        budget.check()
    budget.give(0.25, kept=0.4)
    assert budget.left() == pytest.approx(10.0)
    # past what is kept nothing is left for such parts, and the rest for others
    clock.now = 70.0
    budget.give(0.25, kept=0.4)
    assert budget.left() == 0.0
    budget.give(0.5)
    assert budget.left() == pytest.approx(15.0)
    # one that looks at what is left by itself is stopped at the end of all
    budget.give(0.5, stop=False)
    clock.now = 99.0
    assert budget.left() == 0.0
    budget.check()
    clock.now = 100.0
    with pytest.raises(OutOfTimeError):
        budget.check()


def test_without_a_limit_nothing_is_out_of_time(clock: Clock) -> None:
    budget = Budget(math.inf)
    budget.give(0.25, kept=0.4)
    clock.now = 1e9
    budget.check()
    assert budget.left() == math.inf


def test_an_evaluator_out_of_time_computes_no_more(clock: Clock) -> None:
    budget = Budget(10.0)
    timed = Timed(Slow(clock, 6.0, 0.0), budget)
    x = np.ones(3, np.float32)
    for _ in range(2):
        timed.compute(Operation("Neg"), [(x,)])
    with pytest.raises(OutOfTimeError):
        timed.compute(Operation("Neg"), [(x,)])
    on = timed.on_threads(3)
    assert on is not None
    with pytest.raises(OutOfTimeError):
        on.compute_short(Operation("Neg"), (x,), 3)
    assert (timed.name, timed.provider) == ("stand-in", "cpu")


@pytest.mark.parametrize(
    ("call", "number"), [(0.0, 3e-5), (0.3, 0.0), (5.0, 0.0), (20.0, 1e-6), (1e-3, 1e-6)]
)
def test_no_runtime_takes_longer_than_the_limit(clock: Clock, call: float, number: float) -> None:
    tables = measure(Slow(clock, call, number), measuring.wish_of([1.5]), limit=480.0)
    # and the call in which the time ran out, of some million numbers at most
    assert clock.now <= 480.0 + call + 4e6 * number
    assert tables.seconds == pytest.approx(clock.now, abs=0.1)
    late = [text for text in tables.refused if "--limit" in text]
    assert bool(late) == (call >= 5.0 or number > 1e-6)


def test_what_has_time_is_measured_on_a_slow_runtime(clock: Clock) -> None:
    tables = measure(Slow(clock, 0.3, 1e-6), limit=480.0)
    assert not [text for text in tables.refused if "--limit" in text]
    for name in ("Exp", "Log", "Reciprocal"):
        for table in tables.of(name):
            assert 12 < table.tried <= (table.floats or 0)
            # half an ulp, and what the truth may be off by
            assert table.worst < 0.51


def test_a_fast_runtime_is_measured_as_without_a_limit(clock: Clock) -> None:
    limited = measure(Slow(clock, 0.0, 1e-9), only=("Exp", "Neg"), limit=480.0)
    whole = measure(Slow(clock, 0.0, 1e-9), only=("Exp", "Neg"), limit=math.inf)
    assert limited.operations == whole.operations
    assert all(table.exhaustive for table in limited.of("Exp"))
    assert limited.refused == whole.refused


def test_floats_that_take_longer_than_in_trials_are_tried_more_coarsely(clock: Clock) -> None:
    calls = 0

    def compute(x: Array, path: str) -> Array:
        assert path == "one element"
        nonlocal calls
        calls += 1
        # after the trials the machine has other things to do
        clock.now += 1e-6 * len(x) * (100.0 if calls > 3 else 1.0)
        return np.asarray(np.exp(x.astype(np.float64)).astype(np.float32))

    (table,) = measure_elementwise(
        StandInEvaluator(),
        Operation("Exp"),
        [Span(-1.0, -0.6, seconds=10.0)],
        paths=("one element",),
        compute=compute,
    )
    assert table.floats is not None
    # each in a second by the trials
    assert 1e4 < table.tried < table.floats / 10
    assert clock.now < 1.1 * 10.0 * elementwise._SHARES["one element"]


def test_a_machine_that_becomes_slow_loses_no_range(clock: Clock) -> None:
    """Many others take their share of it as soon as the trials of a range are over."""

    class Loaded(Slow):
        calls = 0

        def compute(self, operation: Operation, jobs: Sequence[tuple[Array, ...]]) -> list[Array]:
            self.calls += 1
            self.number = 1e-6 if self.calls > 40 else 1e-8
            return super().compute(operation, jobs)

    tables = measure(Loaded(clock, 1e-3, 1e-8), only=("Exp", "Log"), limit=60.0)
    assert clock.now <= 60.0 + 4e6 * 1e-6
    assert tables.refused == ()
    for name in ("Exp", "Log"):
        assert {table.path for table in tables.of(name)} == {*PATHS}
