"""The kinds of rows: competing classes, independent labels, one logit; and what of them is cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from logitconf_export.proof.exact.abstract_rows import (
    BELOW,
    BOTTOM,
    GAP,
    LABEL,
    LARGEST,
    LEAST,
    LOWEST,
    MOST,
    ONE_LOGIT,
    TOP,
    AbstractRows,
    Sum,
    atom_of,
    rational,
)
from logitconf_export.proof.exact.expressions import (
    AT_TOP,
    COUNT,
    Expression,
    atom,
    logarithm,
    number,
    power,
    row,
    size,
    sum_over_classes,
)
from logitconf_export.proof.exact.intervals import Floats, Interval, above, below


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


_SHAPES = frozenset({"entropy", "collisions"})
"""What is cut besides the sum of exponentials, to tell how these are spread."""
_FIRST, _STEP = 1e-6, 1.08
_ONE = Interval.of([[1.0]])


def _distances(t: float, reach: float, needs: frozenset[str]) -> Floats:
    """Edges of the cells of distances from the largest logit.

    Where terms e^(y / T) count, a cell is no wider than they vary by little.
    """
    first = min(1e-7, reach / t) * t
    if needs == {"sum"}:
        return _narrowed(_edges(first, reach, 1.06), 0.04 * t, t)
    if _SHAPES & needs:
        return _narrowed(_edges(min(1e-4, reach / t) * t, reach, _STEP), (_STEP - 1.0) * t, t)
    return _edges(first, reach, 1.12)


def _narrowed(edges: Floats, width: float, t: float) -> Floats:
    """Steps no wider than so much, up to where e^(y / T) is lost."""
    reach = edges[-1]
    wide = np.flatnonzero(np.diff(edges) > width)
    if not wide.size:
        return edges
    start, end = edges[wide[0]], min(reach, 36.0 * t)
    if start >= end:
        return edges
    even = np.linspace(start, end, int(np.ceil((end - start) / width)) + 1)
    return np.concatenate([edges[: wide[0]], even, edges[edges > end]])


def class_rows(
    n_classes: int,
    temperature: Fraction,
    limit: float,
    *,
    needs: frozenset[str],
    largest_of: Callable[[Interval], Interval] | None = None,
) -> AbstractRows:
    """Rows of competing classes with finite logits up to the limit in size.

    Args:
        n_classes: how many compete.
        temperature: as the graph has it.
        limit: of the size of logits.
        needs: which of ``"sum"``, ``"largest"``, ``"gap"``, ``"entropy"``, ``"collisions"`` are
            cut into boxes; the last is S² / Σ exp(2y / T). At most one of the last two.
        largest_of: where the largest logit lies, by the sum; the limit alone says it unless given.
    """
    t = float(temperature)
    reach = float(above(2.0 * limit))
    steps = _distances(t, reach, needs)
    cells = Interval(
        -np.concatenate([[0.0], steps[1:]])[None], -np.concatenate([[0.0], steps[:-1]])[None]
    )
    first = np.arange(cells.low.size)[None] == 0
    at_top = Interval.of(first.astype(np.float64))
    part = Expression((((((("exp", BELOW.terms[0][0])), 1 / temperature),), Fraction(1)),))
    shaped = bool(_SHAPES & needs)
    least, ratio = (_FIRST, _STEP) if shaped else (1e-9, 1.04 if needs == {"sum"} else 1.12)
    rest = _boxes(_edges(least, float(n_classes - 1), ratio))
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
    shapes = _shapes(part, n_classes, temperature)
    for name, shape in shapes.items():
        most = float(shape.most(Interval.of([[float(n_classes)]]), n_classes).high.item())
        ends = _boxes(_edges(_FIRST, most - shape.least, _STEP))
        fine[name] = Interval(below(shape.least + ends.low), above(shape.least + ends.high))
    names = sorted(needs)
    crossed = dict(zip(names, _crossed(*(fine[name] for name in names)), strict=True))

    def made(cuts: Mapping[str, Interval]) -> AbstractRows:
        total, largest, gap = ({**whole, **cuts}[name] for name in ("sum", "largest", "gap"))
        largest = largest if largest_of is None else largest_of(total)
        others = Interval.of(np.full((1, 1), -reach), np.zeros((1, 1)))
        own = [shape for name, shape in shapes.items() if name in cuts]
        rows = AbstractRows(
            logit=LARGEST + BELOW,
            n_classes=n_classes,
            limit=limit,
            numbers={
                atom_of(LARGEST): largest,
                atom_of(GAP): gap,
                atom_of(LOWEST): others,
                atom_of(COUNT): Interval.of([[1.0]], [[float(n_classes)]]),
                **{atom_of(row(f"below {i}")): others for i in range(2)},
                **{atom_of(row(name)): cuts[name] for name in shapes if name in cuts},
            },
            cells={atom_of(BELOW): cells, atom_of(AT_TOP): at_top},
            extremes={atom_of(BELOW): (number(0), LOWEST)},
            fixed=Sum(part, total),
            top=0,
            others={
                atom_of(sum_over_classes(shape.part, n_classes)): shape.by_itself for shape in own
            },
            cuts=cuts,
            make=make,
        )
        if "collisions" in cuts:
            # Σ y exp(y / T) would sharpen no bound
            squares = rows.range(sum_over_classes(part * part, n_classes))
            rows = replace(rows, second=Sum(part * part, squares))
        return rows

    def make(cuts: Mapping[str, Interval]) -> AbstractRows:
        cuts = _possible(cuts, n_classes, 1 / temperature)
        free = made({name: v for name, v in cuts.items() if name not in shapes})
        for name, shape in shapes.items():
            if name in cuts:
                own, able = cuts[name], free.range(shape.of_sums)
                total = Interval.of(np.minimum(cuts["sum"].high, n_classes))
                own = own.within(able.low, np.minimum(able.high, shape.most(total, n_classes).high))
                cuts = _chosen({**cuts, name: own}, own.low <= own.high)
        return made(cuts)

    return make(crossed)


@dataclass(frozen=True, slots=True)
class _Shape:
    """A number of the row that tells how its exponentials are spread.

    Attributes:
        part: what is added up over the classes for the sum that it is made of, besides S.
        of_sums: it, by these.
        by_itself: that sum, by it and S.
        least: it is nowhere smaller.
        most: what it is where all classes but one are alike, for sums S and so many classes: it is
            larger nowhere, and grows with S.
    """

    part: Expression
    of_sums: Expression
    by_itself: Expression
    least: float
    most: Callable[[Interval, int], Interval]


def _shapes(part: Expression, n_classes: int, temperature: Fraction) -> Mapping[str, _Shape]:
    t, total = number(temperature), sum_over_classes(part, n_classes)
    moment = sum_over_classes(part * BELOW, n_classes)
    squares = sum_over_classes(part * part, n_classes)
    entropy = logarithm(total) - moment * power(t * total, -1)
    spread = t * total * (logarithm(total) - row("entropy"))
    collisions = total * total * power(squares, -1)
    alike = total * total * power(row("collisions"), -1)
    return {
        "entropy": _Shape(part * BELOW, entropy, spread, 0.0, _most_entropy),
        "collisions": _Shape(part * part, collisions, alike, 1.0, _most_collisions),
    }


def _most_entropy(total: Interval, n_classes: int) -> Interval:
    rest = total - _ONE
    odds = rest * Interval.of([[n_classes - 1.0]]).reciprocal()
    return total.log() - rest * total.reciprocal() * odds.log()


def _most_collisions(total: Interval, n_classes: int) -> Interval:
    rest = total - _ONE
    squares = _ONE + rest * rest * Interval.of([[n_classes - 1.0]]).reciprocal()
    return total * total * squares.reciprocal()


def _chosen(cuts: Mapping[str, Interval], which: npt.NDArray[np.bool_]) -> Mapping[str, Interval]:
    """Some of the boxes."""
    return {name: Interval(v.low[which[:, 0]], v.high[which[:, 0]]) for name, v in cuts.items()}


def _possible(
    cuts: Mapping[str, Interval], n_classes: int, inverse: Fraction
) -> Mapping[str, Interval]:
    """The boxes that some row lies in: the second class is in the sum, and none is above it."""
    if not {"sum", "gap"} <= set(cuts):
        return cuts
    runner = (cuts["gap"] * rational(inverse)).exp()
    most = above(1.0 + (n_classes - 1) * runner.high)
    return _chosen(cuts, (cuts["sum"].high >= below(1.0 + runner.low)) & (cuts["sum"].low <= most))


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
    numbers = {
        atom_of(LEAST): sizes,
        atom_of(MOST): sizes,
        atom_of(TOP): signed,
        atom_of(BOTTOM): signed,
    }
    extremes = {atom_of(LABEL): (TOP, BOTTOM), atom_of(atom("abs", LABEL)): (MOST, LEAST)}

    def make(cuts: Mapping[str, Interval]) -> AbstractRows:
        own = {atom_of(cut): cuts["number"]} if joined is None else {}
        rows = AbstractRows(
            LABEL,
            n_labels,
            limit,
            {**numbers, **own},
            {atom_of(LABEL): cells},
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
        numbers = {atom_of(ONE_LOGIT): cuts["number"]}
        return AbstractRows(ONE_LOGIT, 1, limit, numbers, {}, {}, cuts=cuts, make=make)

    return make({"number": values})
