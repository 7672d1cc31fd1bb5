"""What a computed number deviates by, to first order: each rounding and the factor it comes with.

Errors that are carried on as sizes alone add up, even where the same rounding stands in numerator
and denominator. Here each rounding is a number of its own, of bounded size, and its factor an exact
expression of the row, so that what cancels does. What is left of second order is bounded by size.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from logitconf_export.proof.composing.arithmetic import FLUSHED, rounding, unit
from logitconf_export.proof.exact import expressions
from logitconf_export.proof.exact.abstract_rows import AbstractRows
from logitconf_export.proof.exact.expressions import ONE, Expression, NoNormalFormError
from logitconf_export.proof.exact.intervals import Floats, Interval, above, below

Kind: TypeAlias = Literal["row", "class", "sum"]
_MOST_TERMS = 40
_NONE = np.zeros((1, 1))
# beside the rounding of 1, that is lost
_LOST = 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One rounding.

    Attributes:
        factor: by which it reaches the number.
        size: it is no larger, (boxes or 1, cells or 1).
        kind: ``"row"`` one a row, ``"class"`` one of each class in the number of that class,
            ``"sum"`` one of each class, all added up in a number of the row.
    """

    factor: Expression
    size: Floats
    kind: Kind


@dataclass(frozen=True, slots=True, eq=False)
class Deviation:
    """A computed number less the exact one: Σ factor · rounding + rest.

    Attributes:
        parts: by the key of the operation that rounds.
        rest: no rest is larger, (boxes or 1, cells or 1).
    """

    parts: Mapping[str, Part]
    rest: Floats

    def times(self, rows: AbstractRows, factor: Expression) -> Deviation:
        """With each part times the same."""
        parts = {key: replace(p, factor=_short(p.factor * factor)) for key, p in self.parts.items()}
        rest = above(rows.range(factor).size * self.rest) if self.rest.any() else self.rest
        return Deviation(parts, rest)

    def bound(self, rows: AbstractRows) -> Floats:
        """What no deviation of a number of the row is above."""
        total, by_class = self.rest, None
        for part in self.parts.values():
            size = above(rows.size(part.factor) * part.size)
            if part.kind == "sum":
                by_class = size if by_class is None else above(by_class + size)
            else:
                total = above(total + size)
        if by_class is not None:
            shape = np.broadcast(by_class, *(cell.low for cell in rows.cells.values())).shape
            total = above(total + rows.sum_above(np.broadcast_to(by_class, shape)))
        return total


@dataclass(frozen=True, slots=True, eq=False)
class Rounding:
    """The rounding of one operation.

    Attributes:
        size: it is no larger, for numbers anywhere in their box.
        share: of the number itself, together with the slack.
        slack: what it may be besides.
        wide: where a box is so wide that the share says more than the size.
        least: of the slack, what there is of numbers without an error, too.
    """

    size: Floats
    share: Floats
    slack: Floats
    wide: npt.NDArray[np.bool_]
    least: float = 0.0

    def of(self, key: str, exact: Expression, *, by_class: bool) -> Deviation:
        """As a deviation of the number that is rounded."""
        if not self.size.any():
            return Deviation({}, _NONE)
        kind = _kind(by_class)
        parts = {}
        if not self.wide.all():
            parts[key] = Part(ONE, np.where(self.wide, 0.0, self.size), kind)
        if self.wide.any():
            share = np.where(self.wide, self.share, 0.0)
            parts[f"share of {key}"] = Part(exact, share, kind)
        return Deviation(parts, np.where(self.wide, self.slack, 0.0))


def _kind(by_class: bool) -> Kind:
    return "class" if by_class else "row"


def _short(x: Expression) -> Expression:
    if len(x.terms) > _MOST_TERMS:
        raise NoNormalFormError("a factor of too many terms")
    return x


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """An error as a share of the exact number.

    Attributes:
        part: of it, (boxes or 1, cells or 1).
        lost: what the error may be besides.
    """

    part: Floats
    lost: float

    def within(self, least: Floats) -> Floats:
        """All of it as a share of a number that is no smaller."""
        return above(self.part + above(self.lost / least))

    def of(self, size: Floats) -> Floats:
        """The error of a number of that size."""
        return above(above(self.part * np.abs(size)) + self.lost)

    def rounded(self, share: Floats, least: float) -> Share:
        """With the rounding of the result, a share of it and no more than so much."""
        part = above(self.part + above(share * above(1.0 + self.part)))
        return Share(part, float(above(2.0 * self.lost + least)))


class Carrier(Protocol):
    """What is asked of a tensor, which is above this module."""

    @property
    def expression(self) -> Expression:
        """What it is without rounding."""

    @property
    def error(self) -> Floats:
        """No computed number is further off."""

    @property
    def key(self) -> str:
        """The same for tensors that are surely equal."""

    @property
    def members(self) -> Any:
        """The classes of its places; None for numbers of the row."""

    @property
    def element(self) -> str:
        """``"float32"`` or ``"float64"``."""

    @property
    def share(self) -> Share | None:
        """Its error as a share of it, if that is known."""

    @property
    def deviation(self) -> Deviation | None:
        """Its error to first order, if that is known."""


def whole(t: Carrier) -> Deviation:
    """All of a tensor's error as one rounding."""
    if not t.error.any():
        return Deviation({}, _NONE)
    key = f"{t.key} as a whole"
    return Deviation({key: Part(ONE, t.error, _kind(t.members is not None))}, _NONE)


def of(t: Carrier, *others: Carrier) -> Deviation:
    """That of a tensor, for use beside others: roundings of all classes are not told apart then."""
    if t.deviation is None:
        return whole(t)
    beside_classes = t.members is None and any(o.members is not None for o in others)
    sums = any(p.kind == "sum" for p in t.deviation.parts.values())
    return whole(t) if beside_classes and sums else t.deviation


def joined(deviations: Iterable[Deviation]) -> Deviation:
    """The sum of several."""
    parts: dict[str, Part] = {}
    rest = _NONE
    for deviation in deviations:
        rest = above(rest + deviation.rest) if deviation.rest.any() else rest
        for key, part in deviation.parts.items():
            other = parts.get(key)
            if other is None:
                parts[key] = part
                continue
            factor = _short(other.factor + part.factor)
            parts[key] = Part(factor, np.maximum(other.size, part.size), part.kind)
    return Deviation({k: p for k, p in parts.items() if p.factor.terms}, rest)


def besides(deviation: Deviation, more: float) -> Deviation:
    """It and no more than so much."""
    return joined([deviation, Deviation({}, np.full((1, 1), more))])


def of_sum(a: Carrier, b: Carrier) -> Deviation:
    """Of a + b."""
    return joined([of(a, b), of(b, a)])


def of_difference(rows: AbstractRows, a: Carrier, b: Carrier) -> Deviation:
    """Of a − b."""
    return joined([of(a, b), of(b, a).times(rows, -ONE)])


def of_product(rows: AbstractRows, a: Carrier, b: Carrier) -> Deviation:
    """Of a·b."""
    parts = [of(a, b).times(rows, b.expression), of(b, a).times(rows, a.expression)]
    return joined([*parts, Deviation({}, above(a.error * b.error))])


def of_quotient(rows: AbstractRows, a: Carrier, b: Carrier, quotient: Expression) -> Deviation:
    """Of a / b: (Δa − q Δb) / b, and that times Δb / b again."""
    inverse = expressions.power(b.expression, -1)
    both = joined([of(a, b), of(b, a).times(rows, -quotient)]).times(rows, inverse)
    size = rows.range(quotient).size
    least = rows.range(b.expression).least_size
    product = below(least * below(least - b.error))
    second = above(above(a.error + above(size * b.error)) * b.error)
    return joined([both, Deviation({}, above(second / product))])


def of_function(rows: AbstractRows, x: Carrier, slope: Expression, curvature: Floats) -> Deviation:
    """Of a function of x.

    Args:
        rows: the rows.
        x: its argument.
        slope: its derivative.
        curvature: it is off its tangent by at most so much times the square of x's error.
    """
    squared = above(x.error * x.error)
    return joined([of(x).times(rows, slope), Deviation({}, above(curvature * squared))])


def over_classes(rows: AbstractRows, deviation: Deviation, shape: tuple[int, ...]) -> Deviation:
    """Of a sum over all classes, without its own rounding.

    Args:
        rows: the rows.
        deviation: of each class' number.
        shape: boxes and cells of these numbers.
    """
    parts = {}
    for key, part in deviation.parts.items():
        if part.kind == "class":
            parts[key] = replace(part, kind="sum")
        else:
            factor = expressions.sum_over_classes(part.factor, rows.n_classes)
            parts[key] = Part(factor, part.size, "row")
    rest = deviation.rest
    if rest.any():
        rest = rows.sum_above(np.broadcast_to(rest, np.broadcast_shapes(rest.shape, shape)))
    return Deviation({k: p for k, p in parts.items() if p.factor.terms}, rest)


def share_of(t: Carrier) -> Share | None:
    """The share of a tensor; 0 of what is exact."""
    return t.share if t.share is not None or t.error.any() else Share(_NONE, 0.0)


def share_of_multiple(t: Carrier, factor: float | None) -> Share | None:
    """Of a tensor times a number of the graph."""
    own = share_of(t)
    return own if own is None or factor is None else Share(own.part, own.lost * abs(factor))


def share_of_difference(rows: AbstractRows, a: Carrier, b: Carrier) -> Share | None:
    """Of a − b, where both are exact but for what is lost, or b is a number."""
    one, other, less = share_of(a), share_of(b), b.expression.number
    if one is None or other is None:
        return None
    if not one.part.any() and not other.part.any():
        return Share(_NONE, one.lost + other.lost)
    if less is None or less < 0 or b.error.any() or a.members is not None:
        return None
    # x / (x - c) is largest where x is least
    least = rows.range(a.expression).low
    left = below(least - above(float(less)))
    return (
        Share(above(one.within(least) * above(least / left)), 0.0) if (left > 0.0).all() else None
    )


def share_of_quotient(a: Carrier, b: Carrier, least: Floats) -> Share | None:
    """Of a / b, where b is no smaller than so much."""
    one, other = share_of(a), share_of(b)
    if one is None or other is None or not (least > 0.0).all():
        return None
    of_b = other.within(least)
    if not (of_b < 0.5).all():
        return None
    part = above(above(one.part + of_b) / below(1.0 - of_b))
    return Share(part, float(above(2.0 * above(one.lost / least)).max()))


def share_of_least(rows: AbstractRows, t: Carrier) -> Share | None:
    """Of the least of numbers none of which is above 0: of the largest in size."""
    if t.share is None or not (rows.range(t.expression).high <= 1e-290).all():
        return None
    return Share(t.share.part.max(axis=1, keepdims=True), t.share.lost + 1e-290)


def share_of_sum(rows: AbstractRows, t: Carrier, rounded: float) -> Share | None:
    """The error of a sum of numbers of one sign as a share of it: that of the worst of them.

    Of Σ e^z, z how far below the second, the largest adds 1. Of the n − 1 others let each be off by
    a share a + b·|z|. With q the shares of their sum R >= 1, Σ e^z |z| is R (Σ q log(1 / q) −
    log R), and no entropy of n − 1 shares is above log(n − 1).
    """
    power, n = expressions.power_beside(t.expression), rows.n_classes
    if t.share is None:
        return None
    lost_in_sum = 2.0 * n * (t.share.lost + FLUSHED[t.element])
    if power is None or power < 0 or rows.top is None:
        return Share(t.share.part.max(axis=1, keepdims=True), lost_in_sum).rounded(
            np.full((1, 1), rounded), 0.0
        )
    near = -rows.range(expressions.BESIDE * expressions.number(power)).high
    part = np.broadcast_to(t.share.part, np.broadcast(t.share.part, near).shape)
    far = above(above(part * above(np.exp(-near) * (1.0 + 1e-12))) * n)
    lost = np.where(far < _LOST, far, 0.0).max(axis=1, keepdims=True)
    part = np.where(far < _LOST, 0.0, part)
    best = np.full((len(part), 1), np.inf)
    for limit in (0.5, 2.0, 4.0, 8.0, 16.0):
        least = np.where(near <= limit, part, 0.0).max(axis=1, keepdims=True)
        slope = np.where(near <= limit, 0.0, above(part / np.maximum(near, limit)))
        grown = above(slope.max(axis=1, keepdims=True) * above(np.log(n)))
        best = np.minimum(best, above(least + grown))
    return Share(above(best + lost), lost_in_sum).rounded(np.full((1, 1), rounded), 0.0)


def rounding_of(
    operation: str, units: Floats, result: Interval, carried: Floats, element: str
) -> Rounding:
    """The rounding of an operation.

    Args:
        operation: its name in the tables.
        units: in the last place of the result.
        result: where it lies, with what the operands' errors make of it.
        carried: these errors, carried on.
        element: ``"float32"`` or ``"float64"``.
    """
    flushed = FLUSHED[element]
    size = above(rounding(operation, units, result.size, element) + flushed)
    share = above(units * unit(element))
    # a unit of the smallest numbers is no share of them
    least = rounding(operation, units, np.zeros((1, 1)), element)
    slack = above(above(above(share * carried) + least) + flushed)
    wide = result.size > 2.0 * result.least_size
    return Rounding(
        size, share, slack, wide & (size > flushed), float(above(least + flushed).max())
    )
