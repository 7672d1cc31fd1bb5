"""One threshold for each predicted class."""

import numpy as np
import pytest

from logitconf.errors import LogitconfError, UncertifiableError
from logitconf.scores.rounding import Rounding
from logitconf.thresholds.calibration_rows import CalibrationRows
from logitconf.thresholds.per_class import NEVER, PerClass
from logitconf.thresholds.policies import Coverage, Quantile, Risk, choose_coverage

ROUNDING = Rounding("softmax", 3)
HALF, RISKY = PerClass(Coverage(0.5)), PerClass(Risk(0.05, 0.9))


def test_each_class_gets_the_threshold_of_its_own_rows() -> None:
    generator = np.random.default_rng(0)
    scores = -generator.random(300).astype(np.float32)
    predicted, wrong = generator.integers(0, 3, size=300), generator.random(300) < 0.2
    choice = HALF.choose(CalibrationRows(scores, wrong, predicted, 3), ROUNDING)
    own = [
        choose_coverage(scores[own], 0.5, rounding=ROUNDING, wrong=wrong[own])
        for own in (predicted == k for k in range(3))
    ]
    assert choice.threshold == tuple(each.threshold for each in own)
    assert choice.rows == 300
    accepted = scores < np.array(choice.threshold, dtype=np.float32)[predicted]
    assert choice.accepted == int(accepted.sum())
    assert choice.errors == int((accepted & wrong).sum())


def test_a_class_without_rows_accepts_nothing_and_says_so() -> None:
    scores = np.array([-0.9, -0.5], dtype=np.float32)
    choice = HALF.choose(CalibrationRows(scores, None, np.array([0, 0]), 2), ROUNDING)
    assert isinstance(choice.threshold, tuple)
    assert choice.threshold[1] == NEVER
    assert np.isfinite(np.float32(NEVER))
    note = str(choice.notes[0])
    assert note.startswith("class 1 accepts nothing: at least one score must be finite")


def test_a_class_whose_risk_cannot_be_certified_accepts_nothing() -> None:
    scores = -np.linspace(0.9, 0.1, 400).astype(np.float32)
    predicted = (np.arange(400) >= 390).astype(np.int64)
    right = np.zeros(400, dtype=bool)
    choice = RISKY.choose(CalibrationRows(scores, right, predicted, 2), ROUNDING)
    assert choice.accepted == 390
    assert "needs at least 45 accepted rows" in str(choice.notes[0])


def test_where_no_class_can_carry_the_policy_its_own_error_is_raised() -> None:
    scores = np.array([-0.9, -0.5], dtype=np.float32)
    with pytest.raises(UncertifiableError, match="needs at least 45 accepted rows"):
        RISKY.choose(CalibrationRows(scores, np.array([False] * 2), np.array([0, 1]), 2), ROUNDING)


def test_predictions_beyond_the_classes_are_refused() -> None:
    with pytest.raises(LogitconfError, match=r"integers of shape \(1,\) in \[0, 2\)"):
        PerClass(Quantile()).choose(
            CalibrationRows(np.array([-1.0], dtype=np.float32), None, np.array([2]), 2), ROUNDING
        )


def broken_promises(*, simultaneous: bool, draws: int) -> tuple[int, int]:
    """How often of `draws` a class, or all accepted rows, break a risk of .2 at .8; 10 classes.

    Scores are uniform on [-1, 0], and a row at score s is wrong with probability 1 + s, so that a
    threshold t has the risk (1 + t) / 2 in every class and in all.
    """
    policy = PerClass(Risk(0.2, 0.8), simultaneous)
    generator = np.random.default_rng(7)
    of_a_class = overall = 0
    for _ in range(draws):
        scores = -generator.random(2000).astype(np.float32)
        rows = CalibrationRows(
            scores, generator.random(2000) < 1.0 + scores, generator.integers(0, 10, 2000), 10
        )
        try:
            threshold = np.array(policy.choose(rows, ROUNDING).threshold)
        except UncertifiableError:
            continue
        accepted = np.where(threshold == NEVER, 0.0, 1.0 + threshold)
        of_a_class += bool((accepted / 2.0 > 0.2).any())
        overall += bool((accepted**2 / 2.0).sum() > 0.2 * accepted.sum())
    return of_a_class, overall


def test_a_promise_for_all_classes_at_once_is_kept_by_all_of_them() -> None:
    """By itself each class breaks it in up to a fifth of the draws, one of ten far more often."""
    of_a_class, _ = broken_promises(simultaneous=False, draws=100)
    assert of_a_class > 30
    of_a_class, overall = broken_promises(simultaneous=True, draws=200)
    # a fifth of 200 is 40, and three deviations of 5.7 above
    assert of_a_class <= 57
    assert overall <= of_a_class


def test_only_a_promise_can_be_simultaneous() -> None:
    with pytest.raises(LogitconfError, match=r"simultaneous is for a risk, .* got coverage"):
        PerClass(Coverage(0.5), simultaneous=True)
