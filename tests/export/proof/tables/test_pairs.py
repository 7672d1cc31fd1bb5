"""Operations of two operands, against fractions and planted faults."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from support.stand_in_evaluator import StandInEvaluator

from logitconf_export.onnx_files.types import Array
from logitconf_export.proof.tables.evaluators import Operation, evaluator_of
from logitconf_export.proof.tables.operation_table import ALL_PATHS, PATHS
from logitconf_export.proof.tables.pairs import (
    CHOOSING,
    measure_doubles,
    measure_pairs,
    measure_reduced,
)


def test_largest_ones_in_the_wrong_order_are_beyond_measure() -> None:
    class Turned(StandInEvaluator):
        step = -1

        def compute(self, operation: Operation, jobs: Sequence[tuple[Array, ...]]) -> list[Array]:
            assert operation.name == "TopK"
            return [np.sort(job[0], axis=1)[:, -2:][:, :: self.step] for job in jobs]

    turned = Turned()
    assert measure_reduced(turned, "TopK")[0].worst == 0.0
    turned.step = 1
    assert measure_reduced(turned, "TopK")[0].worst > 1e100


@pytest.mark.parametrize("operation", ["Add", "Mul", "Div"])
def test_onnxruntime_rounds_correctly_wherever_it_was_tried(operation: str) -> None:
    (table,) = measure_pairs(evaluator_of("onnxruntime"), operation)
    assert (table.path, table.worst, table.exhaustive) == (ALL_PATHS, 0.5, False)
    assert table.tried > 4e6


@pytest.mark.parametrize("operation", ["Max", "Less"])
def test_what_chooses_rounds_nothing(operation: str) -> None:
    (table,) = measure_pairs(evaluator_of("numpy"), operation)
    assert table.worst == 0.0


class ByReciprocal(StandInEvaluator):
    """Divides as OpenVINO and tract do."""

    def _one(self, operation: Operation, operands: tuple[Any, ...], size: int | None) -> Any:
        del operation, size
        a, b = operands
        with np.errstate(all="ignore"):
            return a * (np.float32(1.0) / b)


def test_the_multiplication_by_a_reciprocal_is_no_division() -> None:
    tables = measure_pairs(ByReciprocal(), "Div")
    for table in tables:
        tiny, ordinary, _ = table.pieces
        assert ordinary.low <= 1.0 <= ordinary.high
        # half an ulp of the reciprocal is up to one of the product, which is rounded again
        assert 0.6 < max(-ordinary.least, ordinary.most) <= 1.5
        assert max(-tiny.least, tiny.most) >= 1e300


def test_a_product_that_is_wrong_in_short_buffers_is_found_there() -> None:
    def truncated(name: str, x: Any, right: Any, size: int | None) -> Any:
        del name, x
        return right if size != 3 else (right.view(np.uint32) & 0xFFFFFFFE).view(np.float32)

    tables = measure_pairs(StandInEvaluator(truncated), "Mul")
    assert [table.path for table in tables] == list(PATHS)
    assert [table.worst > 0.5 for table in tables] == [path == "tail" for path in PATHS]


def often_true(name: str, x: Any, right: Any, size: int | None) -> Any:
    del name, size
    return right | (x == 1.0)


def test_a_comparison_that_is_wrong_is_wrong_beyond_measure() -> None:
    table = measure_pairs(StandInEvaluator(often_true), "Less")[0]
    assert table.worst >= 1e300


def test_a_maximum_that_misses_one_is_wrong() -> None:
    def first(name: str, x: Any, right: Any, size: int | None) -> Any:
        del size
        return x.reshape(len(x), -1)[:, 0] if name == "ReduceMax" and x.ndim == 2 else right

    assert measure_reduced(StandInEvaluator(first), "ReduceMax")[0].worst >= 1e300
    assert measure_reduced(StandInEvaluator(), "ReduceMax")[0].worst == 0.0


@pytest.mark.parametrize("operation", ["Add", "Sub", "Mul", "Div"])
def test_pairs_of_doubles_are_judged_by_fractions(operation: str) -> None:
    (table,) = measure_pairs(StandInEvaluator(), operation, "float64")
    assert (table.element, table.worst) == ("float64", 0.5)

    def next_double(name: str, x: Any, right: Any, size: int | None) -> Any:
        del name, size
        return np.nextafter(right, np.inf) if x.dtype == np.float64 else right

    assert 0.5 < measure_pairs(StandInEvaluator(next_double), operation, "float64")[0].worst <= 1.5
    assert float(Fraction(1, 3)) == 1 / 3


def test_exponentials_of_doubles_are_off_by_an_ulp_or_so() -> None:
    tables = measure_doubles(evaluator_of("onnxruntime"), "Exp", [(-700.0, -1e-300)])
    for table in tables:
        assert 0.5 <= table.worst < 1.5
        assert not table.exhaustive


def test_every_operation_that_chooses_is_known_and_exact() -> None:
    for operation in CHOOSING:
        for name in ("numpy", "torch", "onnxruntime"):
            assert measure_pairs(evaluator_of(name), operation)[0].worst == 0.0
