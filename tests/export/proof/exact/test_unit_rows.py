"""Every row that is not flat lies in a box, and what is said of the box holds for it."""

import numpy as np
import pytest

from logitconf_export.proof.exact import unit_rows as unit_module
from logitconf_export.proof.exact.abstract_rows import atom_of
from logitconf_export.proof.exact.intervals import Floats, Interval
from logitconf_export.proof.exact.unit_rows import UNIT, Norm, largest_over_norm, unit_rows


def logits_of(n: int) -> Floats:
    """Random rows, rows of two values, rows with one class apart."""
    random = np.random.default_rng(0)
    rows = random.normal(size=(400, n)) * 10.0 ** random.uniform(-12, 1.5, size=(400, 1))
    rows[:80] = random.integers(0, 2, size=(80, n))
    rows[:80, 0], rows[:80, 1] = 0.0, 1.0
    rows[80:140] = random.normal(size=(60, n)) * 1e-3
    rows[80:140, 0] += random.choice([-1.0, 1.0], size=60) * 50.0
    return rows


@pytest.mark.parametrize("exponent", [2, 3, 4, 10])
@pytest.mark.parametrize("n", [3, 4, 50])
def test_what_is_said_of_a_box_holds_for_its_rows(n: int, exponent: int) -> None:
    rows, parts = unit_rows(n, 100.0, exponent), Norm(n, exponent)
    score = rows.range(largest_over_norm(n, exponent))
    powers, cells = rows.range(parts.powers), rows.cells[atom_of(UNIT)]
    for x in logits_of(n):
        units = (x - x.max()) / (x.max() - x.min())
        away = np.abs(2.0 * units - 2.0 * units.mean()) ** exponent
        cut = rows.cuts
        inside = (cut["units"].low <= -units.sum() + 1e-12) & (
            -units.sum() - 1e-12 <= cut["units"].high
        )
        total = away.sum()
        inside &= (cut["powers"].low <= total * (1 + 1e-12)) & (
            total * (1 - 1e-12) <= cut["powers"].high
        )
        assert inside.any()
        box = int(inside[:, 0].argmax())
        c = x - x.mean()
        value = -c.max() / (np.abs(c) ** exponent).sum() ** (1.0 / exponent)
        assert score.low[box, 0] - 1e-9 <= value <= score.high[box, 0] + 1e-9
        for unit, one in zip(units, away, strict=True):
            cell = int(((cells.low <= unit) & (unit <= cells.high))[0].argmax())
            assert powers.low[box, cell] - 1e-9 <= one <= powers.high[box, cell] * (1 + 1e-9) + 1e-9


BUGS: dict[str, tuple[object, str, object]] = {
    "the lowest is one of the largest": (unit_module, "LEAST_POWERS", 4.0),
    "sums of powers are halved": (unit_module, "rational", lambda _x: Interval.of([[0.5]])),
}


@pytest.mark.parametrize("bug", sorted(BUGS))
def test_bugs_in_the_boxes_are_caught(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*BUGS[bug])
    with pytest.raises(AssertionError):
        test_what_is_said_of_a_box_holds_for_its_rows(4, 4)
