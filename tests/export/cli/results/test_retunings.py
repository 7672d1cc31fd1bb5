"""Old numbers and new ones, and which way the decisions move."""

import pytest

from logitconf.card.score_card import ScoreCard
from logitconf_export.cli.results.retunings import changes, direction


def card(threshold: float | tuple[float, ...], temperature: float = 1.0) -> ScoreCard:
    return ScoreCard("margin", "multiclass", temperature, threshold)


@pytest.mark.parametrize(
    ("old", "new", "way"),
    [
        (card(-1.0), card(-2.0), "stricter"),
        (card(-2.0), card(-1.0), "looser"),
        (card((-1.0, -1.0)), card((-2.0, -1.0)), "stricter"),
        (card((-1.0, -1.0)), card((-2.0, 0.0)), ""),
        (card(-1.0), card(-2.0, 2.0), ""),
    ],
)
def test_a_lower_threshold_is_stricter_and_other_temperatures_leave_it_open(
    old: ScoreCard, new: ScoreCard, way: str
) -> None:
    assert direction(old, new) == way


def test_each_number_that_changed_is_named_old_and_new() -> None:
    assert changes(card(-1.0), card(-2.5)) == [("threshold", "−1 → −2.50")]
    assert changes(card(-1.0), card(-1.0, 1.5)) == [("temperature", "1 → 1.50")]
    assert changes(card(-1.0), card(-1.0)) == []
