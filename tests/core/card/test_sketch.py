"""The sketch of calibration scores in a card: what its counts must satisfy."""

from dataclasses import replace

import pytest

from logitconf.card.score_card import ScoreCard
from logitconf.card.sketch import ScoreSketch
from logitconf.errors import LogitconfError

SKETCH = ScoreSketch(10, 3, (-0.9, -0.5), (6, 2), (4, 3, 0), (4, 2, 0))


def test_a_card_keeps_its_sketch_through_json() -> None:
    card = ScoreCard("margin", "multiclass", 1.5, -0.5, 4, sketch=SKETCH)
    again = ScoreCard.from_dict(card.to_dict())
    assert again.sketch == SKETCH
    assert "sketch" not in ScoreCard("margin", "multiclass").to_dict()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cutoffs": (-0.5, -0.9)}, "must ascend"),
        ({"beyond": (6,)}, "a count beyond each cutoff"),
        ({"beyond": (11, 2)}, "beyond"),
        ({"rejected": 4}, "must be all 10 rows"),
        ({"right": (5, 2, 0)}, "right"),
        ({"rows": 0}, "rows of a sketch"),
    ],
)
def test_counts_that_cannot_be_are_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(LogitconfError, match=words):
        replace(SKETCH, **change)  # type: ignore[arg-type]
