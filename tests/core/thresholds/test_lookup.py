"""Policies: asked for by arguments, kept in cards, and read from them again."""

from typing import Any

import numpy as np
import pytest

from logitconf.card.confidence import ConfidenceMap
from logitconf.errors import LogitconfError
from logitconf.policy_table import POLICIES
from logitconf.scores.rounding import Rounding
from logitconf.thresholds.calibration_rows import CalibrationRows
from logitconf.thresholds.lookup import (
    policy_asked,
    policy_of_card,
)
from logitconf.thresholds.policy import policy_class

ROUNDING = Rounding("softmax", 3)
ASKED: dict[str, dict[str, Any]] = {
    "quantile": {"q": 0.9},
    "coverage": {"coverage": 0.7},
    "risk": {"risk": 0.3, "confidence": 0.8},
    "cost": {"cost": (5.0, 1.0)},
    "fpr": {"fpr": 0.1},
    "tpr": {"tpr": 0.8},
    "confidence": {"min_confidence": 0.9},
    "value": {"value": -0.5},
}


def rows() -> CalibrationRows:
    generator = np.random.default_rng(0)
    scores = -generator.random(300).astype(np.float32)
    wrong = generator.random(300) < 0.2 * (1.0 + scores)
    outliers = -0.5 * generator.random(100).astype(np.float32)
    return CalibrationRows(
        scores,
        wrong,
        generator.integers(0, 2, 300),
        n_classes=2,
        outliers=outliers,
        confidence=ConfidenceMap((-1.0, 0.0), (1.0, 0.5), 300),
    )


@pytest.mark.parametrize("name", POLICIES)
def test_every_policy_comes_back_from_its_card_and_its_arguments(name: str) -> None:
    outliers = name in ("fpr", "tpr")
    policy = policy_asked(outliers=outliers, **ASKED[name])
    assert isinstance(policy, policy_class(name))
    assert policy.to_arguments() == ASKED[name]
    choice = policy.choose_from(rows(), ROUNDING)
    assert policy_of_card(choice.counted_policy) == policy
    assert choice.policy["name"] == name


@pytest.mark.parametrize("simultaneous", [False, True])
def test_a_policy_for_each_class_comes_back_with_the_confidence_asked_for(
    simultaneous: bool,
) -> None:
    policy = policy_asked(risk=0.3, confidence=0.8, per_class=True, simultaneous=simultaneous)
    choice = policy.choose_from(rows(), ROUNDING)
    assert policy_of_card(choice.counted_policy) == policy
    expected = {"risk": 0.3, "confidence": 0.8, "per_class": True}
    assert policy.to_arguments() == expected | ({"simultaneous": True} if simultaneous else {})
    # Bonferroni for two classes: each at .9
    own = 0.9 if simultaneous else 0.8
    assert [part["confidence"] for part in choice.policy["classes"]] == pytest.approx([own, own])
    assert ("simultaneous" in choice.policy) is simultaneous


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"coverage": 0.5, "risk": 0.1}, r"takes one policy, got \['coverage', 'risk'\]"),
        ({"covrage": 0.5}, r"set_threshold takes one of \['q', 'coverage'.* got \['covrage'\]"),
        ({"coverage": 0.5, "confidence": 0.9}, "confidence belongs to risk, got it with coverage"),
        ({"cost": 3.0}, "cost must be two numbers"),
        ({"q": 1.0}, r"q must be in \(0, 1\), got 1.0"),
        ({"coverage": "half"}, "coverage must be a number, got 'half'"),
        (
            {"fpr": 0.1},
            r"need ood_logits \(--ood\), and no other policy does, got fpr without them",
        ),
        ({"value": 0.1, "per_class": True}, "per_class needs q, coverage, risk or cost, got value"),
        ({"risk": 0.1, "simultaneous": True}, "simultaneous is for thresholds of classes"),
        ({"per_class": True, "per_label": True}, "has a threshold for each label"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(LogitconfError, match=message):
        policy_asked(**asked)


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ({"name": "luck"}, "a policy must be one of"),
        ({"name": "risk", "risk": 0.1}, r"must have \['confidence'\], got none"),
        ({"name": "per class", "classes": [None]}, "must list its classes"),
        ({"name": "per label", "labels": "all"}, "must list its labels"),
    ],
)
def test_a_damaged_policy_in_a_card_is_refused(card: dict[str, Any], message: str) -> None:
    with pytest.raises(LogitconfError, match=message):
        policy_of_card(card)


def test_a_threshold_that_was_retuned_names_no_policy() -> None:
    assert policy_of_card(None) is None
    assert policy_of_card({"name": "value"}) is None
