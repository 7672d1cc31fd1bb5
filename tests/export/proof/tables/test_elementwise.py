"""Every float of a range is judged, on each path, against arithmetic of many digits."""

import itertools
import math
import time
from collections.abc import Callable
from typing import Any

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from support.stand_in_evaluator import StandInEvaluator, moved

from logitconf_export.onnx_files.types import Array
from logitconf_export.proof.tables.elementwise import Span, measure_elementwise, shifted
from logitconf_export.proof.tables.evaluators import ArrayEvaluator, Evaluator, Operation
from logitconf_export.proof.tables.floats import run_of
from logitconf_export.proof.tables.operation_table import PATHS, OperationTable

LOW, HIGH = -1.0, -0.9998
AT = -0.99990606


def tables(evaluator: Evaluator, low: float = LOW, high: float = HIGH) -> dict[str, OperationTable]:
    measured = measure_elementwise(evaluator, Operation("Exp"), [Span(low, high)])
    assert [table.path for table in measured] == list(PATHS)
    return {table.path: table for table in measured}


def true_error(x: float, result: float, exact: Callable[..., Any] = mpmath.exp) -> float:
    """The error of one result, in ulps of the exact one, by mpmath."""
    with mpmath.workdps(60):
        true = exact(mpmath.mpf(x))
        exponent = math.floor(mpmath.log(abs(true), 2))
        ulp = mpmath.mpf(2) ** max(exponent - 23, -149)
        return float((mpmath.mpf(result) - true) / ulp)


def test_a_correctly_rounded_operation_is_off_by_half_an_ulp_and_monotone() -> None:
    for table in tables(StandInEvaluator()).values():
        assert (table.tried, table.exhaustive, table.monotone) == (table.floats, True, True)
        assert table.worst == 0.5


@pytest.mark.parametrize("steps", [1, 3, -2])
def test_a_single_wrong_result_is_found_with_its_error(steps: int) -> None:
    x = float(np.float32(AT))
    measured = tables(StandInEvaluator(moved("Exp", AT, steps, anywhere=True)))
    right = np.float32(math.exp(x))
    wrong = float((right.view(np.int32) + np.int32(steps)).view(np.float32))
    wanted = true_error(x, wrong)
    for table in measured.values():
        assert table.worst_at == x
        assert table.worst == pytest.approx(abs(wanted), abs=2e-5)
        assert table.worst >= abs(wanted)


@pytest.mark.parametrize(("size", "path"), [(3, "tail"), (1, "one element")])
def test_a_result_that_is_wrong_in_short_buffers_alone_is_found_there(size: int, path: str) -> None:
    measured = tables(StandInEvaluator(moved("Exp", AT, 2, size)))
    for name, table in measured.items():
        assert (table.worst > 1.0) == (name == path)


def test_a_step_back_is_counted_and_measured() -> None:
    # neighbours of this float have nearly its result: three floats up, then back
    measured = tables(StandInEvaluator(moved("Exp", AT, 3, anywhere=True)))
    assert {table.backward_steps for table in measured.values()} == {1}
    assert {table.largest_backward for table in measured.values()} <= {2, 3}


def test_subnormal_results_that_are_flushed_are_off_by_as_many_of_the_smallest() -> None:
    def flushed(name: str, x: Any, right: Any, size: int | None) -> Any:
        del name, x, size
        return np.where(np.abs(right) < 2.0**-126, np.float32(0.0), right)

    measured = tables(StandInEvaluator(flushed), -90.0, -89.99)
    exact = float(mpmath.exp(mpmath.mpf(float(np.float32(-89.99)))) / mpmath.mpf(2) ** -149)
    assert measured["body"].worst == pytest.approx(exact, rel=1e-4)


def test_a_nan_is_wrong_beyond_measure() -> None:
    def broken(name: str, x: Any, right: Any, size: int | None) -> Any:
        del name, size
        return np.where(x == np.float32(AT), np.float32(np.nan), right)

    assert tables(StandInEvaluator(broken))["offset"].worst >= 1e300


@pytest.mark.parametrize("name", ["numpy", "torch"])
@pytest.mark.parametrize(
    ("operation", "exact", "low", "high"),
    [
        ("Exp", mpmath.exp, -1.0, -0.99997),
        ("Log", mpmath.log, 1.0, 1.0002),
        ("Reciprocal", lambda x: 1 / x, 3.0, 3.0004),
    ],
)
def test_the_largest_error_of_a_small_range_is_that_of_mpmath(
    name: str, operation: str, exact: Callable[..., Any], low: float, high: float
) -> None:
    evaluator = ArrayEvaluator(name)
    rising = operation != "Reciprocal"
    (table,) = measure_elementwise(
        evaluator, Operation(operation), [Span(low, high)], paths=("body",), rising=rising
    )
    x = np.concatenate([*run_of(low, high, size=2**20)])
    (results,) = evaluator.compute(Operation(operation), [(x,)])
    errors = [
        true_error(value, result, exact)
        for value, result in zip(x.tolist(), results.tolist(), strict=True)
        if value != 1.0 or operation != "Log"  # log 1 is 0, which has no exponent
    ]
    largest = max(map(abs, errors))
    assert largest <= table.worst
    assert table.worst == pytest.approx(max(0.5, largest), abs=2e-5)


def test_a_constant_operand_is_divided_by() -> None:
    (table,) = measure_elementwise(
        ArrayEvaluator("numpy"), Operation("Div", (1.5,)), [Span(1.0, 1.001)], paths=("tail",)
    )
    assert (table.constant, table.worst, table.exhaustive) == (1.5, 0.5, True)


def test_what_takes_too_long_is_sampled_and_says_so() -> None:
    measured = measure_elementwise(
        StandInEvaluator(), Operation("Exp"), [Span(-1.0, -0.5, seconds=1e-4)], paths=("tail",)
    )
    assert not measured[0].exhaustive
    assert 100 < measured[0].tried < 2**22


def test_pieces_follow_each_other_without_a_gap() -> None:
    (table,) = measure_elementwise(
        ArrayEvaluator("numpy"), Operation("Exp"), [Span(-90.0, -1e-3, 0.01)], paths=("body",)
    )
    ends = [(piece.low, piece.high) for piece in table.pieces]
    assert (ends[0][0], ends[-1][1]) == (-90.0, -1e-3)
    for (_, high), (low, _) in itertools.pairwise(ends):
        assert low == np.nextafter(np.float32(high), np.float32(np.inf))


@pytest.mark.parametrize("places", [0, 1])
def test_a_shifted_array_begins_beside_the_alignment(places: int) -> None:
    x = np.arange(5, dtype=np.float32)
    made = shifted(x, places)
    assert made.tolist() == x.tolist()
    assert made.ctypes.data % 64 == 4 * places


def test_a_first_run_that_compiles_does_not_hide_what_each_float_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Short buffers of OpenVINO take a second to be compiled, and stay so."""
    now, compiled = [0.0], set()

    def compute(x: Array, path: str) -> Array:
        now[0] += 1e-4 * len(x) + (path not in compiled)
        compiled.add(path)
        return np.asarray(np.exp(x.astype(np.float64)).astype(np.float32))

    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    measure_elementwise(
        StandInEvaluator(),
        Operation("Exp"),
        [Span(-1.0, -0.9, seconds=2.0)],
        paths=("one element",),
        compute=compute,
    )
    # half of the seconds, and the trials
    assert now[0] < 1.0 + 1.0 + 1e-4 * 2500
