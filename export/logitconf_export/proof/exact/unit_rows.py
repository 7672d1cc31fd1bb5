"""Rows of competing classes in units of how far the lowest logit lies below the largest.

In these units the largest is 0, the lowest −1, and boxes fix the sum of all and that of the powers
of their distances from the mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from logitconf_export.proof.exact.abstract_rows import LARGEST, AbstractRows, Sum, atom_of, rational
from logitconf_export.proof.exact.expressions import (
    Expression,
    exponential,
    logarithm,
    number,
    of_class,
    power,
    row,
    size,
    sum_over_classes,
)
from logitconf_export.proof.exact.intervals import Interval, above, below

REACH, UNIT = row("reach"), of_class("unit")
LEAST_REACH = 2.0**-59
"""Rows whose logits are all within that are as good as flat, and none of these."""
LEAST_POWERS = 2.0
"""The largest and the lowest are 2 apart, so that powers of their distances come to that."""
# steps of cells and of the mean, and ratios of ends of boxes
_STEP, _STEP_OF_MEAN, _RATIO, _RATIO_OF_POWERS = 1.0 / 100.0, 0.01, 1.04, 1.2


class Norm:
    """The parts of −max c / ‖c‖ in units of half the reach: the mean, powers of c, their sum."""

    def __init__(self, n_classes: int, exponent: int) -> None:
        half = UNIT * number(2)
        self.units = sum_over_classes(UNIT, n_classes)
        self.mean = sum_over_classes(half, n_classes) * number(Fraction(1, n_classes))
        self.powers = power(size(half - self.mean), exponent)
        self.total = sum_over_classes(self.powers, n_classes)


def largest_over_norm(n_classes: int, exponent: int) -> Expression:
    """−max c / ‖c‖."""
    parts = Norm(n_classes, exponent)
    return parts.mean * exponential(logarithm(parts.total) * number(Fraction(-1, exponent)))


def unit_rows(n_classes: int, limit: float, exponent: int) -> AbstractRows:
    """Rows of competing classes with finite logits up to the limit in size, but for flat ones.

    Args:
        n_classes: how many compete.
        limit: of the size of logits.
        exponent: of the norm.
    """
    n, parts = n_classes, Norm(n_classes, exponent)
    edges = np.linspace(-1.0, 0.0, round(1.0 / _STEP) + 1)
    low = np.concatenate([edges[:-1], [0.0]])[None]
    cells = Interval(low, np.concatenate([edges[1:], [0.0]])[None])

    def of(cuts: Mapping[str, Interval], second: Sum | None) -> AbstractRows:
        units, powers = -cuts["units"], cuts["powers"]
        return AbstractRows(
            logit=LARGEST + UNIT * REACH,
            n_classes=n,
            limit=limit,
            numbers={
                atom_of(LARGEST): Interval.of([[-limit]], [[limit]]),
                atom_of(REACH): Interval.of([[LEAST_REACH]], [[float(above(2.0 * limit))]]),
                atom_of(parts.units): units,
                atom_of(parts.total): powers * rational(1 / parts.total.terms[0][1]),
            },
            cells={atom_of(UNIT): cells},
            extremes={atom_of(UNIT): (number(0), number(-1))},
            fixed=Sum(UNIT, units),
            second=second,
            top=cells.low.size - 1,
            cuts=cuts,
            make=make,
            besides="whose logits all lie within 2^-59 (1.7e-18) of each other",
        )

    def make(cuts: Mapping[str, Interval]) -> AbstractRows:
        # of the boxes, those that some row can lie in
        free = of(cuts, None)
        each, shape = free.range(parts.powers), (len(cuts["units"].low), cells.low.size)
        most = free.sum_above(np.broadcast_to(each.high, shape))
        least = -free.sum_above(np.broadcast_to(-each.low, shape))
        kept = ((most >= cuts["powers"].low) & (least <= cuts["powers"].high))[:, 0]
        cuts = {name: Interval(v.low[kept], v.high[kept]) for name, v in cuts.items()}
        return of(cuts, Sum(parts.powers, cuts["powers"]))

    # of the others one is the lowest, and none is above the largest
    most = max(n - 1.0, 1.0)
    means = np.geomspace(1.0, max(0.5 * n, 1.0), max(2, int(np.log(0.5 * n) / np.log(_RATIO)) + 2))
    even = np.linspace(means[-1], most, max(2, int((most / n - 0.5) / _STEP_OF_MEAN) + 2))
    ends = np.unique(np.concatenate([means[means <= most], even, [1.0, most]]))[:, None]
    ends[0], ends[-1] = below(1.0), above(most)
    highest = float(above(float(n) * 2.0**exponent))
    count = int(np.log(highest / LEAST_POWERS) / np.log(_RATIO_OF_POWERS)) + 2
    sums = np.geomspace(LEAST_POWERS, highest, count)[:, None]
    sums[0], sums[-1] = below(LEAST_POWERS), highest
    boxes = np.meshgrid(np.arange(len(ends) - 1), np.arange(count - 1), indexing="ij")
    i, j = (index.ravel() for index in boxes)
    return make({"units": Interval(ends[i], ends[i + 1]), "powers": Interval(sums[j], sums[j + 1])})
