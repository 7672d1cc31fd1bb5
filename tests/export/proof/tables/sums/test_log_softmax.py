"""The exponential and the logarithm in a LogSoftmax, against kernels with planted faults."""

from collections.abc import Callable, Sequence
from decimal import Decimal, localcontext

import numpy as np
import pytest

from logitconf_export.onnx_files.types import Array
from logitconf_export.proof.tables.evaluators import Operation, RefusedError, evaluator_of
from logitconf_export.proof.tables.operation_table import LEAST_SEEN, OperationTable
from logitconf_export.proof.tables.sums.log_softmax import measure_log_softmax


class Kernel:
    """Correctly rounded inside, with the faults that a test plants."""

    name, version, provider = "kernel", "1", "cpu"
    threads: int | None = 1

    def __init__(self, exp: Callable[..., Array] = np.exp, log: Callable[..., Array] = np.log):
        self.exp, self.log = exp, log

    def on_threads(self, count: int) -> "Kernel":
        del count
        return self

    def compute(self, operation: Operation, jobs: Sequence[tuple[Array, ...]]) -> list[Array]:
        assert operation.name == "LogSoftmax"
        return [self._one(job[0]) for job in jobs]

    def compute_short(self, *_: object) -> Array:
        raise AssertionError

    def _one(self, x: Array) -> Array:
        below = (x - x.max(axis=1, keepdims=True)).astype(np.float64)
        exponentials = self.exp(below).astype(np.float32)
        total = exponentials.sum(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
        logarithm = self.log(total.astype(np.float64)).astype(np.float32)
        return np.asarray(below.astype(np.float32) - logarithm)


def measured(kernel: Kernel) -> dict[str, OperationTable]:
    return {table.operation: table for table in measure_log_softmax(kernel)}


def test_a_right_kernel_is_off_by_the_rounding_of_its_sum() -> None:
    tables = measured(Kernel())
    # half an ulp of the sum, of the exponential and of the logarithm, in ulps of the exponential
    assert 0.5 <= tables["LogSoftmax exp"].worst <= 4.0
    # and of the logarithm, which is no smaller than log 2
    assert 0.5 <= tables["LogSoftmax log"].worst <= 2.5


@pytest.mark.parametrize("ulps", [8, -8])
def test_a_fault_in_the_exponential_shows(ulps: int) -> None:
    def exp(x: Array) -> Array:
        right = np.exp(x).astype(np.float32)
        moved = (right.view(np.int32) + ulps).view(np.float32)
        return np.where((x < -0.5) & (x > -3.0), moved, right)

    tables = measured(Kernel(exp=exp))
    assert 7.0 <= tables["LogSoftmax exp"].worst <= 13.0
    assert -3.0 < tables["LogSoftmax exp"].worst_at < -0.5
    worst = max(tables["LogSoftmax exp"].pieces, key=lambda piece: piece.most - piece.least)
    assert (worst.most if ulps > 0 else -worst.least) > 7.0


def test_a_fault_in_the_logarithm_shows() -> None:
    def log(x: Array) -> Array:
        return np.where((x > 700) & (x < 900), np.log(x) * (1 + 2.0**-20), np.log(x))

    tables = measured(Kernel(log=log))
    assert tables["LogSoftmax log"].worst > 4.0
    assert 700 < tables["LogSoftmax log"].worst_at < 900


def test_the_largest_logit_that_is_added_first_is_refused() -> None:
    class AddsFirst(Kernel):
        def _one(self, x: Array) -> Array:
            largest = x.max(axis=1, keepdims=True)
            total = np.exp(x - largest).sum(axis=1, keepdims=True)
            return np.asarray(x - (largest + np.log(total)))

    with pytest.raises(RefusedError, match="must take the largest logit off before"):
        measure_log_softmax(AddsFirst())


@pytest.mark.parametrize("name", ["onnxruntime", "torch", "onnx-reference"])
def test_the_model_of_tables_bounds_what_a_kernel_is_off_by(name: str) -> None:
    """Rows of few logits, judged by decimal arithmetic: exponentials, sums and the logarithm."""
    evaluator = evaluator_of(name)
    tables = {table.operation: table for table in measure_log_softmax(evaluator)}
    u, random = 2.0**-24, np.random.default_rng(11)
    rows = -np.abs(random.normal(0, 2, (300, 6))).astype(np.float32)
    rows[:, 2] = 0.0
    (results,) = evaluator.compute(Operation("LogSoftmax", attributes={"axis": 1}), [(rows,)])
    with localcontext() as context:
        context.prec = 40
        for row, result in zip(rows.tolist(), results[:, 2].tolist(), strict=True):
            exact = sum((Decimal(x).exp() for x in row), Decimal(0))
            off = abs(Decimal(-result) - exact.ln())
            spread = float(tables["LogSoftmax exp"].worst) * 2 * u
            last = max(float(exact.ln()), LEAST_SEEN["LogSoftmax log"])
            own = tables["LogSoftmax log"].worst * float(np.spacing(np.float32(last)))
            assert float(off) <= spread + 5 * u + own
