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
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from logitconf_export.proof.exact.expressions import (
    AT_TOP,
    COUNT,
    Atom,
    Expression,
    Product,
    atom,
    collected,
    expression_multiple,
    number,
    of_class,
    row,
    size,
    sum_over_classes,
)
from logitconf_export.proof.exact.intervals import Floats, Interval, above, below

LARGEST, GAP, LOWEST = row("largest"), row("gap"), row("lowest")
BELOW = of_class("below")
# of two classes: minus the gap, in size
BETWEEN = row("below 0") - row("below 1")
LABEL, ONE_LOGIT = of_class("label"), row("logit")
TOP, BOTTOM, LEAST, MOST = row("top"), row("bottom"), row("least"), row("most")

_BISECTIONS = 40


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum over the classes that boxes fix: Σ of `part`, `total` for all classes together."""

    part: Expression
    total: Interval


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
        top: the cell in which one class of each row lies; None if none is known.
        known: ranges of whole expressions that are sharper than those of their parts.
        cuts: what is cut into boxes, by its name, (boxes, 1) each.
        make: what makes rows of the same kind from other boxes.
    """

    logit: Expression
    n_classes: int
    limit: float
    numbers: Mapping[Atom, Interval]
    cells: Mapping[Atom, Interval]
    extremes: Mapping[Atom, tuple[Expression, Expression]]
    fixed: Sum | None = None
    top: int | None = None
    known: Mapping[Expression, Interval] = field(default_factory=dict)
    cuts: Mapping[str, Interval] = field(default_factory=dict)
    make: Callable[[Mapping[str, Interval]], AbstractRows] | None = None
    _ranges: dict[Expression, Interval] = field(default_factory=dict)

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
        if x not in self._ranges:
            self._ranges[x] = self._range(x)
        return self._ranges[x]

    def know(self, x: Expression, values: Interval) -> None:
        """Takes down where the values of an expression lie, besides what follows from it."""
        if all(a in self.numbers for product, _ in x.terms for a, _p in product if a[0] == "row"):
            values = values.within(self.range(x).low, self.range(x).high)
        self._ranges[x] = values

    def _range(self, x: Expression) -> Interval:
        total = Interval.of(np.zeros((1, 1)))
        for product, coefficient in x.terms:
            total = total + _rational(coefficient) * self.of_product(product)
        apart = expression_multiple(x, BETWEEN)
        if apart is not None and _atom(GAP) in self.numbers:
            gap = above(float(above(abs(float(apart)))) * self.numbers[_atom(GAP)].size)
            total = total.within(-gap, gap)
        for whole, values in self.known.items():
            part = expression_multiple(x, whole)
            if part is not None:
                return _rational(part) * values
        share = expression_multiple(x, self.logit)
        if share is not None:
            # the largest logit and the distance from it are bounded together
            reach = float(above(abs(float(share)) * self.limit))
            total = total.within(-reach, reach)
        return total

    def of_product(self, product: Product) -> Interval:
        """Where the values of a product of atoms lie."""
        result = Interval.of(np.ones((1, 1)))
        # what is known of a sum in an exponent is more than what is known of its parts
        exponents = [(a[1], p) for a, p in product if a[0] == "exp"]
        if exponents:
            result = self.range(collected(exponents)).exp()
        for a, exponent in product:
            if a[0] != "exp":
                result = result * self._of_atom(a, exponent)
        return result

    def _of_atom(self, a: Atom, exponent: Fraction) -> Interval:
        match a[0]:
            case "row":
                value = self.numbers[a]
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
        return (_rational(exponent) * value.within(0.0, np.inf).log()).exp()

    def _of_sum(self, a: Atom) -> Interval:
        part = Expression(((a[1], Fraction(1)),))
        if a in self.numbers:
            return self.numbers[a]
        if self.fixed is not None and part == self.fixed.part:
            return self.fixed.total
        each = self.range(part)
        return Interval(-self.sum_above(-each.low), self.sum_above(each.high))

    def sum_above(self, values: Floats) -> Floats:
        """No less than the sum over the classes of what is at most `values` in each cell."""
        if self.top is None:
            first, others = np.zeros((1, 1)), self.n_classes
        else:
            first, others = values[:, self.top : self.top + 1], self.n_classes - 1
        if others == 0:
            return first
        if self.fixed is None:
            return above(first + above(others * values.max(axis=1, keepdims=True)))
        part = self.range(self.fixed.part)
        rest = self.fixed.total
        if self.top is not None:
            rest = rest - Interval(
                part.low[:, self.top : self.top + 1], part.high[:, self.top : self.top + 1]
            )
        if len(values) == 1 and len(part.low) == 1:
            # the same for all boxes with the same sum
            ends, places = np.unique(np.hstack([rest.low, rest.high]), axis=0, return_inverse=True)
            rest = Interval(ends[:, :1], ends[:, 1:])
            bound = self._bound_of_rest(values, part, rest, others)
            return above(first + bound[places.ravel()])
        return above(first + self._bound_of_rest(values, part, rest, others))

    def _bound_of_rest(self, values: Floats, part: Interval, rest: Interval, others: int) -> Floats:
        """The dual bound with the λ that bisection finds; it holds for every λ."""
        share = np.clip(0.5 * (rest.low + rest.high) / others, part.low.min(), part.high.max())
        spread = values.max(axis=1, keepdims=True) - values.min(axis=1, keepdims=True)
        tiny = 1e-300
        low = -spread / np.maximum(part.high.max(axis=1, keepdims=True) - share, tiny)
        high = spread / np.maximum(share - part.low.min(axis=1, keepdims=True), tiny)
        low, high = np.clip(low, -1e290, 1e290), np.clip(high, -1e290, 1e290)
        middle_part = 0.5 * (part.low + part.high) + np.zeros_like(values)
        for _ in range(_BISECTIONS):
            slope = 0.5 * (low + high)
            worst = values - slope * np.where(slope > 0.0, part.low, part.high)
            chosen = worst.argmax(axis=1)[:, None]
            at = np.take_along_axis(np.broadcast_to(middle_part, worst.shape), chosen, axis=1)
            more = at > share
            low, high = np.where(more, slope, low), np.where(more, high, slope)
        best = above(others * values.max(axis=1, keepdims=True)) + np.zeros_like(low)
        for slope in (low, high, 0.5 * (low + high)):
            worst = above(values - below(slope * np.where(slope > 0.0, part.low, part.high)))
            known = above(slope * np.where(slope > 0.0, rest.high, rest.low))
            most = above(others * worst.max(axis=1, keepdims=True))
            best = np.minimum(best, above(most + known))
        return np.asarray(best)


def _rational(value: Fraction) -> Interval:
    nearest = float(value)
    if Fraction(nearest) == value:
        return Interval.of(np.full((1, 1), nearest))
    return Interval(below(np.full((1, 1), nearest)), above(np.full((1, 1), nearest)))


def _edges(first: float, last: float, ratio: float) -> Floats:
    """0, then geometric steps from the first to just the last."""
    count = max(2, int(np.ceil(np.log(last / first) / np.log(ratio))) + 1)
    return np.concatenate([[0.0], np.geomspace(first, last, count)[:-1], [last]])


def _boxes(edges: Floats) -> Interval:
    return Interval(edges[:-1, None], edges[1:, None])


def _crossed(*parts: Interval) -> list[Interval]:
    """Every box of one with every box of the others."""
    grids = np.meshgrid(*[np.arange(len(p.low)) for p in parts], indexing="ij")
    return [
        Interval(p.low[g.ravel()], p.high[g.ravel()]) for p, g in zip(parts, grids, strict=True)
    ]


def _both_signs(limit: float, ratio: float) -> Interval:
    edges = _edges(limit * 1e-6, limit, ratio)
    return _boxes(np.concatenate([-edges[:0:-1], edges]))


def class_rows(
    n_classes: int, temperature: Fraction, limit: float, *, needs: frozenset[str]
) -> AbstractRows:
    """Rows of competing classes with finite logits up to the limit in size.

    Args:
        n_classes: how many compete.
        temperature: as the graph has it.
        limit: of the size of logits.
        needs: which of ``"sum"``, ``"largest"``, ``"gap"``, ``"moment"`` are cut into boxes; the
            last is Σ y exp(y / T).
    """
    t = float(temperature)
    reach = float(above(2.0 * limit))
    steps = _edges(min(1e-7, limit / t) * t, reach, 1.12 if len(needs) > 1 else 1.06)
    cells = Interval(
        -np.concatenate([[0.0], steps[1:]])[None], -np.concatenate([[0.0], steps[:-1]])[None]
    )
    first = np.arange(cells.low.size)[None] == 0
    at_top = Interval.of(first.astype(np.float64))
    part = Expression((((((("exp", BELOW.terms[0][0])), 1 / temperature),), Fraction(1)),))
    rest = _boxes(_edges(1e-9, float(n_classes - 1), 1.12))
    gaps = _boxes(_edges(1e-20 * t if needs == {"gap"} else 1e-6 * t, reach, 1.15))
    whole = {
        "sum": Interval.of(np.ones((1, 1)), np.full((1, 1), float(n_classes))),
        "largest": Interval.of(np.full((1, 1), -limit), np.full((1, 1), limit)),
        "gap": Interval.of(np.full((1, 1), -reach), np.zeros((1, 1))),
    }
    fine = {
        "sum": Interval(below(1.0 + rest.low), above(1.0 + rest.high)),
        "largest": _both_signs(limit, 1.35),
        "gap": Interval(-gaps.high, -gaps.low),
    }
    moment: Atom = ("sum", _times_below(part.terms[0][0]))
    # y exp(y / T) is nowhere below -T / e
    moments = _boxes(_edges(1e-9 * t, float(above(0.37 * t * (n_classes - 1))), 1.3))
    fine["moment"] = Interval(-moments.high, -moments.low)
    names = sorted(needs)
    crossed = dict(zip(names, _crossed(*(fine[name] for name in names)), strict=True))

    def make(cuts: Mapping[str, Interval]) -> AbstractRows:
        cuts = _possible(cuts, n_classes, 1 / temperature)
        total, largest, gap = ({**whole, **cuts}[name] for name in ("sum", "largest", "gap"))
        others = Interval.of(np.full((1, 1), -reach), np.zeros((1, 1)))
        own = {moment: cuts["moment"]} if "moment" in cuts else {}
        return AbstractRows(
            logit=LARGEST + BELOW,
            n_classes=n_classes,
            limit=limit,
            numbers={
                _atom(LARGEST): largest,
                _atom(GAP): gap,
                _atom(LOWEST): others,
                _atom(COUNT): Interval.of([[1.0]], [[float(n_classes)]]),
                **{_atom(row(f"below {i}")): others for i in range(2)},
                **own,
            },
            cells={_atom(BELOW): cells, _atom(AT_TOP): at_top},
            extremes={_atom(BELOW): (number(0), LOWEST)},
            fixed=Sum(part, total),
            top=0,
            cuts=cuts,
            make=make,
        )

    if "moment" not in needs:
        return make(crossed)
    # of the boxes of both sums, those that some row can lie in
    free = make({name: v for name, v in crossed.items() if name != "moment"})
    possible = free.of_product(((moment, Fraction(1)),))
    kept = ((crossed["moment"].high >= possible.low) & (crossed["moment"].low <= possible.high))[
        :, 0
    ]
    return make({name: Interval(v.low[kept], v.high[kept]) for name, v in crossed.items()})


def _times_below(product: Product) -> Product:
    return (BELOW * Expression(((product, Fraction(1)),))).terms[0][0]


def _possible(
    cuts: Mapping[str, Interval], n_classes: int, inverse: Fraction
) -> Mapping[str, Interval]:
    """The boxes that some row lies in: the second class is in the sum, and none is above it."""
    if not {"sum", "gap"} <= set(cuts):
        return cuts
    runner = (cuts["gap"] * _rational(inverse)).exp()
    most = above(1.0 + (n_classes - 1) * runner.high)
    kept = ((cuts["sum"].high >= below(1.0 + runner.low)) & (cuts["sum"].low <= most))[:, 0]
    return {name: Interval(v.low[kept], v.high[kept]) for name, v in cuts.items()}


def label_rows(
    n_labels: int,
    temperature: Fraction,
    limit: float,
    *,
    cut: Expression = LEAST,
    joined: Expression | None = None,
) -> AbstractRows:
    """Rows of independent labels with finite logits up to the limit in size.

    Args:
        n_labels: how many.
        temperature: as the graph has it.
        limit: of the size of logits.
        cut: the number of the row whose range is cut into boxes.
        joined: what is added up over the labels; its sum is cut then.
    """
    t = float(temperature)
    edges = _edges(min(1e-6, limit / t) * t, limit, 1.06)
    cells = Interval(
        np.concatenate([-edges[:0:-1], edges[:-1]])[None],
        np.concatenate([-edges[-2::-1], edges[1:]])[None],
    )
    sizes = Interval.of([[0.0]], [[limit]])
    signed = Interval.of([[-limit]], [[limit]])
    numbers = {_atom(LEAST): sizes, _atom(MOST): sizes, _atom(TOP): signed, _atom(BOTTOM): signed}
    extremes = {_atom(LABEL): (TOP, BOTTOM), _atom(atom("abs", LABEL)): (MOST, LEAST)}

    def make(cuts: Mapping[str, Interval]) -> AbstractRows:
        own = {_atom(cut): cuts["number"]} if joined is None else {}
        rows = AbstractRows(
            LABEL,
            n_labels,
            limit,
            {**numbers, **own},
            {_atom(LABEL): cells},
            extremes,
            cuts=cuts,
            make=make,
        )
        positive = (LABEL + size(LABEL)) * number(Fraction(1, 2))
        rows.know(positive, Interval(np.maximum(cells.low, 0.0), np.maximum(cells.high, 0.0)))
        if joined is None:
            return rows
        rows.know(joined, rows.range(positive) + rows.range(joined - positive))
        whole = sum_over_classes(joined, n_labels)
        return replace(rows, fixed=Sum(joined, cuts["number"]), known={whole: cuts["number"]})

    if joined is None:
        return make(
            {"number": _boxes(edges) if cut == LEAST else Interval(cells.low.T, cells.high.T)}
        )
    none = make({"number": Interval.of([[0.0]], [[0.0]])}).range(joined)
    high = float(above(float(none.high.max()) * n_labels))
    return make({"number": _boxes(_edges(high * 1e-9, high, 1.06))})


def single_rows(temperature: Fraction, limit: float) -> AbstractRows:
    """Rows of one finite logit up to the limit in size."""
    t = float(temperature)
    edges = _edges(min(1e-6, limit / t) * t, limit, 1.03)
    values = _boxes(np.concatenate([-edges[:0:-1], edges]))

    def make(cuts: Mapping[str, Interval]) -> AbstractRows:
        numbers = {_atom(ONE_LOGIT): cuts["number"]}
        return AbstractRows(ONE_LOGIT, 1, limit, numbers, {}, {}, cuts=cuts, make=make)

    return make({"number": values})


def _atom(x: Expression) -> Atom:
    return x.terms[0][0][0][0]
