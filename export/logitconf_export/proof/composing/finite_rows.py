"""What a head computes on finite rows: its exact expressions, and how far results may be off."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from logitconf_export.proof.composing.arithmetic import (
    FLUSHED,
    Arithmetic,
    rounding,
    sum_factor,
    unit,
)
from logitconf_export.proof.composing.composition import Composition
from logitconf_export.proof.composing.head_part import HeadPart, spell
from logitconf_export.proof.composing.nodes import Node
from logitconf_export.proof.composing.operators import apply
from logitconf_export.proof.composing.places import along, places_of, shape_of
from logitconf_export.proof.composing.tensors import (
    MEMBERS,
    CannotProveError,
    Dim,
    Known,
    Summed,
    Tensor,
    Truth,
    Unmapped,
    Value,
    key_of,
)
from logitconf_export.proof.exact.abstract_rows import AbstractRows
from logitconf_export.proof.exact.choices import Choice
from logitconf_export.proof.exact.expressions import Expression, NoNormalFormError, row
from logitconf_export.proof.exact.intervals import Floats, Interval, above
from logitconf_export.proof.tables.operation_table import MissingTableError

# what is tried as a share that terms of a sum are off by, and parts of boxes by the sum's size
_FACTORS, _PARTS = 10, 12


@dataclass(frozen=True, slots=True)
class Curve:
    """A bound on the error of a score by where the exact one lies, in boxes of its own.

    Attributes:
        values: the boxes, (boxes,).
        error: of scores in each.
    """

    values: Interval
    error: Floats


class Beside(Protocol):
    """Steps that are asked before the composition's own."""

    @property
    def curves(self) -> Mapping[str, Curve]:
        """Of scores that they made, by their keys."""

    def step(self, steps: Composition, node: Node) -> list[Value] | None:
        """What a node makes of its inputs; None if that is not theirs to say."""


@dataclass(frozen=True, slots=True)
class Computed:
    """Score and mask of all rows of the range, in one runtime.

    Attributes:
        score: its exact expression and error.
        mask: what must hold for a row to be accepted.
        rows: the rows.
        values: all that is known of each value of the graph, by name.
        curve: a bound by the score itself, where rows were not cut into boxes for it.
        off: mapped logits that are the rows are no further from exact ones; 0 without a map.
    """

    score: Tensor
    mask: Truth
    rows: AbstractRows
    values: Mapping[str, Value]
    curve: Curve | None = None
    off: float = 0.0

    def errors(self, exact: Expression) -> tuple[Interval, Floats]:
        """Where the exact score lies and how far the computed one may be off, (boxes,) each."""
        if self.curve is not None:
            return self.curve.values, self.curve.error
        values, error = self.rows.range(exact), self.score.error
        if self.score.deviation is not None:
            error = np.minimum(error, self.score.deviation.bound(self.rows))
        size = np.broadcast(values.low, error).shape
        ends = [np.broadcast_to(a, size)[:, 0] for a in (values.low, values.high, error)]
        summed = self.score.summed
        if summed is None or summed.terms.share is None or self.score.expression != exact:
            return Interval(ends[0], ends[1]), ends[2]
        return _by_size(self.rows, summed, Interval(ends[0], ends[1]), ends[2])


def _by_size(
    rows: AbstractRows, summed: Summed, values: Interval, error: Floats
) -> tuple[Interval, Floats]:
    """Boxes of a sum of positive terms cut by the size of the sum, with the error of each part.

    For every λ the terms together are off by at most λ times their sum, and what each is off by
    beyond that share of it.
    """
    each, share = rows.range(summed.terms.expression), summed.terms.share
    assert share is not None
    low, high = values.low, values.high
    least = max(float(share.part.min()), 1e-12)
    factors = np.geomspace(least, max(float(share.part.max()), 2.0 * least), _FACTORS)
    start = np.maximum(low, high * 1e-9)[:, None]
    cuts = start * (high[:, None] / start) ** np.linspace(0.0, 1.0, _PARTS + 1)
    cuts[:, 0], cuts[:, -1] = low, high
    parts = Interval(cuts[:, :-1], np.maximum(cuts[:, 1:], cuts[:, :-1]))
    carried = np.full(parts.high.shape, np.inf)
    for factor in factors:
        more = above(share.part - factor)
        beyond = rows.sum_above(above(more * np.where(more > 0.0, each.high, each.low)))
        carried = np.minimum(carried, above(above(factor * parts.high) + beyond))
    carried = above(np.maximum(carried, 0.0) + rows.n_classes * share.lost)
    own = above(above(summed.share * above(parts.high + carried)) + summed.lost)
    error = np.minimum(error[:, None], above(carried + own))
    return Interval(parts.low.ravel(), parts.high.ravel()), error.ravel()


def compose(
    part: HeadPart,
    rows: AbstractRows,
    arithmetic: Arithmetic,
    *,
    dims: tuple[Dim, ...],
    element: str,
    numbers: Mapping[tuple[str, bytes], Fraction],
    kept: frozenset[bytes] = frozenset(),
    mapping: Unmapped | None = None,
    beside: Beside | None = None,
    reads: Expression | None = None,
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
        mapping: what makes the rows' logits from those that it reads, None for nothing.
        beside: steps that are asked first.
        reads: what it reads, if that is not the rows' logits.

    Raises:
        CannotProveError: at the first node that stops it, which the message names.
    """
    steps = Composition(rows, arithmetic, numbers, kept)
    logits = _logits(rows, dims, element)
    if reads is not None:
        logits = logits.having(expression=reads)
    if mapping is not None:
        logits = _unmapped(rows, logits, mapping)
    values: dict[str, Value] = {**part.constants, part.tensor: logits}
    for proto in part.nodes:
        try:
            node = part.node(proto, values)
            own = None if beside is None else beside.step(steps, node)
            made = own or _mapped(steps, node) or apply(steps, node)
        except (CannotProveError, NoNormalFormError, MissingTableError) as error:
            raise CannotProveError(f"{spell(proto)} stops it: {error}") from error
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            # of files from elsewhere, whose shapes, places and types need not fit
            raise CannotProveError(f"{spell(proto)} is none that fits: {error!r}") from error
        values.update(zip(proto.output, made, strict=False))
    score, mask = values[part.score], values[part.mask]
    if not isinstance(score, Tensor) or score.members is not None:
        raise CannotProveError("the score is no number of the row")
    if not isinstance(mask, Truth):
        raise CannotProveError("the mask is no comparison")
    wanted = tuple(d for d in dims if isinstance(d, str) and d != MEMBERS)
    for name, value in (("score", score), ("mask", mask)):
        if places_of(value.dims) > 1:
            raise CannotProveError("a row has several scores or decisions")
        if value.dims != wanted and mask.value is None:
            raise CannotProveError(f"the {name} is not seen to have one value a row")
    curve = None if beside is None else beside.curves.get(score.key)
    return Computed(score, mask, rows, values, curve, steps.off)


def _logits(rows: AbstractRows, dims: tuple[Dim, ...], element: str) -> Tensor:
    sizes = tuple(d for d in dims if isinstance(d, int))
    members = None
    if rows.cells:
        members = np.empty(sizes, dtype=object)
        members.ravel()[:] = [Choice.of(i) for i in range(rows.n_classes)]
    return Tensor(rows.logit, np.zeros((1, 1)), dims, element, "logits", members)


def _unmapped(rows: AbstractRows, logits: Tensor, mapping: Unmapped) -> Tensor:
    """Logits of which all that is known is their size, until the map is through with them."""
    expression = row(f"unmapped {len(mapping.steps)}")
    rows.know(expression, Interval.of([[-mapping.limit]], [[mapping.limit]]))
    return logits.having(expression=expression, source=("unmapped", mapping))


def _mapped(steps: Composition, node: Node) -> list[Value] | None:
    """The next step of the card's calibration map; None where none is left.

    Raises:
        CannotProveError: if it is another, or of other numbers.
    """
    if node.operation not in ("Add", "Mul", "ReduceSum"):
        return None
    x, constant = node.inputs[0], node.inputs[1] if len(node.inputs) > 1 else None
    if isinstance(x, Known):
        x, constant = constant, x
    if not isinstance(x, Tensor) or x.source is None or x.source[0] != "unmapped":
        return None
    mapping: Unmapped = x.source[1]
    (operation, numbers), *rest = mapping.steps
    if node.operation != operation or not _is_step(x, node, constant, mapping, numbers):
        raise CannotProveError("this is not the card's calibration map")
    size, error = _STEPS[operation if numbers.ndim < 2 else f"{operation} of a matrix"](
        steps, x, numbers, mapping.limit
    )
    key = key_of(operation, (x.key, "" if constant is None else constant.key))
    if rest:
        left = replace(mapping, steps=tuple(rest), limit=size)
        made = _unmapped(steps.rows, x, left)
        if rest[0][0] == "ReduceSum":
            # each number beside each class that it counts for
            dims = list(x.dims)
            dims[mapping.axis + 1] = steps.rows.n_classes
            assert x.members is not None
            each = np.broadcast_to(x.members, (steps.rows.n_classes,) * 2)
            return [made.having(dims=tuple(dims), members=each, error=error, key=key)]
        whole = _logits(steps.rows, mapping.dims, x.element)
        return [made.having(dims=whole.dims, members=whole.members, error=error, key=key)]
    return [_through(steps, x, mapping.dims, size, error).having(key=key)]


def _through(
    steps: Composition, x: Tensor, dims: tuple[Dim, ...], size: float, error: Floats
) -> Tensor:
    """Mapped logits: of competing classes those that were computed are the rows.

    What they are away from exact ones is added to the score's error in the end.
    """
    made = _logits(steps.rows, dims, x.element)
    if steps.rows.top is None:
        return made.having(error=error)
    steps.off = float(error.max())
    if above(size + steps.off) > steps.rows.limit:
        raise CannotProveError("mapped logits may be larger than the rows")
    return made


def _is_step(
    x: Tensor, node: Node, constant: Value | None, mapping: Unmapped, numbers: Array32
) -> bool:
    """Whether a node does what the map does next, with its numbers."""
    axis, dims = mapping.axis, mapping.dims
    if node.operation == "ReduceSum":
        whole = x.dims == (*dims[: axis + 1], dims[axis], *dims[axis + 1 :])
        squeezed = node.attributes.get("keepdims", 1) == 0
        return whole and squeezed and node.axes(len(x.dims)) == (axis,)
    if not isinstance(constant, Known):
        return False
    values = constant.values
    if numbers.ndim == 2:
        wide = (*dims[: axis + 1], 1, *dims[axis + 1 :])
        shape = (1,) * (len(wide) - values.ndim) + values.shape
        sizes = [1] * len(wide)
        sizes[axis : axis + 2] = numbers.shape
        return (
            x.dims == wide
            and list(shape) == sizes
            and np.array_equal(values.reshape(numbers.shape), numbers)
        )
    given = along(values, x.dims, axis) if x.dims == dims else None
    if numbers.size == 1 and values.size == 1:
        given = values.ravel()
    fits = given is not None and shape_of(x, constant) == x.dims
    return fits and given is not None and np.array_equal(given, numbers)


def _times(steps: Composition, x: Tensor, numbers: Array32, limit: float) -> tuple[float, Floats]:
    """Largest size and error of logits times a number by class."""
    most = float(np.abs(numbers).max())
    size = float(above(limit * most))
    carried = above(x.error * most)
    return size, _rounded(steps, "Mul", x, max(size, limit, most), carried)


def _plus(steps: Composition, x: Tensor, numbers: Array32, limit: float) -> tuple[float, Floats]:
    """Largest size and error of logits plus a number by class."""
    size = float(above(limit + float(np.abs(numbers).max())))
    return size, _rounded(steps, "Add", x, size, x.error)


def _rounded(steps: Composition, operation: str, x: Tensor, size: float, carried: Floats) -> Floats:
    operands = Interval.of([[-size]], [[size]])
    units = steps.arithmetic.units(operation, operands, x.element)
    own = rounding(operation, units, above(np.full((1, 1), size) + carried), x.element)
    return above(above(carried + own) + FLUSHED[x.element])


def _times_each(
    steps: Composition, x: Tensor, numbers: Array32, limit: float
) -> tuple[float, Floats]:
    """Largest sum of sizes of what each class gives to one, and the errors of that sum together."""
    weights = np.abs(numbers.astype(np.float64)).sum(axis=0).max()
    size = float(above(above(weights * (1.0 + _OFF)) * limit))
    reach = Interval.of([[-size]], [[size]])
    units = steps.arithmetic.units("Mul", reach, x.element)
    share = above(units * unit(x.element))
    return size, above(above(size * share) + len(numbers) * 2.0 * FLUSHED[x.element])


def _sum_of_each(
    steps: Composition, x: Tensor, numbers: Array32, limit: float
) -> tuple[float, Floats]:
    """Largest size and error of the sums."""
    depth = steps.arithmetic.depth("ReduceSum", len(numbers), last=False, element=x.element)
    share = sum_factor(depth, x.element)
    lost = 2.0 * FLUSHED[x.element] * len(numbers)
    own = above(above(above(limit + x.error) * share) + lost)
    return limit, above(x.error + own)


Array32: TypeAlias = npt.NDArray[np.float32]
# of at most 256 sizes added up in float64
_OFF = 1e-12
_STEPS: Mapping[str, Callable[[Composition, Tensor, Array32, float], tuple[float, Floats]]] = {
    "Mul": _times,
    "Add": _plus,
    "Mul of a matrix": _times_each,
    "ReduceSum of a matrix": _sum_of_each,
}
