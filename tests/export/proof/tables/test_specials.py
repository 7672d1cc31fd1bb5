"""What becomes of NaN, infinities and zeros."""

import math
from typing import Any

import numpy as np
import pytest
from support.stand_in_evaluator import StandInEvaluator

from logitconf_export.proof.tables.evaluators import RefusedError, evaluator_of
from logitconf_export.proof.tables.specials import measure_special_rows, measure_specials

NAN, INF, LARGEST = math.nan, math.inf, float(np.finfo(np.float32).max)


def seen(table: Any, *inputs: float) -> list[float]:
    results = table.result_of(tuple(repr(float(value)) for value in inputs))
    assert results is not None
    return sorted(results, key=repr)


@pytest.mark.parametrize("name", ["onnxruntime", "numpy", "torch"])
def test_exponentials_and_logarithms_of_special_values(name: str) -> None:
    exp = measure_specials(evaluator_of(name), "Exp", 1)
    log = measure_specials(evaluator_of(name), "Log", 1)
    assert [seen(exp, x) for x in (INF, -INF, 0.0, -0.0)] == [[INF], [0.0], [1.0], [1.0]]
    assert [seen(log, x) for x in (INF, 0.0, 1.0)] == [[INF], [-INF], [0.0]]
    for table in (exp, log):
        assert np.isnan(seen(table, NAN)).all()
    assert np.isnan(seen(log, -1.0)).all()


@pytest.mark.parametrize("name", ["onnxruntime", "onnx-reference", "numpy", "torch"])
def test_less_is_false_for_nan(name: str) -> None:
    less = measure_specials(evaluator_of(name), "Less", 2)
    assert seen(less, NAN, 1.0) == seen(less, 1.0, NAN) == seen(less, NAN, NAN) == [0.0]
    assert seen(less, -INF, 1.0) == [1.0]
    assert seen(less, -0.0, 0.0) == [0.0]


def test_infinities_that_cancel_give_nan() -> None:
    added = measure_specials(evaluator_of("onnxruntime"), "Add", 2)
    assert np.isnan(seen(added, INF, -INF)).all()
    assert seen(added, LARGEST, LARGEST) == [INF]
    assert seen(added, 1.0, -1.0) == [0.0]


def test_a_choice_takes_the_operand_that_it_is_told_to() -> None:
    where = measure_specials(evaluator_of("onnxruntime"), "Where", 3)
    assert seen(where, 1.0, INF, NAN) == [INF]
    assert np.isnan(seen(where, 0.0, INF, NAN)).all()


@pytest.mark.parametrize("name", ["onnxruntime", "numpy", "torch"])
def test_a_clip_keeps_nan(name: str) -> None:
    clip = measure_specials(evaluator_of(name), "Clip", 1, 0.0)
    assert clip.operation == "Clip(0.0)"
    assert np.isnan(seen(clip, NAN)).all()
    assert seen(clip, -1.0) == seen(clip, -INF) == [0.0]
    both = measure_specials(evaluator_of(name), "Clip", 1, -INF, 0.0)
    assert (both.operation, seen(both, INF)) == ("Clip(-inf, 0.0)", [0.0])


def test_a_nan_that_is_lost_in_short_buffers_alone_is_seen() -> None:
    def lost(name: str, x: Any, right: Any, size: int | None) -> Any:
        del name
        return np.where(np.isnan(x), np.float32(7.0), right) if size == 3 else right

    table = measure_specials(StandInEvaluator(lost), "Exp", 1)
    results = seen(table, NAN)
    assert 7.0 in results
    assert any(map(math.isnan, results))


def test_a_maximum_of_onnxruntime_drops_a_nan_that_is_not_the_first() -> None:
    """As is known of the CPU provider; NumPy's carries it."""
    table = measure_special_rows(evaluator_of("onnxruntime"), "ReduceMax")
    assert 1.0 in seen(table, 1.0, NAN, 1.0)
    assert seen(table, -INF, -INF, -INF) == [-INF]
    for row in ((1.0, NAN, 1.0), (NAN, 1.0, 1.0), (1.0, 1.0, NAN)):
        assert np.isnan(seen(measure_special_rows(evaluator_of("numpy"), "ReduceMax"), *row)).all()


@pytest.mark.parametrize("name", ["onnxruntime", "onnx-reference", "torch", "numpy"])
@pytest.mark.parametrize("operation", ["ReduceSum", "Gemm"])
def test_sums_carry_nan_and_infinities(name: str, operation: str) -> None:
    table = measure_special_rows(evaluator_of(name), operation)
    for row in ((1.0, NAN, 1.0), (NAN, 1.0, 1.0), (INF, 1.0, -INF)):
        assert np.isnan(seen(table, *row)).all()
    # finite results count as their sign
    assert seen(table, 1.0, 1.0, 1.0) == [1.0]
    assert seen(table, 1.0, INF, 1.0) == [INF]


def test_a_softmax_of_a_row_without_finite_values_is_nan_on_onnxruntime() -> None:
    table = measure_special_rows(evaluator_of("onnxruntime"), "Softmax")
    assert np.isnan(seen(table, -INF, -INF, -INF)).all()
    assert seen(table, 1.0, 1.0, 1.0) == [1.0]


def test_what_gives_no_result_at_all_is_refused() -> None:
    with pytest.raises(RefusedError, match="stand-in refuses Softmax"):
        measure_special_rows(StandInEvaluator(), "Softmax")
