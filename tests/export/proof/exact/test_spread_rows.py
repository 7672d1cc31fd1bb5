"""Every row lies in a box, and in it what is said of rows there holds."""

import math
from fractions import Fraction

import numpy as np
import pytest

from logitconf_export.proof.exact import spread_rows as spread_module
from logitconf_export.proof.exact.abstract_rows import BELOW, GAP, AbstractRows, atom_of, rational
from logitconf_export.proof.exact.expressions import (
    BESIDE,
    Expression,
    exponential,
    logarithm,
    number,
    sum_over_classes,
)
from logitconf_export.proof.exact.intervals import Floats, Interval
from logitconf_export.proof.exact.spread_rows import Spread, spread_rows, sum_of_powers


def rows_of_logits(n: int, limit: float, seed: int = 0) -> Floats:
    """Random rows of all sizes, ties, rows far apart, and rows with masked classes."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(400, n)) * 10.0 ** random.uniform(-3.0, 1.8, size=(400, 1))
    rows = np.clip(rows, -limit, limit)
    rows[:40, 0] = rows[:40].max(axis=1)
    rows[40:60] = limit * np.sign(rows[40:60])
    rows[60], rows[61] = -limit, 0.0
    rows[60, 0] = limit
    if n > 2:
        rows[62:80, 2:] = -np.inf
    return rows


class Row:
    """What a row is, from its logits alone, to more digits than it is compared with."""

    def __init__(self, logits: Floats, t: float) -> None:
        self.y = np.sort(logits - logits.max())[::-1]
        z = self.y / t
        self.log_of_rest = float(np.logaddexp.reduce(z[1:]))
        self.log_of_total = float(np.logaddexp(0.0, self.log_of_rest))
        # of the largest, what the others are; of another, what the rest of the row is
        left = [np.logaddexp.reduce(np.delete(z, i)) for i in range(len(z))]
        self.spread = z + np.array(left) - 2.0 * self.log_of_total
        self.left = np.array(left)

    def power_sum(self, gamma: float) -> float:
        return float(np.exp(gamma * self.spread).sum())


def box_of(rows: AbstractRows, row: Row) -> int:
    cut = rows.cuts["rest"]
    inside = (cut.low <= row.log_of_rest + 1e-12) & (row.log_of_rest - 1e-12 <= cut.high)
    assert inside.any()
    return int(inside[:, 0].argmax())


@pytest.mark.parametrize("t", [0.05, 1.5, 60.0])
@pytest.mark.parametrize("n", [2, 3, 10])
def test_what_is_said_of_a_box_holds_for_its_rows(n: int, t: float) -> None:
    temperature, limit = Fraction(t), 100.0
    rows, parts = spread_rows(n, temperature, limit), Spread(n, temperature)
    beside = sum_over_classes(exponential(BESIDE * parts.inverse), n)
    score = sum_of_powers(n, temperature, Fraction(0.1))
    cells = rows.cells[atom_of(BELOW)]

    def said(x: Expression, box: int, cell: int = 0) -> tuple[float, float]:
        values = rows.range(x)
        low = np.broadcast_to(values.low, (len(rows.cuts["rest"].low), values.low.shape[1]))
        high = np.broadcast_to(values.high, low.shape)
        at = min(cell, low.shape[1] - 1)
        return float(low[box, at]), float(high[box, at])

    for logits in rows_of_logits(n, limit):
        row = Row(logits, t)
        box = box_of(rows, row)
        gap = float(row.y[1])
        known = [
            (GAP, gap),
            (parts.rest, math.exp(row.log_of_rest)),
            (logarithm(parts.rest), row.log_of_rest),
            (beside, 1.0 + float(np.exp((row.y[1:] - gap) / t).sum())),
            (score, row.power_sum(0.1)),
        ]
        for x, value in known:
            low, high = said(x, box)
            assert low - 1e-9 * abs(low) - 1e-300 <= value <= high + 1e-9 * abs(high) + 1e-300, x
        for place, y in enumerate(row.y):
            if np.isinf(y):
                continue
            cell = int(((cells.low <= y) & (y <= cells.high))[0].argmax()) if place else 0
            for x, value in (
                (parts.logarithm, row.spread[place]),
                (logarithm(parts.others), row.left[place]),
                (BESIDE, min(0.0, y - gap)),
            ):
                low, high = said(x, box, cell)
                assert low - 1e-9 * abs(low) - 1e-9 <= value <= high + 1e-9 * abs(high) + 1e-9, x


EXP, LOG = Interval.exp, Interval.log
BUGS: dict[str, tuple[object, str, object]] = {
    "gaps of half the temperature": (
        spread_module,
        "rational",
        lambda x: rational(x * Fraction(1, 2)),
    ),
    "twice the others": (Interval, "exp", lambda i: EXP(i) * Interval.of([[2.0]])),
    "a logarithm to another base": (Interval, "log", lambda i: LOG(i) * Interval.of([[1.44]])),
    "p (1 - p) is at most 1/9": (spread_module, "_QUARTER", 1.0 / 9.0),
}


@pytest.mark.parametrize("bug", sorted(BUGS))
def test_bugs_in_the_boxes_are_caught(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*BUGS[bug])
    with pytest.raises(AssertionError):
        test_what_is_said_of_a_box_holds_for_its_rows(3, 1.5)


def test_a_sum_beside_the_second_is_what_it_is_for_ties_too() -> None:
    inverse = number(Fraction(2, 3))
    made = sum_over_classes(exponential(BESIDE * inverse), 4)
    for logits in ([3.0, 3.0, 1.0, -2.0], [3.0, 1.0, 1.0, 0.5], [2.0, 2.0, 2.0, 2.0]):
        y = np.array(logits) - max(logits)
        gap = float(np.sort(y)[-2])
        total = float(np.exp(y / 1.5).sum())
        wanted = float(np.exp(np.minimum(y - gap, 0.0) / 1.5).sum())
        assert math.exp(-gap / 1.5) * (total - 1.0) + 1.0 == pytest.approx(wanted, rel=1e-14)
    every = sum_over_classes(exponential(BELOW * inverse), 4)
    assert made == number(1) + exponential(-GAP * inverse) * (every - number(1))
