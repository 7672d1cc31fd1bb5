"""The order of additions, found by probes, against sums whose order is known."""

import numpy as np
import pytest
from support.stand_in_evaluator import StandInEvaluator

from logitconf_export.onnx_files.types import Array
from logitconf_export.proof.tables.evaluators import ArrayEvaluator, evaluator_of
from logitconf_export.proof.tables.sums import UnknownOrderError, added, deepest, measure_sums


def one_by_one(table: Array) -> Array:
    total = table[:, 0].copy()
    for place in range(1, table.shape[1]):
        total += table[:, place]
    return total


def backwards(table: Array) -> Array:
    return one_by_one(table[:, ::-1])


def by_halves(table: Array) -> Array:
    if table.shape[1] == 1:
        return table[:, 0]
    middle = table.shape[1] // 2
    return by_halves(table[:, :middle]) + by_halves(table[:, middle:])


def with_eight_sums(table: Array) -> Array:
    sums = [one_by_one(table[:, lane::8]) for lane in range(8)]
    return one_by_one(np.stack(sums, axis=1))


@pytest.mark.parametrize(
    ("add", "terms", "depth"),
    [
        (one_by_one, 37, 36),
        (backwards, 37, 36),
        (by_halves, 64, 6),
        (by_halves, 37, 6),
        # seven additions within a sum, and the first two sums pass seven more
        (with_eight_sums, 64, 14),
        (one_by_one, 2, 1),
    ],
)
def test_the_deepest_term_of_a_known_order_is_found(add: object, terms: int, depth: int) -> None:
    assert deepest(add, terms) == depth  # type: ignore[arg-type]


def test_a_long_chain_needs_no_deep_recursion() -> None:
    assert deepest(one_by_one, 1500) == deepest(backwards, 1500) == 1499


def test_what_is_no_sum_of_additions_is_not_taken_for_one() -> None:
    with pytest.raises(UnknownOrderError, match="a sum of 10 terms must be made of additions"):
        deepest(lambda table: one_by_one(table) + 0.5, 10)


@pytest.mark.parametrize("name", ["numpy", "torch", "onnxruntime", "onnx-reference"])
@pytest.mark.parametrize("axis", ["last", "inner"])
def test_no_random_sum_is_off_by_more_than_its_depth(name: str, axis: object) -> None:
    for table in measure_sums(evaluator_of(name), 100, axis):  # type: ignore[arg-type]
        assert table.worst <= table.depth <= 99
        assert table.probed == table.terms


def test_onnxruntime_keeps_eight_running_sums_along_the_last_axis() -> None:
    """As the bands have it since they were set by hand."""
    for table in measure_sums(evaluator_of("onnxruntime"), 1000, "last"):
        assert 1000 / 8 <= table.depth <= 1000 / 8 + 8


@pytest.mark.parametrize("axis", ["last", "inner"])
def test_rows_are_added_up_along_their_axis(axis: object) -> None:
    table = np.arange(60, dtype=np.float32).reshape(20, 3)
    for rows in (1, 7):
        sums = added(StandInEvaluator(), table, axis, rows)  # type: ignore[arg-type]
        assert sums.tolist() == table.sum(axis=1).tolist()


def test_sums_of_doubles_are_probed_as_doubles() -> None:
    (alone, many) = measure_sums(ArrayEvaluator("numpy"), 10, "last", "float64")
    assert (alone.element, alone.rows, many.rows) == ("float64", 1, 257)
    assert 4 <= alone.depth <= 9
