"""What the composition knows of a tensor: its exact expression, and how far from it it may be."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from logitconf_export.proof.composing.deviations import Deviation, Share
from logitconf_export.proof.exact.expressions import Expression
from logitconf_export.proof.exact.intervals import Floats

Dim: TypeAlias = int | str
"""A number where classes or nothing lie, a name where rows do."""
MEMBERS = "members"
"""The name where members of an ensemble lie: each is a row as far as nothing is made of several."""


class CannotProveError(Exception):
    """Something that the composition does not know; the message says which."""


@dataclass(frozen=True, eq=False)
class Known:
    """A constant of the graph.

    Attributes:
        values: as they are stored.
        key: the same for tensors that are surely equal.
        rows: its shape where it is the same number for each row; empty for that of the values.
    """

    values: npt.NDArray[Any]
    key: str
    rows: tuple[Dim, ...] = ()

    @property
    def dims(self) -> tuple[Dim, ...]:
        """Its shape."""
        return self.rows or self.values.shape


@dataclass(frozen=True, eq=False)
class Tensor:
    """Numbers that depend on the row.

    Attributes:
        expression: what each would be without rounding; of the classes in `members`, if any.
        error: no computed number is further from it, (boxes or 1, cells or 1).
        dims: its shape.
        element: ``"float32"`` or ``"float64"``.
        key: the same for tensors that are surely equal.
        members: which classes each place of the dimensions that are numbers holds, a
            `Choice`, or a set whose values are added up; None for numbers of the row.
        added: additions that a sum over some classes has been through; None if it is no sum.
        source: what it is where that is no number: ``("top", v)`` 1 at the largest places of v and
            0 elsewhere, ``("count", v)`` how many these are, ``("rest", v)`` v with −inf there,
            ``("runner", v)`` the largest of that, ``("numbers", ts)`` each place its own,
            ``("limits", v, a)`` a number of ``a`` at the largest classes of v, ``("limit", v, a)``
            the least of these, ``("unmapped", m)`` what a calibration map is not through with.
        sign: 1 where no computed number is below 0, −1 where none is above; 0 if that is not known.
        largest_of: the key of the tensor whose largest computed value it is; empty if it is none.
        deviation: its error to first order; None if that is not known.
        share: its error as a share of it; None if that is not known.
        summed: of what terms of one sign it is the sum over the classes, if that is known.
        astray: whether at the largest places its numbers may be anything, a NaN too.
    """

    expression: Expression
    error: Floats
    dims: tuple[Dim, ...]
    element: str
    key: str
    members: npt.NDArray[np.object_] | None = None
    added: int | None = None
    source: tuple[Any, ...] | None = None
    sign: int = 0
    largest_of: str = ""
    deviation: Deviation | None = None
    share: Share | None = None
    summed: Summed | None = None
    astray: bool = False

    def having(self, **changes: Any) -> Tensor:
        """Itself with some of it changed; what it deviates by is forgotten where that may be."""
        if {"expression", "error"} & set(changes):
            for name in ("deviation", "share", "summed"):
                changes.setdefault(name, None)
        return replace(self, **changes)


@dataclass(frozen=True, slots=True, eq=False)
class Summed:
    """A sum over the classes of numbers of one sign.

    Attributes:
        terms: these.
        share: how far the sum of the computed ones is off, as a share of it.
        lost: what it may be off besides.
    """

    terms: Tensor
    share: float
    lost: float


@dataclass(frozen=True, slots=True, eq=False)
class Unmapped:
    """What a calibration map still does to logits before they are those of the formula.

    Attributes:
        steps: ``("Mul", scale)`` or ``("Add", bias)``, by class or one for all, float32; of a
            matrix ``("Mul", matrix)`` and ``("ReduceSum", matrix)``.
        limit: of their size as they are; between the two of a matrix, of the sum of the sizes.
        dims: shape of what the head reads.
        axis: of the classes in it.
    """

    steps: tuple[tuple[str, npt.NDArray[np.float32]], ...]
    limit: float
    dims: tuple[Dim, ...]
    axis: int


@dataclass(frozen=True, eq=False)
class Truth:
    """A bool a row or place.

    Attributes:
        value: True or False where it is the same for all rows of the range, None otherwise.
        dims: its shape.
        key: the same for tensors that are surely equal.
        below: comparisons that must all hold, as (smaller, larger).
        source: what it is where it is no comparison: ``("top", v)`` the largest places of v,
            ``("others", v)`` all but these, ``("more", v, n)`` whether more than n are largest.
        members: as of a tensor.
    """

    value: bool | None
    dims: tuple[Dim, ...]
    key: str
    below: frozenset[tuple[Tensor | Known, Tensor | Known]] = frozenset()
    source: tuple[Any, ...] | None = None
    members: npt.NDArray[np.object_] | None = None


Value: TypeAlias = Known | Tensor | Truth


def key_of(operation: str, keys: Iterable[str], *details: object) -> str:
    """The key of what an operation makes of tensors with these keys."""
    text = f"{operation}({';'.join(keys)}){details!r}"
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
