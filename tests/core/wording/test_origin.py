"""How temperature and threshold came about, for every policy that there is."""

import numpy as np
import pytest

from logitconf.card.score_card import ScoreCard
from logitconf.fitting.logit_score import LogitScore
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf.policy_table import POLICIES
from logitconf.wording.origin import measured_on, temperature_origin, threshold_origin

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 3, (400, 4)).astype(np.float32)
LABELS = (LOGITS + RNG.gumbel(size=LOGITS.shape)).argmax(axis=1)


@pytest.fixture(scope="module")
def fitted() -> LogitScore:
    return SCORE_CLASSES["softmax"]().fit(LOGITS, LABELS, holdout=0.5)


WORDS = {
    "quantile": ({"q": 0.9}, "quantile 0.90 of the scores"),
    "coverage": ({"coverage": 0.8}, "to accept at least 80 %"),
    "risk": ({"risk": 0.3}, "for at most 30 % errors among the accepted, 95 % confidence"),
    "cost": ({"cost": (5.0, 1.0)}, "for the least cost, 5 an error and 1 a rejection"),
    "fpr": ({"fpr": 0.1}, "to accept at most 10 % of 100 out-of-distribution rows"),
    "tpr": ({"tpr": 0.9}, "to accept at least 90 %, beside 100 out-of-distribution rows"),
    "confidence": (
        {"min_confidence": 0.7},
        "to accept what is right with probability 70 % at least",
    ),
}


def test_every_policy_has_its_words() -> None:
    assert {*WORDS, "value"} == set(POLICIES)


@pytest.mark.parametrize("name", WORDS)
def test_a_threshold_says_how_it_was_chosen_and_on_which_rows(
    name: str, fitted: LogitScore
) -> None:
    asked, words = WORDS[name]
    others = LOGITS[:100] / 3 if name in ("fpr", "tpr") else None
    card = fitted.set_threshold(ood_logits=others, **asked).card  # type: ignore[arg-type]
    assert threshold_origin(card) == f"{words}, on 200 held-out rows"


def test_a_policy_for_each_class_says_so(fitted: LogitScore) -> None:
    card = fitted.set_threshold(coverage=0.8, per_class=True).card
    assert threshold_origin(card) == (
        "to accept at least 80 %, for each class by itself, on 200 held-out rows"
    )


def test_rows_that_were_fitted_on_too_are_called_so() -> None:
    score = SCORE_CLASSES["margin"]().fit(LOGITS, LABELS).set_threshold(coverage=0.8)
    assert measured_on(score.card) == "on 400 rows that it was fitted on too"
    other = score.calibrate(LOGITS[:100] * 2, LABELS[:100]).set_threshold(coverage=0.8)
    assert measured_on(other.card) == "on 100 rows"


def test_a_card_without_threshold_or_rows_claims_none() -> None:
    assert threshold_origin(ScoreCard("margin", "multiclass")) is None
    policy = {"name": "quantile", "q": 0.5}
    card = ScoreCard("margin", "multiclass", threshold=-1.0, policy=policy)
    assert threshold_origin(card) == (
        "quantile 0.50 of the scores, on rows that the card does not count"
    )


def test_a_temperature_has_its_error_and_rows(fitted: LogitScore) -> None:
    fit = fitted.card.temperature_fit
    assert fit is not None
    assert fit.standard_error is not None
    words = temperature_origin(fitted.card)
    value, _, rest = words.partition(" ± ")
    assert float(value) == pytest.approx(fitted.temperature, rel=1e-3)
    assert rest == f"{fit.standard_error:.2g}, fitted on 200 rows"


def test_a_temperature_that_is_not_identified_says_why() -> None:
    with pytest.warns(UserWarning, match="cannot identify"):
        score = SCORE_CLASSES["margin"]().fit(LOGITS, LOGITS.argmax(axis=1))
    assert temperature_origin(score.card).startswith("1, not fitted: ")
