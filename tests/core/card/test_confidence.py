"""A confidence map in a card: what it must be."""

from typing import Any

import numpy as np
import pytest

from logitconf.card.confidence import ConfidenceMap
from logitconf.card.score_card import ScoreCard
from logitconf.errors import LogitconfError

KNOTS = ConfidenceMap((-2.0, -1.0), (1.0, 0.5), 90, 0.25)


def test_a_card_holds_the_map_and_reads_it_again() -> None:
    card = ScoreCard("margin", "multiclass", 1.0, -0.5, 4, confidence=KNOTS)
    assert ScoreCard.from_dict(card.to_dict()) == card
    assert card.to_dict()["confidence"] == {
        "scores": (-2.0, -1.0),
        "values": (1.0, 0.5),
        "rows": 90,
        "error": 0.25,
    }


@pytest.mark.parametrize(
    ("knots", "phrase"),
    [
        (((), (), 9), "1 to 32 knots"),
        ((tuple(map(float, range(33))), (0.5,) * 33, 9), "1 to 32 knots, .* got 33 scores"),
        (((-1.0, 0.0), (1.0,), 9), "2 scores and 1 values"),
        (((-1.0, -1.0), (1.0, 0.5), 9), "scores of a confidence must ascend"),
        (((-1.0, 0.0), (0.5, 0.75), 9), "values of a confidence must not ascend"),
        (((-1.0, 0.0), (1.5, 0.5), 9), "value of a confidence"),
        (((0.1, 1.0), (1.0, 0.5), 9), "float32 values"),
        (((float("nan"),), (1.0,), 9), "score of a confidence"),
        (((1e39,), (1.0,), 9), "score of a confidence"),
        (((0.0,), (1.0,), 0), "'rows' must be a count"),
        (((0.0,), (1.0,), 9, 1.5), "'error' must be a finite number"),
    ],
)
def test_what_is_no_map_is_refused(knots: tuple[Any, ...], phrase: str) -> None:
    with pytest.raises(LogitconfError, match=phrase):
        ConfidenceMap(*knots)


def test_most_knots_is_what_the_schema_says() -> None:
    scores = tuple(float(x) for x in np.arange(32))
    assert len(ConfidenceMap(scores, (0.5,) * 32, 9).scores) == 32
