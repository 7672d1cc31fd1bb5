"""Rows of competing classes as GEN needs them: down to where the others add next to nothing.

Boxes fix what all but one of the largest add to S = Σ exp(y / T), which may be far too little for a
float beside the 1 of that one, and even for a float by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from logitconf_export.proof.exact.abstract_rows import (
    BELOW,
    GAP,
    LARGEST,
    LOWEST,
    AbstractRows,
    Sum,
    atom_of,
    rational,
)
from logitconf_export.proof.exact.expressions import (
    AT_TOP,
    BESIDE,
    COUNT,
    ONE,
    Expression,
    exponential,
    logarithm,
    number,
    row,
    sum_over_classes,
)
from logitconf_export.proof.exact.intervals import Floats, Interval, above, below

# Where steps of boxes, in the logarithm of what the others add, end, and how wide they are; and of
# cells, over T. Beyond, terms are next to nothing even to a small power.
_BOXES = ((-690.0, 4.0), (-150.0, 1.0), (-4.6, 0.12))
_CELLS = ((0.0, 0.25), (40.0, 1.0), (150.0, 2.0))
_RATIO = 1.1
# of p (1 - p), the most
_QUARTER = 0.25
# below, floats end
_LEAST = -690.0


def _steps(widths: tuple[tuple[float, float], ...], first: float, last: float) -> Floats:
    """Edges from the first to the last, each width from where it begins."""
    edges = [np.array([first])]
    for (begins, width), (ends, _) in zip(widths, (*widths[1:], (last, 0.0)), strict=True):
        start, end = max(begins, first), min(ends, last)
        if start < end:
            edges.append(np.linspace(start, end, int(np.ceil((end - start) / width)) + 1)[1:])
    return np.concatenate(edges)


class Spread:
    """The parts of Σ (p (1 − p))^γ: S, what others add to it, and the logarithm of p (1 − p)."""

    def __init__(self, n_classes: int, temperature: Fraction) -> None:
        self.inverse = number(1 / temperature)
        self.terms = exponential(BELOW * self.inverse)
        self.total = sum_over_classes(self.terms, n_classes)
        self.rest, self.others = self.total - ONE, self.total - self.terms
        twice = logarithm(self.total) * number(2)
        self.logarithm = BELOW * self.inverse + logarithm(self.others) - twice


def sum_of_powers(n_classes: int, temperature: Fraction, gamma: Fraction) -> Expression:
    """Σ (p (1 − p))^γ."""
    spread = Spread(n_classes, temperature).logarithm
    return sum_over_classes(exponential(spread * number(gamma)), n_classes)


def spread_rows(n_classes: int, temperature: Fraction, limit: float) -> AbstractRows:
    """Rows of competing classes with finite logits up to the limit in size.

    Args:
        n_classes: how many compete.
        temperature: as the graph has it.
        limit: of the size of logits.
    """
    t, n = float(temperature), n_classes
    reach = float(above(2.0 * limit))
    far = float(above(reach / t))
    edges = _steps(_CELLS, 0.0, min(far, -_LEAST))
    if far > edges[-1]:
        count = int(np.log(far / edges[-1]) / np.log(_RATIO)) + 2
        edges = np.append(edges[:-1], np.geomspace(edges[-1], far, count))
    edges = edges * t
    edges[-1] = reach
    cells = Interval(-np.append(0.0, edges[1:])[None], -np.append(0.0, edges[:-1])[None])
    first = np.arange(cells.low.size)[None] == 0
    parts = Spread(n, temperature)
    own = (cells * rational(1 / temperature)).exp()
    high = float(np.log(n - 1.0)) + 1e-9
    # all but one of the others may be masked
    lowest = -1e-9 - far
    ends = _steps(_BOXES, max(lowest, _LEAST), high)
    # the last box begins where floats end
    ends = np.append(lowest, ends) if lowest < _LEAST else ends

    def make(cuts: Mapping[str, Interval]) -> AbstractRows:
        logarithm_of_rest = cuts["rest"]
        rest = logarithm_of_rest.exp()
        total = Interval(below(1.0 + rest.low), above(1.0 + rest.high))
        # the second adds at most all of it, and at least as much as any of the n - 1 others
        least = logarithm_of_rest - Interval.of([[n - 1.0]]).log()
        gaps = Interval(np.minimum(least.low, 0.0), np.minimum(logarithm_of_rest.high, 0.0))
        gaps = gaps * rational(temperature)
        gap = Interval(np.maximum(gaps.low, -reach), np.minimum(gaps.high, 0.0))
        # others than that one leave its 1; where a box leaves less, no class can be
        others = total - own
        others = Interval(
            np.where(first, rest.low, np.maximum(others.low, 1.0)),
            np.where(first, rest.high, np.maximum(others.high, 1.0)),
        )
        log_of_others = Interval(
            np.where(first, logarithm_of_rest.low, others.log().low),
            np.where(first, logarithm_of_rest.high, others.log().high),
        )
        scaled = cells * rational(1 / temperature)
        spread = scaled + log_of_others - total.log() - total.log()
        most = float(above(np.log(_QUARTER)))
        spread = Interval(np.minimum(spread.low, most), np.minimum(spread.high, most))
        beside = cells - gap
        beside = Interval(
            np.where(first, 0.0, np.maximum(np.minimum(beside.low, 0.0), -reach)),
            np.where(first, 0.0, np.minimum(beside.high, 0.0)),
        )
        classes = sum_over_classes(exponential(BESIDE * parts.inverse), n)
        return AbstractRows(
            logit=LARGEST + BELOW,
            n_classes=n,
            limit=limit,
            numbers={
                atom_of(LARGEST): Interval.of([[-limit]], [[limit]]),
                atom_of(GAP): gap,
                atom_of(LOWEST): Interval.of([[-reach]], [[0.0]]),
                atom_of(COUNT): Interval.of([[1.0]], [[float(n)]]),
                **{atom_of(row(f"below {i}")): Interval.of([[-reach]], [[0.0]]) for i in range(2)},
            },
            cells={
                atom_of(BELOW): cells,
                atom_of(AT_TOP): Interval.of(first.astype(np.float64)),
                atom_of(BESIDE): beside,
            },
            extremes={atom_of(BELOW): (number(0), LOWEST)},
            fixed=Sum(parts.terms, total, rest),
            top=0,
            known={
                parts.rest: rest,
                logarithm(parts.rest): logarithm_of_rest,
                parts.others: others,
                logarithm(parts.others): log_of_others,
                parts.logarithm: spread,
                classes: Interval.of([[2.0]], [[float(n)]]),
                classes - ONE: Interval.of([[1.0]], [[n - 1.0]]),
            },
            cuts=cuts,
            make=make,
        )

    return make({"rest": Interval(ends[:-1, None], ends[1:, None])})
