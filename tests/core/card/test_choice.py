"""How a score was chosen, as a card keeps it."""

import json
from dataclasses import replace

import pytest

from logitconf.card.choice import ScoreChoice
from logitconf.card.parts import Split
from logitconf.card.score_card import ScoreCard
from logitconf.errors import LogitconfError

CHOICE = ScoreChoice(("gini", "softmax"), ("gini", "softmax"), 75, 74, 9, Split(0.3, 5))


def test_a_card_keeps_how_its_score_was_chosen() -> None:
    card = ScoreCard("softmax", "multiclass", threshold=-0.5, score_choice=CHOICE)
    again = ScoreCard.from_dict(json.loads(card.to_json()))
    assert again == card
    assert again.score_choice == CHOICE


def test_a_card_without_it_is_one_whose_score_was_named() -> None:
    values = ScoreCard("softmax", "multiclass").to_dict()
    del values["score_choice"]
    assert ScoreCard.from_dict(values).score_choice is None


def test_counts_below_zero_are_refused() -> None:
    with pytest.raises(LogitconfError, match="errors"):
        replace(CHOICE, errors=-1)
