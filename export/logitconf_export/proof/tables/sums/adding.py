"""What operations add up, and how their sums are read from their results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from logitconf_export.onnx_files.types import Array
from logitconf_export.proof.tables.elementwise import shifted
from logitconf_export.proof.tables.evaluators import Evaluator, Operation, RefusedError

Axis: TypeAlias = Literal["last", "inner"]


@dataclass(frozen=True, slots=True)
class Adding:
    """An operation that adds up.

    Attributes:
        operation: ONNX's name.
        input: what it is given for terms.
        beyond: what its results (M, n), or (M, 1), say of the sum above 1, of terms that are not
            negative and of which one is 1; None where its results are the sums, of any sign.
        axes: along which it can add up.
    """

    operation: str
    input: Callable[[Array], Array] = np.asarray
    beyond: Callable[[Array], Array] | None = None
    axes: tuple[Axis, ...] = ("last", "inner")

    def computed(
        self,
        evaluator: Evaluator,
        terms: Array,
        axis: Axis,
        *,
        rows: int,
        element: str = "float32",
        offset: int = 0,
    ) -> Array:
        """The results (M, 1) or (M, n) for the rows of a table (M, n), so many at once.

        Args:
            evaluator: what computes.
            terms: (M, n).
            axis: along which they are added.
            rows: how many at once.
            element: type of the terms.
            offset: so many places beside the alignment of vectors.

        Raises:
            RefusedError: if the evaluator cannot compute it.
        """
        padded = np.concatenate([terms, np.repeat(terms[-1:], -len(terms) % rows, axis=0)])
        parts = self.input(padded).astype(element).reshape(-1, rows, terms.shape[1])
        jobs = [tuple(shifted(x, offset) for x in self._operands(part, axis)) for part in parts]
        results = evaluator.compute(self._node(), jobs)
        expected = parts[0].size if self.operation in _OF_EACH else rows
        if any(result.size != expected for result in results):
            # OpenVINO 2026.4 reduces all axes in a ReduceL1 whose axes are an attribute
            raise RefusedError(
                f"{evaluator.name} {evaluator.version} must give {expected} numbers in a "
                f"{self.operation} of {rows} rows of {terms.shape[1]}, got {results[0].size}"
            )
        if self.operation in _OF_EACH:
            if axis == "inner":
                results = [result[0].T for result in results]
            return np.concatenate(results)[: len(terms)]
        return np.concatenate([result.reshape(-1, 1) for result in results])[: len(terms)]

    def _operands(self, part: Array, axis: Axis) -> tuple[Array, ...]:
        if self.operation == "Gemm":
            # as heads have it: a row of weights and the transpose of the logits
            return np.ones((1, part.shape[1]), part.dtype), np.ascontiguousarray(part)
        if axis == "last":
            return (np.ascontiguousarray(part),)
        return (np.ascontiguousarray(part.T)[None],)

    def _node(self) -> Operation:
        if self.operation == "Gemm":
            return Operation("Gemm", attributes={"transB": 1})
        if self.operation in _OF_EACH:
            return Operation(self.operation, attributes={"axis": 1})
        return Operation(self.operation, axes=(1,))


_OF_EACH = ("Softmax", "LogSoftmax")


def _logarithms(terms: Array) -> Array:
    return np.log(np.maximum(terms, 1e-300))


def _of_shares(results: Array) -> Array:
    return np.asarray(1.0 / results.astype(np.float64).max(axis=1) - 1.0)


def _of_logarithms(results: Array) -> Array:
    return np.asarray(np.expm1(-results.astype(np.float64).max(axis=1)))


ADDING: Mapping[str, Adding] = {
    "ReduceSum": Adding("ReduceSum"),
    "Gemm": Adding("Gemm", axes=("last",)),
    "ReduceL1": Adding("ReduceL1", beyond=lambda results: results[:, 0].astype(np.float64) - 1.0),
    "Softmax sum": Adding("Softmax", _logarithms, _of_shares),
    "LogSoftmax sum": Adding("LogSoftmax", _logarithms, _of_logarithms),
}
"""By the names that sums have in tables."""


def signed(name: str) -> bool:
    """Whether terms may be negative and results are the sums."""
    return ADDING[name].beyond is None


def random_terms(name: str, terms: int, count: int, seed: int) -> Array:
    """Rows (count, terms) whose sums depend on their order."""
    random = np.random.default_rng(seed)
    sizes = np.exp(random.uniform(-12.0, 0.0, (count, terms)))
    if not signed(name):
        sizes[np.arange(count), random.integers(0, terms, count)] = 1.0
        return sizes
    return np.asarray(sizes * random.choice([-1.0, 1.0], sizes.shape))
