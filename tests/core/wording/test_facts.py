"""A card in words, fact by fact."""

from dataclasses import replace

import numpy as np
import pytest

from logitconf.card.modes import Modes
from logitconf.card.score_card import ScoreCard
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf.wording.calibration import calibration_of
from logitconf.wording.facts import card_facts

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


def test_modes_are_told_with_their_thresholds() -> None:
    card = ScoreCard("softmax", "multiclass", threshold=-0.9)
    modes = Modes(("strict", "loose"), (-0.9, -0.5), "strict")
    assert dict(card_facts(replace(card, modes=modes)))["modes"] == "strict −0.90; loose −0.50"
    several = Modes(("strict", "loose"), ((-0.9, -0.8), (-0.5, -0.5)))
    facts = dict(card_facts(replace(card, threshold=(-0.7, -0.7), modes=several)))
    assert facts["modes"] == "strict −0.90 to −0.80; loose −0.50"
    assert "modes" not in dict(card_facts(card))


def test_a_calibration_map_is_among_the_facts() -> None:
    tilted = LOGITS + np.array([3.0, 0.0, 0.0, 0.0])
    card = SCORE_CLASSES["softmax"](calibration="vector").fit(tilted, LABELS).card
    assert dict(card_facts(card))["calibration"] == calibration_of(card) != ""
    assert "calibration" not in dict(card_facts(replace(card, calibration_map=None)))
