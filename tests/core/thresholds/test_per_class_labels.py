"""Labels that are judged one by one: a score, a threshold and a decision for each label."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import beta

import logitconf
from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.errors import LogitconfError
from logitconf.fitting.logit_score import LogitScore
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf.head import ConfidenceHead
from logitconf.scores.table import SCORES, refusal
from logitconf.tasks import Layout
from logitconf.thresholds.certificate import PROMISE_PER_LABEL, broken_bindings, wrong_arithmetic
from logitconf.thresholds.per_class import NEVER

Array = NDArray[Any]
LABELS = 3
ALONE = [name for name in SCORES if name != "learned" and not refusal(name, Layout("binary", 1))]


def rows(count: int, seed: int) -> tuple[Array, Array]:
    """Logits (N, 3) and labels drawn at a temperature of 2; the third label is never sure."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 4, (count, LABELS)).astype(np.float32)
    labels = (rng.random(logits.shape) < expit(logits / 2.0)).astype(np.float32)
    labels[:, 2] = rng.random(count) < 0.5
    return logits, labels


def fitted(name: str = "margin", **given: Any) -> LogitScore:
    return SCORE_CLASSES[name](task="multilabel", per_label=True, **given).fit(*rows(2000, 0))


# float64 formulas of the pair (0, abs z), written down for one logit
REFERENCE = {
    "softmax": lambda z: -expit(np.abs(z)),
    "margin": lambda z: -np.abs(z),
    "entropy": lambda z: -expit(z) * np.log(expit(z)) - expit(-z) * np.log(expit(-z)),
    "energy": lambda z: -np.logaddexp(0.0, np.abs(z)),
}


@pytest.mark.parametrize("name", REFERENCE)
def test_each_label_has_the_score_of_its_own_logit(name: str) -> None:
    logits, _ = rows(50, 1)
    score = SCORE_CLASSES[name](temperature=2.0, task="multilabel", per_label=True)
    expected = REFERENCE[name](logits.astype(np.float64) / 2.0) * (2.0 if name == "energy" else 1.0)
    np.testing.assert_allclose(score.score(logits), expected, rtol=2e-6, atol=2e-7)


@pytest.mark.parametrize("name", ALONE)
@settings(derandomize=True, deadline=None, max_examples=20)
@given(values=st.lists(st.floats(width=32), min_size=LABELS, max_size=LABELS))
def test_a_label_alone_is_a_binary_row_of_one_logit(name: str, values: list[float]) -> None:
    row = torch.tensor([values], dtype=torch.float32)
    together = SCORE_CLASSES[name](1.5, task="multilabel", per_label=True).score(row)
    alone = SCORE_CLASSES[name](1.5, task="binary").score(row.reshape(-1))
    assert torch.equal(together.isnan(), alone.isnan()[None])
    assert torch.equal(together.nan_to_num(), alone.nan_to_num()[None])


def test_each_label_accepts_the_share_that_was_asked_for_by_its_own_threshold() -> None:
    score = fitted()
    score.set_threshold(coverage=0.7)
    logits, _ = rows(2000, 0)
    assert isinstance(score.threshold, tuple)
    limits = np.array(score.threshold, dtype=np.float32)
    found = score.select(logits)
    expected = found["score"] < limits
    np.testing.assert_array_equal(found["selected"], expected)
    assert (expected.mean(axis=0) >= 0.7).all()
    # every label has as many rows at 70 %, but the labels' scores differ
    assert len(set(score.threshold)) == LABELS
    policy = score.card.policy or {}
    assert [part["accepted"] for part in policy["labels"]] == expected.sum(axis=0).tolist()
    assert policy["accepted"] == expected.sum()


def certified() -> tuple[LogitScore, Array, Array]:
    score = fitted()
    logits, labels = rows(3000, 5)
    score.calibrate(logits, labels)
    with pytest.warns(logitconf.LogitconfWarning, match="label 2 accepts nothing"):
        score.set_threshold(risk=0.05, confidence=0.9)
    return score, logits, labels


def test_a_risk_is_certified_for_each_label_and_one_that_cannot_be_accepts_nothing() -> None:
    score, logits, labels = certified()
    selected = score.select(logits)["selected"]
    wrong = (logits > 0) != (labels > 0.5)
    accepted, errors = selected.sum(axis=0), (selected & wrong).sum(axis=0)
    assert (accepted[:2] > 500).all()
    bounds = beta.ppf(0.9, errors[:2] + 1, accepted[:2] - errors[:2])
    assert (bounds <= 0.05).all()
    assert isinstance(score.threshold, tuple)
    assert score.threshold[2] == NEVER
    certificate = score.card.certificate
    assert certificate is not None
    assert certificate.promise == PROMISE_PER_LABEL
    assert (certificate.accepted, certificate.errors) == (accepted.sum(), errors.sum())
    recorded = [part["bound"] for part in certificate.policy["labels"][:2]]
    np.testing.assert_allclose(recorded, bounds, rtol=1e-9)
    assert broken_bindings(score.card) == wrong_arithmetic(score.card) == ()


def test_a_certificate_of_labels_that_was_changed_is_found_out() -> None:
    score, _, _ = certified()
    values = score.card.to_dict()
    values["certificate"]["policy"]["labels"][1]["errors"] = 0
    problems = wrong_arithmetic(ScoreCard.from_dict(values))
    assert any(problem.startswith("label 1: 0 errors of") for problem in problems)
    assert any(problem.startswith("the labels sum to") for problem in problems)
    values = score.card.to_dict()
    values["per_label"] = False
    assert broken_bindings(ScoreCard.from_dict(values))


def test_outliers_are_counted_label_by_label() -> None:
    score = fitted()
    outside, _ = rows(1000, 9)
    score.set_threshold(fpr=0.2, ood_logits=outside)
    shares = score.select(outside)["selected"].mean(axis=0)
    assert (shares <= 0.2).all()
    assert (shares > 0.15).all()


def test_one_number_is_the_threshold_of_all_labels() -> None:
    score = fitted()
    score.set_threshold(value=-1.0)
    logits, _ = rows(100, 2)
    found = score.select(logits)
    assert score.threshold == -1.0
    np.testing.assert_array_equal(found["selected"], found["score"] < -1.0)
    assert score.scores is not None
    assert (score.card.policy or {})["accepted"] == (score.scores < -1.0).sum() > 500


def test_a_saved_score_still_judges_each_label(tmp_path: Path) -> None:
    score = fitted("gen", gamma=0.5)
    score.set_threshold(coverage=0.6)
    score.save(tmp_path / "card.json")
    again = logitconf.load(tmp_path / "card.json")
    assert again == score
    logits, _ = rows(100, 3)
    expected, found = score.select(logits), again.select(logits)
    assert found["selected"].shape == (100, LABELS)
    np.testing.assert_array_equal(found["selected"], expected["selected"])


@pytest.mark.parametrize("shape", [(40, 3), (10, 3, 4), (5, 3, 2, 4)], ids=str)
def test_a_head_compares_each_label_along_its_own_axis(shape: tuple[int, ...]) -> None:
    limits = (-3.0, -1.0, -0.25)
    card = ScoreCard("margin", "multilabel", 1.5, limits, 3, per_label=True)
    head = ConfidenceHead(card, HeadForm(3, rank=len(shape), class_axis=1))
    logits = np.random.default_rng(0).normal(0, 3, shape).astype(np.float32)
    score, mask = head(torch.from_numpy(logits))
    expected = np.abs(logits) / 1.5 > -np.reshape(limits, (3,) + (1,) * (len(shape) - 2))
    np.testing.assert_allclose(score.numpy(), -np.abs(logits) / 1.5, rtol=1e-6)
    np.testing.assert_array_equal(mask.numpy(), expected)


def test_members_are_averaged_label_by_label() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (200, LABELS, 4)).astype(np.float32)
    labels = (rng.logistic(size=(200, LABELS)) < logits.mean(axis=2)).astype(np.float32)
    score = logitconf.MarginScore(1.0, "multilabel", True, per_label=True).calibrate(logits, labels)
    score.set_threshold(coverage=0.5)
    np.testing.assert_allclose(
        score.score(logits), -np.abs(logits).mean(axis=2), rtol=1e-5, atol=1e-6
    )
    head = score.compile()
    mask = head(torch.from_numpy(logits))[1].numpy()
    np.testing.assert_array_equal(mask, score.select(logits)["selected"])


def test_what_needs_labels_that_do_not_compete_is_refused_elsewhere() -> None:
    with pytest.raises(LogitconfError, match="per_label is for the task 'multilabel'"):
        logitconf.MarginScore(per_label=True)
    with pytest.raises(LogitconfError, match="has a threshold for each label, got per_class too"):
        fitted().set_threshold(coverage=0.5, per_class=True)
    card = ScoreCard("margin", "multilabel", 1.0, (-1.0, -2.0), 2)
    with pytest.raises(LogitconfError, match="needs a score with per_label=True"):
        ConfidenceHead(card, HeadForm(2))
    together = logitconf.MarginScore(task="multilabel").fit(*rows(500, 0))
    with pytest.raises(LogitconfError, match="make the score with per_label=True"):
        together.set_threshold(coverage=0.5, per_class=True)


def test_the_promise_of_a_label_is_broken_no_more_often_than_allowed() -> None:
    population, labels = rows(20_000, 11)
    wrong = (population > 0) != (labels > 0.5)
    score = logitconf.MarginScore(1.0, "multilabel", per_label=True)
    broken = np.zeros(2, dtype=np.int64)
    draws, certified = 150, 0
    for draw in range(draws):
        chosen = np.random.default_rng(draw).integers(0, len(population), 600)
        score.calibrate(population[chosen], labels[chosen])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", logitconf.LogitconfWarning)
            try:
                score.set_threshold(risk=0.1, confidence=0.8)
            except logitconf.UncertifiableError:
                continue  # one unlucky error among the surest rows of every label
        certified += 1
        selected = score.select(population)["selected"]
        risks = (selected & wrong).sum(axis=0) / np.maximum(selected.sum(axis=0), 1)
        broken += risks[:2] > 0.1
    assert certified > 140
    # beyond this a share of 0.2 of 150 draws is seen once in ten thousand times
    assert (broken <= 51).all(), broken
