"""A certificate in one sentence, for every kind of certificate there is."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import beta

from logitconf.card.score_card import ScoreCard
from logitconf.fitting.logit_score import LogitScore
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf.wording.promise import coverage_floor_of, promise_of


def drawn(count: int, seed: int) -> tuple[Any, Any]:
    """Logits (N, 4) and labels that are drawn from their softmax."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (count, 4)).astype(np.float32)
    odds = np.exp(logits.astype(np.float64))
    below = (odds / odds.sum(axis=1, keepdims=True)).cumsum(axis=1)[:, :-1]
    return logits, (rng.random((count, 1)) > below).sum(axis=1)


@pytest.fixture(scope="module")
def fitted() -> LogitScore:
    return SCORE_CLASSES["softmax"]().fit(*drawn(2000, 0), holdout=0.5)


@pytest.fixture(scope="module")
def certified(fitted: LogitScore) -> ScoreCard:
    return fitted.set_threshold(risk=0.1).card


def test_a_certificate_is_one_sentence_with_a_bound_that_is_rounded_up(
    certified: ScoreCard,
) -> None:
    certificate = certified.certificate
    assert certificate is not None
    # Clopper and Pearson's upper limit, of the quantile of a beta distribution
    errors, accepted = certificate.errors, certificate.accepted
    bound = 100 * float(beta.ppf(0.95, errors + 1, accepted - errors))
    rounded = np.ceil(10 * bound) / 10
    assert promise_of(certified) == (
        "certified: at most 10 % errors among the accepted, 95 % confidence; "
        f"measured bound {rounded:g} % on 1,000 held-out rows"
    )


def test_rows_that_were_fitted_on_too_are_named() -> None:
    score = SCORE_CLASSES["softmax"]().fit(*drawn(1000, 0))
    with pytest.warns(UserWarning, match="used to fit too"):
        score.set_threshold(risk=0.2)
    sentence = promise_of(score.card)
    assert sentence is not None
    assert sentence.endswith("on 1,000 rows, 1,000 of which the score was fitted on too")


def test_classes_by_themselves_and_all_at_once_are_told_apart(fitted: LogitScore) -> None:
    alone = promise_of(fitted.set_threshold(risk=0.15, per_class=True).card)
    together = promise_of(fitted.set_threshold(risk=0.15, per_class=True, simultaneous=True).card)
    assert alone is not None
    assert alone.startswith(
        "certified for each class by itself: at most 15 % errors among its accepted, "
        "95 % confidence each; measured bounds "
    )
    assert together is not None
    assert together.startswith(
        "certified for all classes at once: at most 15 % errors among the accepted of each, and so "
        "of all, 95 % confidence; measured bounds "
    )
    assert together.endswith(" % on 1,000 held-out rows")


def test_labels_are_certified_by_themselves_and_those_that_are_not_are_counted() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (2000, 2))
    labels = (rng.random((2000, 2)) < 1 / (1 + np.exp(-logits))).astype(float)
    # nothing can be certified of a label that is drawn at random
    labels[:, 1] = rng.random(2000) < 0.5
    score = SCORE_CLASSES["margin"](task="multilabel", per_label=True)
    with pytest.warns(UserWarning):  # noqa: PT030 (what is warned of is not what is tested)
        score.fit(logits, labels, holdout=0.5).set_threshold(risk=0.1)
    sentence = promise_of(score.card)
    assert sentence is not None
    assert sentence.startswith("certified for each label by itself: at most 10 % errors among its")
    assert sentence.endswith("; 1 of 2 labels accept nothing")


def test_nothing_is_promised_by_other_policies_nor_after_a_change(
    fitted: LogitScore, certified: ScoreCard
) -> None:
    assert promise_of(fitted.set_threshold(coverage=0.8).card) is None
    changed = replace(certified, threshold=-0.9, certificate=None, policy={"name": "value"})
    assert promise_of(changed) is None
    assert promise_of(ScoreCard("softmax", "multiclass")) is None


def test_a_certificate_of_another_head_or_one_that_was_taken_out_is_no_promise(
    certified: ScoreCard,
) -> None:
    moved = promise_of(replace(certified, threshold=-0.9))
    assert moved is not None
    assert moved.startswith("void: score, task, temperature, threshold or parameters are not those")
    assert promise_of(replace(certified, certificate=None)) == (
        "not certified: the policy promises a risk, but there is no certificate"
    )


def test_beside_the_risk_a_floor_on_what_is_accepted(fitted: LogitScore) -> None:
    card = fitted.set_threshold(risk=0.1, confidence=0.9).card
    assert card.certificate is not None
    floor = card.certificate.accepted / 1000 - np.sqrt(np.log(10) / 2000)
    shown = np.floor(1000 * floor) / 10
    assert coverage_floor_of(card) == (
        f"at least {shown:g} % of rows like these are accepted, 90 % confidence; "
        "together with the risk 80 %"
    )
    assert coverage_floor_of(replace(card, threshold=-0.99)) is None
    assert coverage_floor_of(fitted.set_threshold(coverage=0.9).card) is None
    assert coverage_floor_of(fitted.set_threshold(risk=0.2, per_class=True).card) is None
