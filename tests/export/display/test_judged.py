"""Rows as a card judges them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import logitconf
from logitconf import LogitconfError
from logitconf.calibration.maps.calibration_map import CalibrationMap
from logitconf.card.score_card import HeadForm
from logitconf.fitting.score_classes import from_card
from logitconf_export.display.judged import as_rows, judge

RANDOM = np.random.default_rng(3)
CLASSES = RANDOM.normal(size=(60, 4)).astype(np.float32) * 3
LABELS = RANDOM.integers(0, 4, 60)


def multilabel(per_label: bool) -> Any:
    score = logitconf.MarginScore(0.7, "multilabel", per_label=per_label)
    return score.set_threshold(value=-1.0)


CASES: dict[str, Any] = {
    "classes": (logitconf.EntropyScore(1.7).set_threshold(value=0.5), CLASSES, LABELS),
    "one logit": (
        logitconf.SoftmaxScore(2.0, "binary").set_threshold(value=-0.7),
        CLASSES[:, 0],
        LABELS % 2,
    ),
    "two logits": (
        logitconf.SoftmaxScore(2.0, "binary").set_threshold(value=-0.7),
        CLASSES[:, :2],
        LABELS % 2,
    ),
    "labels": (multilabel(False), CLASSES, (CLASSES > 0.5).astype(np.float32)),
    "each label": (multilabel(True), CLASSES, (CLASSES > 0.5).astype(np.float32)),
    "members": (
        logitconf.SoftmaxScore(1.3, per_member=True).set_threshold(value=-0.5),
        np.stack([CLASSES, CLASSES[::-1]], axis=-1),
        LABELS,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_scores_and_decisions_are_those_of_select(case: str) -> None:
    score, logits, labels = CASES[case]
    judged = judge(score.card, logits, labels)
    selected = score.select(logits)
    np.testing.assert_array_equal(judged.score, selected["score"].reshape(-1))
    np.testing.assert_array_equal(judged.accepted, selected["selected"].reshape(-1))
    assert 0 < judged.n_accepted < len(judged)
    assert judged.limit is not None
    np.testing.assert_array_equal(judged.score < judged.limit, judged.accepted)


def test_a_class_is_compared_with_its_own_threshold() -> None:
    card = replace(
        logitconf.SoftmaxScore(1.0).card, n_classes=4, threshold=(-0.9, -0.5, -0.7, -0.3)
    )
    judged = judge(card, CLASSES, LABELS)
    assert judged.limit is not None
    limits = np.array([-0.9, -0.5, -0.7, -0.3], np.float32)[CLASSES.argmax(1)]
    np.testing.assert_array_equal(judged.limit, limits)


def test_what_is_wrong_and_how_sure_it_was_of_classes() -> None:
    score, logits, labels = CASES["classes"]
    judged = judge(score.card, logits, labels)
    assert judged.calibration is not None
    for temperature, column in ((1.0, judged.calibration.before), (1.7, judged.calibration.after)):
        z = logits.astype(np.float64) / score.temperature if temperature != 1.0 else logits
        e = np.exp(z.astype(np.float64) - z.max(axis=1, keepdims=True))
        np.testing.assert_allclose(column, 1.0 / e.sum(axis=1), rtol=1e-5)
    np.testing.assert_array_equal(judged.wrong, logits.argmax(1) != labels)
    np.testing.assert_array_equal(judged.calibration.right, logits.argmax(1) == labels)
    assert (judged.n_wrong, judged.noun) == (int((logits.argmax(1) != labels).sum()), "row")


def test_a_calibration_map_changes_probabilities_and_predictions() -> None:
    scale = (0.5, 1.0, 1.0, 1.5)
    bias = (1.5, -0.5, -0.5, -0.5)
    made = CalibrationMap("vector", scale=scale, bias=bias)
    card = replace(
        logitconf.SoftmaxScore(1.5).card, n_classes=4, threshold=-0.6, calibration_map=made
    )
    judged = judge(card, CLASSES, LABELS)
    mapped = CLASSES * np.array(scale) + np.array(bias)
    for values, column, right in (
        (CLASSES.astype(np.float64), "before", "right_before"),
        (mapped / 1.5, "after", "right"),
    ):
        e = np.exp(values - values.max(axis=1, keepdims=True))
        sure = getattr(judged.calibration, column)
        np.testing.assert_allclose(sure, 1.0 / e.sum(axis=1), rtol=1e-5)
        hit = values.argmax(1) == LABELS
        np.testing.assert_array_equal(getattr(judged.calibration, right), hit)
    np.testing.assert_array_equal(judged.wrong, mapped.argmax(1) != LABELS)
    np.testing.assert_array_equal(judged.group, mapped.argmax(1))
    assert (mapped.argmax(1) != CLASSES.argmax(1)).any()
    np.testing.assert_array_equal(judged.accepted, from_card(card).select(CLASSES)["selected"])


def test_each_label_is_a_prediction_with_a_probability_of_its_own() -> None:
    for case, decisions in (("labels", 60), ("each label", 240)):
        score, logits, labels = CASES[case]
        judged = judge(score.card, logits, labels)
        assert (len(judged), judged.noun) == (decisions, "row" if case == "labels" else "label")
        assert judged.calibration is not None
        yes = 1.0 / (1.0 + np.exp(-logits.astype(np.float64) / np.float64(np.float32(0.7))))
        sure = np.maximum(yes, 1.0 - yes).reshape(-1)
        np.testing.assert_allclose(judged.calibration.after, sure, rtol=1e-5)
        right = (logits > 0) == (labels > 0.5)
        np.testing.assert_array_equal(judged.calibration.right, right.reshape(-1))
        expected = ~right.reshape(-1) if decisions == 240 else ~right.all(axis=1)
        np.testing.assert_array_equal(judged.wrong, expected)


def test_rows_without_a_score_are_kept_and_accepted_by_nothing() -> None:
    logits = CLASSES.copy()
    logits[0], logits[1, 2], logits[2] = np.nan, np.inf, -np.inf
    judged = judge(CASES["classes"][0].card, logits, LABELS)
    assert judged.accepted is not None
    assert judged.calibration is not None
    assert not judged.eligible[:3].any()
    assert not judged.accepted[:3].any()
    assert judged.eligible[3:].all()
    assert (judged.calibration.left_out, judged.calibration.right.size) == (3, 57)


def test_a_learned_confidence_is_the_probability_of_being_right() -> None:
    card = logitconf.LearnedConfidenceScore().set_threshold(value=0.0).card
    right = np.array([1, 0, 1, 1])
    judged = judge(card, np.array([2.0, -1.0, 0.5, -3.0], np.float32), right)
    np.testing.assert_array_equal(judged.wrong, right == 0)
    assert judged.calibration is not None
    expected = 1.0 / (1.0 + np.exp(-np.array([2.0, -1.0, 0.5, -3.0])))
    np.testing.assert_allclose(judged.calibration.before, expected, rtol=1e-6)
    assert judged.truth is None
    assert judged.group is None


def test_without_labels_and_without_a_threshold_there_is_less() -> None:
    judged = judge(logitconf.SoftmaxScore().card, CLASSES)
    absent = [judged.accepted, judged.limit, judged.wrong, judged.calibration]
    assert all(each is None for each in absent)
    assert (judged.n_accepted, judged.n_wrong, judged.n_let_through) == (0, 0, 0)
    with pytest.raises(LogitconfError, match="at least one row"):
        judge(logitconf.SoftmaxScore().card, CLASSES[:0])


@pytest.mark.parametrize(
    ("form", "shape", "moved"),
    [
        (HeadForm(5), (3, 5), (0, 1)),
        (HeadForm(5, 4, 1), (2, 5, 3, 4), (0, 2, 3, 1)),
        (HeadForm(5, 3, 2), (2, 3, 5), (0, 1, 2)),
        (HeadForm(5, 3, 0), (5, 2, 3), (1, 2, 0)),
        (HeadForm(5, 3, 1, members=2), (3, 5, 2), (0, 1, 2)),
    ],
)
def test_logits_of_any_rank_become_rows(
    form: HeadForm, shape: tuple[int, ...], moved: tuple[int, ...]
) -> None:
    values = RANDOM.normal(size=shape)
    tail = (5, 2) if form.members else (5,)
    np.testing.assert_array_equal(as_rows(values, form), values.transpose(moved).reshape(-1, *tail))


def test_one_logit_a_position_has_no_class_axis() -> None:
    form = HeadForm(1, 3, 3)
    assert as_rows(np.zeros((2, 4, 4)), form).shape == (32, 1)
