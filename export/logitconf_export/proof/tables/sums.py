"""In which order a runtime adds up, found by probes: how many additions a term passes through.

A term M far above all others swallows the ones that are added to it, until −M takes it off again.
What is left of the ones says how many terms were below the addition where the two met, and so the
whole tree of additions comes to light.

Source: Xie et al. 2025, "FPRev: revealing the order of floating-point summation".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import numpy as np

from logitconf_export.onnx_files.types import Array
from logitconf_export.proof.tables.evaluators import Evaluator, Operation, RefusedError
from logitconf_export.proof.tables.operation_table import SumTable

Axis: TypeAlias = Literal["last", "inner"]

_SWALLOWING = 2.0**100
_MANY = 257
_ROW_COUNTS = (1, _MANY)
_TRIED = 512
_HALF_ULP = {"float32": 2.0**-24, "float64": 2.0**-53}


class UnknownOrderError(RefusedError):
    """A sum does not answer probes as additions of two terms at a time would."""


def measure_sums(
    evaluator: Evaluator, terms: int, axis: Axis, element: str = "float32"
) -> list[SumTable]:
    """How sums of so many terms are added up, one at a time and many at once.

    Raises:
        RefusedError: if the evaluator cannot add up.
        UnknownOrderError: if it does so otherwise.
    """
    tables = []
    for rows in _ROW_COUNTS:

        def add(table: Array, rows: int = rows) -> Array:
            return added(evaluator, table, axis, rows)

        depth = deepest(add, terms, element) if terms > 1 else 0
        worst = _worst(add, terms, element)
        tables.append(
            SumTable("ReduceSum", element, terms, axis, rows, depth, terms, round(worst, 3))
        )
    return tables


def added(evaluator: Evaluator, table: Array, axis: Axis, rows: int) -> Array:
    """The sums of the rows of a table (M, n), so many at once, along an axis of that kind."""
    padded = np.concatenate([table, np.repeat(table[-1:], -len(table) % rows, axis=0)])
    parts = padded.reshape(-1, rows, table.shape[1])
    if axis == "last":
        jobs = [(np.ascontiguousarray(part),) for part in parts]
    else:
        jobs = [(np.ascontiguousarray(part.T)[None],) for part in parts]
    results = evaluator.compute(Operation("ReduceSum", axes=(1,)), jobs)
    return np.concatenate([result.reshape(-1) for result in results])[: len(table)]


def deepest(add: Callable[[Array], Array], terms: int, element: str = "float32") -> int:
    """No term passes through more additions.

    Args:
        add: the sums of the rows of a table (M, n).
        terms: n ≥ 2.
        element: type of the terms.

    Raises:
        UnknownOrderError: if the sums are none of a tree of additions.
    """

    def depth(leaves: Sequence[int]) -> int:
        if len(leaves) == 1:
            return 0
        # from the middle: of a chain of additions half are then known at once, whatever its end
        middle = len(leaves) // 2
        first, others = leaves[middle], np.array([*leaves[:middle], *leaves[middle + 1 :]])
        probes = np.ones((len(others), terms), element)
        probes[:, first] = _SWALLOWING
        probes[np.arange(len(others)), others] = -_SWALLOWING
        left = np.asarray(add(probes), dtype=np.float64)
        if not (np.isin(left, np.arange(terms - 1)).all()):
            raise UnknownOrderError(
                f"a sum of {terms} terms must be made of additions, got {left[:4].tolist()} left "
                "of ones"
            )
        below = terms - left.astype(int)
        levels = [others[below == size].tolist() for size in np.unique(below)]
        # the first term meets one level after the other on its way up
        return max(
            len(levels),
            *(depth(level) + len(levels) - place for place, level in enumerate(levels)),
        )

    return depth(range(terms))


def _worst(add: Callable[[Array], Array], terms: int, element: str) -> float:
    """The largest error of random sums, in half ulps of the sum of sizes."""
    random = np.random.default_rng(terms)
    signs = random.choice([-1.0, 1.0], (_TRIED, terms))
    sizes = np.exp(random.uniform(-12.0, 0.0, (_TRIED, terms)))
    table = np.concatenate([sizes, sizes * signs]).astype(element)
    wide = np.longdouble if element == "float64" else np.float64
    exact = table.astype(wide).sum(axis=1)
    errors = np.abs(add(table).astype(wide) - exact)
    return float((errors / np.abs(table).sum(axis=1, dtype=wide)).max() / _HALF_ULP[element])
