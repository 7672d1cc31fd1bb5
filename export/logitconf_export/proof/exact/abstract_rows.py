"""All rows of a stated range at once: boxes of what a row is, cells of what a class can be.

A row of competing classes is its largest logit m, the gap to the second, the sum
S = Σ exp((x − m) / T), and each class' distance y = x − m, 0 for one class at least. Labels are x,
one by one, with what is added up of them. The ranges of S and the like are cut into boxes, that of
y or x into cells. A sum over the classes is bounded from the sum that the box fixes by weak
duality: for every λ, Σ g(y) = Σ (g − λh)(y) + λ Σ h(y) is at most the number of classes times the
largest value of g − λh, plus λ times what is known of Σ h.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from logitconf_export.proof.exact.expressions import (
    Atom,
    Expression,
    Product,
    atom_by_class,
    collected,
    expression_multiple,
    never_negative,
    of_class,
    row,
    substituted,
)
from logitconf_export.proof.exact.intervals import Floats, Interval, above, below

LARGEST, GAP, LOWEST = row("largest"), row("gap"), row("lowest")
BELOW = of_class("below")
# of two classes: minus the gap, in size
BETWEEN = row("below 0") - row("below 1")
LABEL, ONE_LOGIT = of_class("label"), row("logit")
TOP, BOTTOM, LEAST, MOST = row("top"), row("bottom"), row("least"), row("most")

_BISECTIONS, _SHARES = 40, np.geomspace(1e-6, 1e2, 17)
# what bounds of what is never below 0 may be below it
_NOTHING = 1e-290
# of the sizes of at most 40 terms, added up in float64
_OFF = 1e-13


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum over the classes that boxes fix.

    Attributes:
        part: what is added up.
        total: for all classes together.
        others: for all but one of the largest, where that is known better than as a difference.
    """

    part: Expression
    total: Interval
    others: Interval | None = None


@dataclass(eq=False)
class AbstractRows:
    """Rows as boxes and cells.

    Attributes:
        logit: the expression of a logit, of a class or of the row.
        n_classes: how many of them; 1 for one logit.
        limit: no finite logit is larger in size.
        numbers: the ranges of numbers of the row, (boxes, 1), by their atoms.
        cells: the range of a class' number, (1, cells), by its atom.
        extremes: of a class' number, the largest and the smallest over the classes.
        fixed: the sum over the classes that boxes fix, if there is one.
        second: another, which follows from it and the rest that boxes fix.
        top: the cell in which one class of each row lies; None if none is known.
        known: ranges of whole expressions that are sharper than those of their parts.
        others: numbers of the row by numbers that boxes fix.
        cuts: what is cut into boxes, by its name, (boxes, 1) each.
        make: what makes rows of the same kind from other boxes.
        besides: which finite rows up to the limit are none of these, in words; empty if all are.
    """

    logit: Expression
    n_classes: int
    limit: float
    numbers: Mapping[Atom, Interval]
    cells: Mapping[Atom, Interval]
    extremes: Mapping[Atom, tuple[Expression, Expression]]
    fixed: Sum | None = None
    second: Sum | None = None
    top: int | None = None
    known: Mapping[Expression, Interval] = field(default_factory=dict)
    others: Mapping[Atom, Expression] = field(default_factory=dict)
    cuts: Mapping[str, Interval] = field(default_factory=dict)
    make: Callable[[Mapping[str, Interval]], AbstractRows] | None = None
    besides: str = ""
    _ranges: dict[Expression, Interval] = field(default_factory=dict)
    _sums: dict[Atom, Interval] = field(default_factory=dict)

    def halved(self, chosen: npt.NDArray[np.bool_]) -> AbstractRows:
        """Some of the boxes, each halved in everything that is cut."""
        assert self.make is not None
        parts = {name: Interval(v.low[chosen], v.high[chosen]) for name, v in self.cuts.items()}
        for name in self.cuts:
            own = parts[name]
            middle = 0.5 * (own.low + own.high)
            halves = {}
            for other, v in parts.items():
                low, high = np.vstack([v.low, v.low]), np.vstack([v.high, v.high])
                if other == name:
                    low, high = np.vstack([v.low, middle]), np.vstack([middle, v.high])
                halves[other] = Interval(low, high)
            parts = halves
        return self.make(parts)

    def range(self, x: Expression) -> Interval:
        """Where the values of an expression lie, (boxes or 1, cells or 1)."""
        x = self._fixed(x)
        if x not in self._ranges:
            self._ranges[x] = self.evaluated(x)
        return self._ranges[x]

    def know(self, x: Expression, values: Interval) -> None:
        """Takes down where the values of an expression lie, besides what follows from it."""
        if all(a in self.numbers for product, _ in x.terms for a, _p in product if a[0] == "row"):
            values = values.within(self.range(x).low, self.range(x).high)
        self._ranges[self._fixed(x)] = values

    def _fixed(self, x: Expression) -> Expression:
        """The same by numbers that boxes fix, so that what cancels among them does."""
        return substituted(x, self.others.get) if self.others else x

    def evaluated(self, x: Expression) -> Interval:
        """As :meth:`range`, without keeping it."""
        x = self._fixed(x)
        total, shared = Interval.of(np.zeros((1, 1))), self._by_classes(x)
        for product, factor in shared.items():
            total = total + (factor * self._together(product) if product else factor)
        if never_negative(x):
            # outward rounding takes 0 for the smallest number below it
            total = total.within(0.0, np.inf)
        apart = expression_multiple(x, BETWEEN)
        if apart is not None and atom_of(GAP) in self.numbers:
            gap = above(float(above(abs(float(apart)))) * self.numbers[atom_of(GAP)].size)
            total = total.within(-gap, gap)
        for whole, values in self.known.items():
            part = expression_multiple(x, whole)
            if part is not None:
                return rational(part) * values
        share = expression_multiple(x, self.logit)
        if share is not None:
            # the largest logit and the distance from it are bounded together
            reach = float(above(abs(float(share)) * self.limit))
            total = total.within(-reach, reach)
        return total

    def size(self, x: Expression) -> Floats:
        """No less than the size of an expression, in each box and cell.

        With terms of boxes and of cells as middles and radii, it is some products of matrices.
        """
        x = self._fixed(x)
        shared = self._by_classes(x)
        if len(shared) < 2 and () in shared:
            return self.evaluated(x).size
        boxes = np.broadcast_shapes(*(factor.low.shape for factor in shared.values()))
        rows = [_middle(factor, boxes[0]) for factor in shared.values()]
        cells = [_middle(self._together(p)) for p in shared]
        across = np.broadcast_shapes(*(middle.shape for middle, _ in cells))
        if across[0] > 1 or not all(np.isfinite(a).all() for pair in rows + cells for a in pair):
            return self.evaluated(x).size
        f, of_f = (np.hstack(arrays) for arrays in zip(*rows, strict=True))
        c, of_c = (
            np.vstack([np.broadcast_to(a, across) for a in arrays])
            for arrays in zip(*cells, strict=True)
        )
        radius = of_f @ (np.abs(c) + of_c) + np.abs(f) @ of_c
        # sums of so few products are off by less than a share of the terms' sizes
        return np.asarray(np.abs(f @ c) + radius + _OFF * (np.abs(f) @ np.abs(c) + radius) + 1e-300)

    def of_product(self, product: Product) -> Interval:
        """Where the values of a product of atoms lie."""
        return self.evaluated(Expression(((product, Fraction(1)),)))

    def _by_classes(self, x: Expression) -> dict[Product, Interval]:
        """Its terms by what of them depends on the classes: boxes meet cells once for each."""
        shared: dict[Product, Interval] = {}
        for product, coefficient in x.terms:
            # exponents are looked up together
            by_class = any(atom_by_class(a) for a, _ in product if a[0] == "exp")
            own = tuple(
                i for i in product if atom_by_class(i[0]) or (by_class and i[0][0] == "exp")
            )
            rest = tuple(item for item in product if item not in own)
            factor = rational(coefficient)
            if rest:
                factor = factor * self._together(rest)
            shared[own] = shared[own] + factor if own in shared else factor
        return shared

    def _together(self, product: Product) -> Interval:
        result = Interval.of(np.ones((1, 1)))
        # what is known of a sum in an exponent is more than what is known of its parts
        exponents = [(a[1], p) for a, p in product if a[0] == "exp"]
        if exponents:
            result = self.range(collected(exponents)).exp()
        for a, exponent in product:
            if a[0] != "exp":
                result = result * self._ofatom_of(a, exponent)
        return result

    def _ofatom_of(self, a: Atom, exponent: Fraction) -> Interval:
        alone = Expression((((((a, Fraction(1)),)), Fraction(1)),))
        match a[0]:
            case _ if alone in self.known:
                value = self.known[alone]
            case "row":
                # others are known as expressions
                value = self.numbers[a] if a in self.numbers else self._ranges[alone]
            case "class":
                value = self.cells[a]
            case "sum":
                value = self._of_sum(a)
            case "log":
                value = self.range(a[1]).log()
            case "base":
                value = self.range(a[1])
            case _:
                inside = self.range(a[1])
                value = Interval(inside.least_size, inside.size)
        if exponent.denominator == 1:
            return value.power(int(exponent))
        return (rational(exponent) * value.within(0.0, np.inf).log()).exp()

    def _of_sum(self, a: Atom) -> Interval:
        part = Expression(((a[1], Fraction(1)),))
        if a in self.numbers:
            return self.numbers[a]
        if self.fixed is not None and part == self.fixed.part:
            return self.fixed.total
        if a not in self._sums:
            each = self.range(part)
            self._sums[a] = Interval(-self.sum_above(-each.low), self.sum_above(each.high))
        return self._sums[a]

    def sum_above(self, values: Floats) -> Floats:
        """No less than the sum over the classes of what is at most `values` in each cell."""
        others = self.others_above(values)
        if self.top is None:
            return others
        return above(values[:, self.top : self.top + 1] + others)

    def others_above(self, values: Floats) -> Floats:
        """As :meth:`sum_above`, without the one largest class whose cell is known."""
        others = self.n_classes - (self.top is not None)
        if others == 0:
            return np.zeros((1, 1))
        if self.fixed is None:
            return above(others * values.max(axis=1, keepdims=True))
        best = self._bound_by(self.fixed, values, others)
        if self.second is not None and len(values) > 1:
            best = np.minimum(best, self._bound_by(self.second, values, others))
        return best

    def _bound_by(self, known: Sum, values: Floats, others: int) -> Floats:
        """What the values of all classes but the top one come to at most, by one sum."""
        part, rest = self.range(known.part), known.total
        if known.others is not None:
            return self._bound_of_rest(values, part, known.others, others)
        if self.top is not None:
            rest = rest - Interval(
                part.low[:, self.top : self.top + 1], part.high[:, self.top : self.top + 1]
            )
        if part.low.min() >= -_NOTHING:
            rest = rest.within(-self.n_classes * _NOTHING, np.maximum(rest.high, 0.0))
        if len(values) == 1 and len(part.low) == 1:
            # the same for all boxes with the same sum
            ends, places = np.unique(np.hstack([rest.low, rest.high]), axis=0, return_inverse=True)
            rest = Interval(ends[:, :1], ends[:, 1:])
            return self._bound_of_rest(values, part, rest, others)[places.ravel()]
        return self._bound_of_rest(values, part, rest, others)

    def _bound_of_rest(self, values: Floats, part: Interval, rest: Interval, others: int) -> Floats:
        """The dual bound with the λ that bisection finds; it holds for every λ."""
        share = np.clip(0.5 * (rest.low + rest.high) / others, part.low.min(), part.high.max())
        least, most = values.min(axis=1, keepdims=True), part.high.max(axis=1, keepdims=True)
        # a masked class adds 0 to both sums
        floor = -np.inf
        if self.fixed is not None and self.fixed.others is not None:
            # what is never below 0 is nowhere more than all of it
            possible = (part.low <= rest.high) | (part.low.min() < 0.0)
            # a box without rows
            possible |= ~possible.any(axis=1, keepdims=True)
            least = np.where(possible, values, np.inf).min(axis=1, keepdims=True)
            most = np.where(possible, part.high, -np.inf).max(axis=1, keepdims=True)
            values, floor = np.where(possible, values, -np.inf), 0.0
        spread = values.max(axis=1, keepdims=True) - least
        tiny = 1e-300
        with np.errstate(over="ignore"):
            low = -spread / np.maximum(most - share, tiny)
            high = spread / np.maximum(share - part.low.min(axis=1, keepdims=True), tiny)
        low, high = np.clip(low, -1e290, 1e290), np.clip(high, -1e290, 1e290)
        middle_part = 0.5 * (part.low + part.high) + np.zeros(values.shape)
        for _ in range(_BISECTIONS):
            slope = 0.5 * (low + high)
            worst = values - slope * np.where(slope > 0.0, part.low, part.high)
            chosen = worst.argmax(axis=1)[:, None]
            at = np.take_along_axis(np.broadcast_to(middle_part, worst.shape), chosen, axis=1)
            more = at > share
            low, high = np.where(more, slope, low), np.where(more, high, slope)
        best = above(others * np.maximum(values.max(axis=1, keepdims=True), floor))
        best = best + np.zeros_like(low)
        slopes = [low, high, 0.5 * (low + high)]
        if self.second is not None and part.low.min() >= -_NOTHING:
            # where little is left for many classes, cells are too wide to find the best one
            slopes += [spread / most * share for share in _SHARES]
        for slope in slopes:
            worst = above(values - below(slope * np.where(slope > 0.0, part.low, part.high)))
            known = above(slope * np.where(slope > 0.0, rest.high, rest.low))
            each = np.maximum(worst.max(axis=1, keepdims=True), floor)
            best = np.minimum(best, above(above(others * each) + known))
        return np.asarray(best)


def _middle(values: Interval, boxes: int | None = None) -> tuple[Floats, Floats]:
    """Middles and radii that hold the values."""
    with np.errstate(invalid="ignore", over="ignore"):
        middle = 0.5 * (values.low + values.high)
        radius = above(np.maximum(above(values.high - middle), above(middle - values.low)))
    if boxes is None:
        return middle, radius
    return np.broadcast_to(middle, (boxes, 1)), np.broadcast_to(radius, (boxes, 1))


def rational(value: Fraction) -> Interval:
    """A rational number as an interval."""
    nearest = float(value)
    if Fraction(nearest) == value:
        return Interval.of(np.full((1, 1), nearest))
    return Interval(below(np.full((1, 1), nearest)), above(np.full((1, 1), nearest)))


def atom_of(x: Expression) -> Atom:
    """The atom that an expression is."""
    return x.terms[0][0][0][0]
