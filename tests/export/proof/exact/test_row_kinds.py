"""The boxes of each kind of rows cover every row."""

from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest

from logitconf_export.proof.exact.abstract_rows import BELOW, LABEL, LEAST, ONE_LOGIT
from logitconf_export.proof.exact.expressions import exponential, number, sum_over_classes
from logitconf_export.proof.exact.intervals import Interval
from logitconf_export.proof.exact.row_kinds import class_rows, label_rows, single_rows


def covered(values: Interval, low: float, high: float) -> bool:
    low_ends, high_ends = np.sort(values.low.ravel()), np.sort(values.high.ravel())
    joined = (low_ends[1:] <= high_ends[:-1]).all()
    return bool(low_ends[0] <= low and high_ends[-1] >= high and joined)


@pytest.mark.parametrize("n", [2, 10, 1000])
def test_sums_from_one_to_the_number_of_classes(n: int) -> None:
    rows = class_rows(n, Fraction(3, 2), 100.0, needs=frozenset({"sum"}))
    assert covered(rows.cuts["sum"], 1.0, float(n))


def test_distances_down_to_twice_the_limit() -> None:
    rows = class_rows(10, Fraction(3, 2), 100.0, needs=frozenset({"gap", "largest"}))
    (cells, _) = rows.cells.values()
    assert covered(cells, -200.0, 0.0)
    assert rows.top == 0
    assert (cells.low[0, 0], cells.high[0, 0]) == (0.0, 0.0)


def test_labels_and_single_logits_of_both_signs() -> None:
    labels = label_rows(5, Fraction(1), 100.0)
    assert covered(labels.range(LABEL), -100.0, 100.0)
    assert covered(labels.range(LEAST), 0.0, 100.0)
    assert covered(single_rows(Fraction(1), 100.0).range(ONE_LOGIT), -100.0, 100.0)


def spread(n: int) -> npt.NDArray[np.float64]:
    """Rows of every spread, divided by T and less their largest: all but one alike, ties."""
    random = np.random.default_rng(0)
    scales = 10.0 ** random.uniform(-4.0, 1.7, size=(200, 1))
    alike = np.where(np.arange(n) == 0, 0.0, -(10.0 ** random.uniform(-7.0, 2.0, size=(60, 1))))
    tied = np.where(np.arange(n) < n // 2, 0.0, -random.uniform(0.0, 40.0, size=(20, 1)))
    rows = np.vstack([random.normal(size=(200, n)) * scales, alike, tied, np.zeros((1, n))])
    return np.asarray(np.maximum(rows - rows.max(axis=1, keepdims=True), -120.0))


@pytest.mark.parametrize("n", [2, 10, 1000])
@pytest.mark.parametrize("shape", ["entropy", "collisions"])
@pytest.mark.parametrize("halved", [False, True])
def test_boxes_of_sums_and_shapes_hold_every_row(shape: str, n: int, halved: bool) -> None:
    t = Fraction(3, 2)
    rows = class_rows(n, t, 100.0, needs=frozenset({"sum", shape}))
    if halved:
        rows = rows.halved(np.ones(len(rows.cuts["sum"].low), dtype=np.bool_))
    terms = exponential(BELOW * number(1 / t))
    ranges = {
        name: rows.range(sum_over_classes(x, n))
        for name, x in {"moment": terms * BELOW, "squares": terms * terms}.items()
    }
    z = spread(n)
    e = np.exp(z)
    total, squares, moment = e.sum(1), (e * e).sum(1), (e * z).sum(1)
    numbers = {
        "sum": total,
        "entropy": np.log(total) - moment / total,
        "collisions": total * total / squares,
    }
    inside = np.ones((len(z), len(rows.cuts["sum"].low)), dtype=np.bool_)
    for name, cut in rows.cuts.items():
        value = numbers[name][:, None]
        near = 1e-12 * np.maximum(np.abs(value), 1.0)
        inside &= (value + near >= cut.low.T) & (value - near <= cut.high.T)
    assert inside.any(axis=1).all()
    for name, value in (("moment", 1.5 * moment), ("squares", squares)):
        own, near = ranges[name], 1e-11 * n
        low, high = (np.where(inside, end.T, np.nan) for end in (own.low, own.high))
        assert (np.nanmin(low, axis=1) <= value + near).all()
        assert (np.nanmax(high, axis=1) >= value - near).all()


@pytest.mark.parametrize("shape", ["entropy", "collisions"])
def test_boxes_that_no_row_lies_in_are_left_out(shape: str) -> None:
    """Of 100 classes whose exponentials come to 20 none but one is known, the others are alike."""
    cuts = class_rows(100, Fraction(1), 100.0, needs=frozenset({"sum", shape})).cuts
    chosen = (cuts["sum"].low <= 20.0) & (cuts["sum"].high >= 20.0)
    others = 19.0 / 99.0
    most = {
        "entropy": np.log(20.0) - 19.0 * np.log(others) / 20.0,
        "collisions": 400.0 / (1.0 + 99.0 * others**2),
    }[shape]
    assert most <= cuts[shape].high[chosen].max() <= 1.04 * most
