"""What is shown of a card: the facts rounded, the details exact."""

import json

import numpy as np
import pytest

from logitconf.card.score_card import ScoreCard
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf_export.cli.results.cards import card_details, card_facts, threshold_words

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 3, (400, 4)).astype(np.float32)
LABELS = (LOGITS + RNG.gumbel(size=LOGITS.shape)).argmax(axis=1)


@pytest.fixture(scope="module")
def certified() -> ScoreCard:
    return SCORE_CLASSES["softmax"]().fit(LOGITS, LABELS, holdout=0.5).set_threshold(risk=0.3).card


def test_a_certified_card_says_rule_promise_and_counts(certified: ScoreCard) -> None:
    facts = dict(card_facts(certified, rule=True))
    assert facts["score"] == "softmax of 4 classes"
    assert facts["rule"].startswith("accepts score < −0.")
    assert facts["certificate"].startswith("certified: at most 30 % errors among the accepted")
    assert certified.rows is not None
    assert facts["rows"].startswith(f"{certified.rows.errors} errors in 200 rows; ")
    assert "rule" not in dict(card_facts(certified))


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


@pytest.mark.parametrize(
    ("card", "words"),
    [
        (ScoreCard("margin", "multiclass"), "margin of classes"),
        (ScoreCard("margin", "binary", n_classes=1), "margin of one logit"),
        (ScoreCard("margin", "multilabel", n_classes=3), "margin of 3 labels"),
        (
            ScoreCard("margin", "multilabel", n_classes=3, per_label=True),
            "margin of 3 labels, each by itself",
        ),
        (
            ScoreCard("margin", "multiclass", n_classes=4, members=5),
            "margin of 4 classes, over 5 members",
        ),
    ],
)
def test_a_card_says_what_its_logits_are_of(card: ScoreCard, words: str) -> None:
    assert dict(card_facts(card))["score"] == words


def test_thresholds_are_short() -> None:
    assert threshold_words(ScoreCard("margin", "multiclass")) == "none"
    assert threshold_words(ScoreCard("margin", "multiclass", threshold=-1.25)) == "−1.25"
    card = ScoreCard("margin", "multiclass", threshold=(-1.0, -2.0, -3.0, -4.0, -5.0))
    assert threshold_words(card) == "−1, −2, −3 and 2 more"
