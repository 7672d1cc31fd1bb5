"""Bounds of sums over classes hold for every row, and are met by some."""

from fractions import Fraction

import numpy as np

from logitconf_export.proof.exact.abstract_rows import BELOW, LARGEST, AbstractRows
from logitconf_export.proof.exact.expressions import exponential, number, sum_over_classes
from logitconf_export.proof.exact.row_kinds import class_rows

K = 5


def rows() -> AbstractRows:
    return class_rows(K, Fraction(1), 20.0, needs=frozenset({"sum"}))


def test_moments_of_random_rows_lie_in_the_ranges_of_their_boxes() -> None:
    made = rows()
    moment = sum_over_classes(exponential(BELOW) * BELOW, K)
    squares = sum_over_classes(exponential(BELOW * number(2)), K)
    random, total = np.random.default_rng(0), made.cuts["sum"]
    ranges = {"moment": made.range(moment), "squares": made.range(squares)}
    for scale in (0.1, 1.0, 5.0):
        for x in random.normal(size=(200, K)) * scale:
            y = x - x.max()
            e = np.exp(y)
            box = np.flatnonzero((total.low <= e.sum()) & (total.high >= e.sum()))[0]
            for name, value in (("moment", (e * y).sum()), ("squares", (e * e).sum())):
                assert ranges[name].low[box, 0] <= value <= ranges[name].high[box, 0]


def test_the_bound_of_a_sum_is_met_within_the_width_of_boxes() -> None:
    made = rows()
    moment = made.range(sum_over_classes(exponential(BELOW) * BELOW, K))
    total = made.cuts["sum"]
    rest = 0.5 * (total.low + total.high)[:, 0] - 1.0
    # all others alike
    best = rest * np.log(rest / (K - 1))
    chosen = (rest > 0.01) & (rest < 3.0)
    assert (moment.low[chosen, 0] <= best[chosen]).all()
    assert (moment.low[chosen, 0] >= 1.3 * best[chosen] - 0.3).all()


def test_a_logit_is_no_larger_than_the_limit() -> None:
    values = rows().range(LARGEST + BELOW)
    assert values.low.min() >= -20.0001
    assert values.high.max() <= 20.0001


def test_halved_boxes_cover_what_they_are_of() -> None:
    made = rows()
    chosen = np.arange(len(made.cuts["sum"].low)) == 7
    halves = made.halved(chosen).cuts["sum"]
    assert halves.low.min() == made.cuts["sum"].low[7, 0]
    assert halves.high.max() == made.cuts["sum"].high[7, 0]
    assert len(halves.low) == 2


def test_no_exponential_that_underflows_lies_below_0() -> None:
    """Rounded outwards it did, and sums of such were bounded as if their terms had two signs."""
    made = class_rows(K, Fraction(1, 20), 100.0, needs=frozenset({"sum"}))
    for power in (1, 2):
        values = made.range(exponential(BELOW * number(20 * power)))
        assert values.low.min() == 0.0
