"""What is shown of a card besides its facts: thresholds that are short, details that are exact."""

import json

import numpy as np
import pytest

from logitconf.card.score_card import ScoreCard
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf_export.cli.results.cards import card_details, threshold_words

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 3, (400, 4)).astype(np.float32)
LABELS = (LOGITS + RNG.gumbel(size=LOGITS.shape)).argmax(axis=1)


@pytest.fixture(scope="module")
def certified() -> ScoreCard:
    return SCORE_CLASSES["softmax"]().fit(LOGITS, LABELS, holdout=0.5).set_threshold(risk=0.3).card


def test_the_details_are_every_value_of_the_card_exactly(certified: ScoreCard) -> None:
    details = dict(card_details(certified))
    assert float(details["temperature"]) == certified.temperature
    assert float(details["threshold"]) == certified.threshold
    assert certified.certificate is not None
    assert details["certificate.sha256"] == certified.certificate.sha256

    def values(part: object) -> list[object]:
        if isinstance(part, dict):
            return [each for value in part.values() for each in values(value)]
        return [] if part is None else [part]

    expected = values(certified.to_dict())
    assert len(details) == len(expected)
    assert {*details.values()} == {e if isinstance(e, str) else json.dumps(e) for e in expected}


def test_thresholds_are_short() -> None:
    assert threshold_words(ScoreCard("margin", "multiclass")) == "none"
    assert threshold_words(ScoreCard("margin", "multiclass", threshold=-1.25)) == "−1.25"
    card = ScoreCard("margin", "multiclass", threshold=(-1.0, -2.0, -3.0, -4.0, -5.0))
    assert threshold_words(card) == "−1, −2, −3 and 2 more"
