"""The boxes of each kind of rows cover every row."""

from fractions import Fraction

import numpy as np
import pytest

from logitconf_export.proof.exact.abstract_rows import LABEL, LEAST, ONE_LOGIT
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
