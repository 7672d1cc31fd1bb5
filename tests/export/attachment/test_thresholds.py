"""A threshold chosen again on rows: by the policy, on rows that certify, and nothing else moves."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support import reference

from logitconf.card.score_card import ScoreCard
from logitconf.errors import LogitconfError, UncertifiableError
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf.thresholds.certificate import broken_bindings, wrong_arithmetic
from logitconf_export.attachment.thresholds import (
    choose_threshold,
    policy_arguments,
    recertify_card,
)

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 3, (600, 4)).astype(np.float32)
LABELS = (LOGITS + 2 * RNG.gumbel(size=LOGITS.shape)).argmax(axis=1)
OTHER = RNG.normal(0, 3, (400, 4)).astype(np.float32)
OTHER_LABELS = (OTHER + 2 * RNG.gumbel(size=OTHER.shape)).argmax(axis=1)


@pytest.fixture(scope="module")
def held_out() -> ScoreCard:
    return SCORE_CLASSES["softmax"]().fit(LOGITS, LABELS, holdout=0.5).set_threshold(q=0.9).card


@pytest.fixture(scope="module")
def fitted_on_all() -> ScoreCard:
    return SCORE_CLASSES["softmax"]().fit(LOGITS, LABELS).set_threshold(q=0.9).card


def test_a_coverage_is_that_of_the_formula_on_the_rows(held_out: ScoreCard) -> None:
    chosen = choose_threshold(held_out, OTHER, OTHER_LABELS, {"coverage": 0.6})
    scores = reference.score("softmax", OTHER, held_out.temperature)
    assert np.mean(scores < np.asarray(chosen.card.threshold, np.float64)) == 0.6
    assert len(chosen.rows) == 400
    assert chosen.notes == ()
    assert chosen.card.policy is not None
    assert chosen.card.policy["coverage"] == 0.6
    bare = [
        replace(c, threshold=None, policy=None, rows=None, sketch=None)
        for c in (chosen.card, held_out)
    ]
    assert bare[0] == bare[1]


def test_the_sketch_is_that_of_the_rows_and_of_the_new_threshold(held_out: ScoreCard) -> None:
    chosen = choose_threshold(held_out, OTHER, OTHER_LABELS, {"coverage": 0.6}).card
    assert chosen.sketch is not None
    assert (chosen.sketch.rows, chosen.sketch.rejected) == (400, 160)
    right = OTHER.argmax(axis=1) == OTHER_LABELS
    accepted = reference.score("softmax", OTHER, held_out.temperature) < np.asarray(
        chosen.threshold
    )
    assert chosen.sketch.right is not None
    assert sum(chosen.sketch.right) == int(right[accepted].sum())


def test_a_card_is_certified_again_by_its_own_policy(held_out: ScoreCard) -> None:
    promised = choose_threshold(held_out, LOGITS, LABELS, {"risk": 0.4, "confidence": 0.9}).card
    anew = recertify_card(promised, OTHER, OTHER_LABELS).card
    certificate = anew.certificate
    assert certificate is not None
    assert (certificate.rows, certificate.fitted_rows) == (400, None)
    assert (certificate.risk, certificate.confidence) == (0.4, 0.9)
    assert anew.temperature == held_out.temperature
    assert broken_bindings(anew) == wrong_arithmetic(anew) == ()
    accepted = reference.score("softmax", OTHER, anew.temperature) < np.asarray(anew.threshold)
    wrong = OTHER.argmax(axis=1) != OTHER_LABELS
    counted = int(accepted.sum()), int(wrong[accepted].sum())
    assert counted == (certificate.accepted, certificate.errors)


def test_what_cannot_be_certified_again_says_why(held_out: ScoreCard) -> None:
    with pytest.raises(LogitconfError, match="promises a risk, got policy 'quantile'"):
        recertify_card(held_out, OTHER, OTHER_LABELS)
    promised = choose_threshold(held_out, LOGITS, LABELS, {"risk": 0.4}).card
    with pytest.raises(LogitconfError, match="needs rows with labels"):
        recertify_card(promised, OTHER, None)
    # a shift: no row is right any more
    with pytest.raises(UncertifiableError, match="must hold for the most confident rows"):
        recertify_card(promised, OTHER, (OTHER.argmax(axis=1) + 1) % 4)


def test_rows_that_fit_held_out_are_found_again_and_certify(held_out: ScoreCard) -> None:
    chosen = choose_threshold(held_out, LOGITS, LABELS, {"risk": 0.4})
    assert len(chosen.rows) == 300
    assert "300 others that fit held out" in chosen.notes[0]
    certificate = chosen.card.certificate
    assert certificate is not None
    assert (certificate.fitted_rows, certificate.rows) == (0, 300)
    assert broken_bindings(chosen.card) == wrong_arithmetic(chosen.card) == ()
    # as fit itself would have certified
    own = SCORE_CLASSES["softmax"]().fit(LOGITS, LABELS, holdout=0.5).set_threshold(risk=0.4).card
    assert (chosen.card.threshold, chosen.card.certificate) == (own.threshold, own.certificate)


def test_a_risk_on_the_rows_that_were_fitted_on_is_refused(fitted_on_all: ScoreCard) -> None:
    with pytest.raises(LogitconfError, match="nothing was fitted on, got 600 of 600 rows"):
        choose_threshold(fitted_on_all, LOGITS, LABELS, {"risk": 0.4})
    assert (
        choose_threshold(fitted_on_all, LOGITS, LABELS, {"coverage": 0.5}).card.certificate is None
    )


def test_a_risk_on_other_rows_says_that_they_may_overlap(fitted_on_all: ScoreCard) -> None:
    certificate = choose_threshold(
        fitted_on_all, OTHER, OTHER_LABELS, {"risk": 0.4}
    ).card.certificate
    assert certificate is not None
    assert certificate.fitted_rows is None


def test_other_rows_are_taken_from_elsewhere_for_a_false_positive_rate(
    held_out: ScoreCard,
) -> None:
    policy = {"fpr": 0.1, "ood_logits": OTHER / 3}
    chosen = choose_threshold(held_out, LOGITS, LABELS, policy)
    scores = reference.score("softmax", OTHER / 3, held_out.temperature)
    assert np.mean(scores < np.asarray(chosen.card.threshold, np.float64)) <= 0.1


def test_a_head_with_one_threshold_gets_one(held_out: ScoreCard) -> None:
    policy = {"coverage": 0.6, "per_class": True}
    with pytest.raises(LogitconfError, match="has one threshold, the policy gives 4 thresholds"):
        choose_threshold(held_out, OTHER, OTHER_LABELS, policy)


def test_a_policy_that_needs_labels_says_so(held_out: ScoreCard) -> None:
    with pytest.raises(LogitconfError, match="label"):
        choose_threshold(held_out, OTHER, None, {"cost": (5.0, 1.0)})
    assert choose_threshold(held_out, OTHER, None, {"coverage": 0.6}).card.threshold is not None


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (None, "threshold was given as a number"),
        ({"name": "value", "value": -0.7}, "threshold was given as a number"),
        (
            {"name": "fpr", "fpr": 0.1, "ood_rows": 9, "ood_accepted": 0},
            "needs the rows of policy fpr",
        ),
    ],
)
def test_a_threshold_that_no_policy_of_these_rows_chose_is_not_refitted(
    policy: dict[str, Any] | None, words: str
) -> None:
    with pytest.raises(LogitconfError, match=words):
        policy_arguments(ScoreCard("softmax", "multiclass", threshold=-0.7, policy=policy))


def test_a_policy_is_followed_without_what_came_out_of_it() -> None:
    numbers = {"risk": 0.05, "confidence": 0.9}
    outcome = {"bound": 0.04, "candidates": 9, "tested": 3, "accepted": 7, "errors": 0}
    policy = {"name": "risk", **numbers, **outcome}
    card = ScoreCard("softmax", "multiclass", threshold=-0.7, policy=policy)
    assert policy_arguments(card) == numbers
