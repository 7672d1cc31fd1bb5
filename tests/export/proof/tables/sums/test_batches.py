"""Orders that depend on the batch, its places and threads are not taken for one."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pytest

from logitconf_export.onnx_files.types import Array
from logitconf_export.proof.tables.evaluators import Operation, evaluator_of
from logitconf_export.proof.tables.sums.batches import measure_sums


def chain(table: Array) -> Array:
    total = table[:, 0].copy()
    for place in range(1, table.shape[1]):
        total += table[:, place]
    return total


def halves(table: Array) -> Array:
    middle = table.shape[1] // 2
    return table[:, 0] if middle == 0 else halves(table[:, :middle]) + halves(table[:, middle:])


class Summing:
    """Adds up by halves, and one after the other in some setting."""

    name, version = "summing", "1"

    def __init__(self, chained: str, threads: int | None = None, *, provider: str = "cpu") -> None:
        self.chained, self.threads, self.provider = chained, threads, provider

    def on_threads(self, count: int) -> "Summing":
        return Summing(self.chained, count)

    def compute(self, operation: Operation, jobs: Sequence[tuple[Array, ...]]) -> list[Array]:
        assert operation.name == "ReduceSum"
        return [self._one(job[0]) for job in jobs]

    def compute_short(self, *_: object) -> Array:
        raise AssertionError

    def _one(self, table: Array) -> Array:
        sums = halves(table)
        chained = {
            "never": np.zeros(len(table), bool),
            "in batches of 65536": np.full(len(table), len(table) == 65536),
            "in batches of 33": np.full(len(table), len(table) == 33),
            "in the last row": np.arange(len(table)) == len(table) - 1,
            "on three threads": np.full(len(table), self.threads == 3),
            "off alignment": np.full(len(table), table.ctypes.data % 64 != 0),
        }[self.chained]
        return np.where(chained, chain(table), sums)


@pytest.mark.parametrize(
    "chained", ["in batches of 33", "in the last row", "on three threads", "off alignment"]
)
def test_an_order_that_is_used_in_one_setting_alone_is_found(chained: str) -> None:
    deepest = max(table.depth for table in measure_sums(Summing(chained), 24, "last"))
    assert deepest == 23


def test_elsewhere_than_on_a_cpu_more_rows_are_added_up_at_once() -> None:
    """A GPU is given more of them, and may share them out in another way."""
    chained = "in batches of 65536"
    (narrow,) = measure_sums(Summing(chained), 24, "last")
    assert narrow.depth == 5
    wide = measure_sums(Summing(chained, provider="cuda"), 24, "last")
    assert [table.depth for table in wide] == [5, 23]
    assert 4096 in wide[0].alike


def test_one_order_in_all_settings_is_one_table() -> None:
    (table,) = measure_sums(Summing("never"), 24, "last")
    assert (table.depth, table.probed) == (5, 24)
    assert table.alike == (1, 2, 3, 4, 5, 8, 16, 33, 64, 257, 1024)
    assert table.threads == (1, 3, 16)


def test_sums_that_are_none_of_additions_get_any_order() -> None:
    class Rounding(Summing):
        def _one(self, table: Array) -> Array:
            return np.asarray(np.rint(halves(table) / 4) * 4)

    (table,) = measure_sums(Rounding("never"), 24, "last")
    assert (table.depth, table.probed) == (23, 0)


@pytest.mark.parametrize("name", ["numpy", "torch", "onnxruntime", "onnx-reference"])
@pytest.mark.parametrize("axis", ["last", "inner"])
def test_no_random_sum_is_off_by_more_than_its_depth(
    name: str, axis: Literal["last", "inner"]
) -> None:
    for table in measure_sums(evaluator_of(name), 100, axis):
        assert table.worst <= table.depth <= 99
        assert table.probed == table.terms


def test_onnxruntime_keeps_eight_running_sums_along_the_last_axis() -> None:
    """As the bands have it since they were set by hand; a few more off the alignment of vectors."""
    for table in measure_sums(evaluator_of("onnxruntime"), 1000, "last"):
        assert 1000 / 8 <= table.depth <= 1000 / 8 + 8


@pytest.mark.parametrize("operation", ["Softmax sum", "LogSoftmax sum"])
def test_the_sum_in_a_softmax_is_pinned(operation: str) -> None:
    (table,) = measure_sums(evaluator_of("onnxruntime"), 200, "last", operation=operation)
    assert table.probed == 200
    # vectors of 4, 8 or 16, and the sum of those
    assert 200 / 16 <= table.depth <= 200 / 4 + 4


def test_sums_of_doubles_are_probed_as_doubles() -> None:
    tables = measure_sums(evaluator_of("numpy"), 10, "last", "float64")
    assert {table.element for table in tables} == {"float64"}
    assert all(4 <= table.depth <= 9 for table in tables)
