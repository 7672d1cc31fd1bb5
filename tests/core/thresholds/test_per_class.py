"""One threshold for each predicted class."""

from functools import partial

import numpy as np
import pytest

from logitconf.errors import LogitconfError, UncertifiableError
from logitconf.scores.rounding import Rounding
from logitconf.thresholds.per_class import NEVER, choose_per_class
from logitconf.thresholds.policies import choose_coverage, choose_quantile, choose_risk

ROUNDING = Rounding("softmax", 3)
HALF = partial(choose_coverage, coverage=0.5, rounding=ROUNDING)


def test_each_class_gets_the_threshold_of_its_own_rows() -> None:
    generator = np.random.default_rng(0)
    scores = -generator.random(300).astype(np.float32)
    predicted, wrong = generator.integers(0, 3, size=300), generator.random(300) < 0.2
    choice = choose_per_class(scores, predicted, HALF, n_classes=3, wrong=wrong)
    own = [HALF(scores[predicted == k], wrong=wrong[predicted == k]) for k in range(3)]
    assert choice.threshold == tuple(each.threshold for each in own)
    assert choice.rows == 300
    accepted = scores < np.array(choice.threshold, dtype=np.float32)[predicted]
    assert choice.accepted == int(accepted.sum())
    assert choice.errors == int((accepted & wrong).sum())


def test_a_class_without_rows_accepts_nothing_and_says_so() -> None:
    scores = np.array([-0.9, -0.5], dtype=np.float32)
    choice = choose_per_class(scores, np.array([0, 0]), HALF, n_classes=2)
    assert isinstance(choice.threshold, tuple)
    assert choice.threshold[1] == NEVER
    assert np.isfinite(np.float32(NEVER))
    assert choice.notes[0].startswith("class 1 accepts nothing: at least one score must be finite")


def test_a_class_whose_risk_cannot_be_certified_accepts_nothing() -> None:
    scores = -np.linspace(0.9, 0.1, 400).astype(np.float32)
    predicted = (np.arange(400) >= 390).astype(np.int64)
    risky = partial(choose_risk, risk=0.05, confidence=0.9, rounding=ROUNDING)
    right = np.zeros(400, dtype=bool)
    choice = choose_per_class(scores, predicted, risky, n_classes=2, wrong=right)
    assert choice.accepted == 390
    assert "needs at least 45 accepted rows" in choice.notes[0]


def test_where_no_class_can_carry_the_policy_its_own_error_is_raised() -> None:
    scores = np.array([-0.9, -0.5], dtype=np.float32)
    risky = partial(choose_risk, risk=0.05, confidence=0.9, rounding=ROUNDING)
    with pytest.raises(UncertifiableError, match="needs at least 45 accepted rows"):
        choose_per_class(scores, np.array([0, 1]), risky, n_classes=2, wrong=np.array([False] * 2))


def test_predictions_beyond_the_classes_are_refused() -> None:
    with pytest.raises(LogitconfError, match=r"integers of shape \(1,\) in \[0, 2\)"):
        choose_per_class(np.float32([-1]), np.array([2]), choose_quantile, n_classes=2)  # type: ignore[arg-type]
