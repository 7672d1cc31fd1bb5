"""What a head computes on finite rows: its exact expressions, and how far results may be off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from logitconf_export.proof.composing.arithmetic import Arithmetic
from logitconf_export.proof.composing.composition import Composition
from logitconf_export.proof.composing.head_part import HeadPart, spell
from logitconf_export.proof.composing.operators import apply
from logitconf_export.proof.composing.tensors import CannotProveError, Dim, Tensor, Truth, Value
from logitconf_export.proof.exact.abstract_rows import AbstractRows
from logitconf_export.proof.exact.choices import Choice
from logitconf_export.proof.exact.expressions import Expression, NoNormalFormError
from logitconf_export.proof.exact.intervals import Floats, Interval
from logitconf_export.proof.tables.operation_table import MissingTableError


@dataclass(frozen=True, slots=True)
class Computed:
    """Score and mask of all rows of the range, in one runtime.

    Attributes:
        score: its exact expression and error.
        mask: what must hold for a row to be accepted.
        rows: the rows.
        values: all that is known of each value of the graph, by name.
    """

    score: Tensor
    mask: Truth
    rows: AbstractRows
    values: Mapping[str, Value]

    def errors(self, exact: Expression) -> tuple[Interval, Floats]:
        """Where the exact score lies and how far the computed one may be off, (boxes,) each."""
        values, error = self.rows.range(exact), self.score.error
        if self.score.deviation is not None:
            error = np.minimum(error, self.score.deviation.bound(self.rows))
        size = np.broadcast(values.low, error).shape
        ends = [np.broadcast_to(a, size)[:, 0] for a in (values.low, values.high, error)]
        return Interval(ends[0], ends[1]), ends[2]


def compose(
    part: HeadPart,
    rows: AbstractRows,
    arithmetic: Arithmetic,
    *,
    dims: tuple[Dim, ...],
    element: str,
    numbers: Mapping[tuple[str, bytes], Fraction],
    kept: frozenset[bytes] = frozenset(),
) -> Computed:
    """Walks through the head.

    Args:
        part: the head.
        rows: the rows that it reads.
        arithmetic: of the runtime.
        dims: shape of what it reads, a number for the classes and names for the rest.
        element: dtype of what it reads.
        numbers: what constants stand for that are rounded.
        kept: constants whose comparisons stay as they are, for all rows alike or not.

    Raises:
        CannotProveError: at the first node that stops it, which the message names.
    """
    steps = Composition(rows, arithmetic, numbers, kept)
    values: dict[str, Value] = {**part.constants, part.tensor: _logits(rows, dims, element)}
    for proto in part.nodes:
        try:
            made = apply(steps, part.node(proto, values))
        except (CannotProveError, NoNormalFormError, MissingTableError) as error:
            raise CannotProveError(f"{spell(proto)} stops it: {error}") from error
        values.update(zip(proto.output, made, strict=False))
    score, mask = values[part.score], values[part.mask]
    if not isinstance(score, Tensor) or score.members is not None:
        raise CannotProveError("the score is no number of the row")
    if not isinstance(mask, Truth):
        raise CannotProveError("the mask is no comparison")
    return Computed(score, mask, rows, values)


def _logits(rows: AbstractRows, dims: tuple[Dim, ...], element: str) -> Tensor:
    sizes = tuple(d for d in dims if isinstance(d, int))
    members = None
    if rows.cells:
        members = np.empty(sizes, dtype=object)
        members.ravel()[:] = [Choice.of(i) for i in range(rows.n_classes)]
    return Tensor(rows.logit, np.zeros((1, 1)), dims, element, "logits", members)
