"""Figures of probabilities, against scikit-learn and plain loops."""

from typing import Any

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss

from logitconf.metrics.calibration import (
    classwise_calibration_error,
    debiased_calibration_error,
    expected_calibration_error,
)
from logitconf.metrics.probability_quality import probability_quality


def made(rows: int = 500, n_classes: int = 4) -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    logits = random.normal(size=(rows, n_classes)) * 2.0
    return softmax(logits * 1.5, axis=1), (logits + random.gumbel(size=logits.shape)).argmax(axis=1)


def test_classes_have_scikit_learns_log_loss_and_accuracy() -> None:
    shares, truth = made()
    found = probability_quality(shares, truth)
    assert found is not None
    assert found.log_loss == pytest.approx(log_loss(truth, shares), rel=1e-12)
    assert found.accuracy == accuracy_score(truth, shares.argmax(axis=1))
    assert found.brier == pytest.approx(((shares - np.eye(4)[truth]) ** 2).sum(axis=1).mean())
    assert found.rows == 500


def test_one_logit_has_scikit_learns_brier_score() -> None:
    shares, truth = made(n_classes=2)
    found = probability_quality(shares[:, 1], truth)
    assert found is not None
    assert found.brier == pytest.approx(brier_score_loss(truth, shares[:, 1]), rel=1e-12)
    assert found.accuracy == ((shares[:, 1] > 0.5) == (truth == 1)).mean()


def test_labels_count_each_by_itself() -> None:
    shares, _ = made()
    truth = (np.random.default_rng(1).random(shares.shape) < shares).astype(float)
    found, flat = (
        probability_quality(shares, truth),
        probability_quality(shares.ravel(), truth.ravel()),
    )
    assert found == flat
    assert found is not None
    assert found.rows == shares.size


def test_rows_without_probabilities_do_not_count_and_shares_as_labels_have_no_figures() -> None:
    shares, truth = made()
    spoilt = np.concatenate([shares, np.full((3, 4), np.nan)])
    assert probability_quality(spoilt, [*truth, 0, 1, 2]) == probability_quality(shares, truth)
    assert probability_quality(np.full((3, 4), np.nan), [0, 1, 2]) is None
    assert probability_quality(shares[:, 0], np.full(500, 0.5)) is None


def test_classwise_error_is_the_mean_of_plain_loops_over_bins() -> None:
    shares, truth = made()
    errors = []
    for k in range(4):
        total = 0.0
        for low in range(10):
            inside = (shares[:, k] > low / 10) & (shares[:, k] <= (low + 1) / 10)
            if inside.any():
                gap = (truth[inside] == k).mean() - shares[inside, k].mean()
                total += abs(gap) * inside.mean()
        errors.append(total)
    assert classwise_calibration_error(shares, truth, bins=10) == pytest.approx(np.mean(errors))


def test_the_debiased_error_is_that_of_plain_loops_over_bins_of_equal_mass() -> None:
    shares, truth = made(600)
    sure, right = shares.max(axis=1), shares.argmax(axis=1) == truth
    order = np.argsort(sure, kind="stable")
    total = 0.0
    for part in np.array_split(order, 15):
        accuracy = right[part].mean()
        chance = accuracy * (1.0 - accuracy) / (len(part) - 1)
        total += ((sure[part].mean() - accuracy) ** 2 - chance) * len(part) / 600
    assert debiased_calibration_error(sure, right) == pytest.approx(np.sqrt(max(total, 0.0)))


def test_on_calibrated_rows_the_debiased_squares_are_0_on_average_and_the_ece_is_not() -> None:
    random = np.random.default_rng(0)
    squares, plain = [], []
    for _ in range(400):
        sure = random.uniform(0.5, 1.0, 300)
        right = random.random(300) < sure
        plain.append(expected_calibration_error(sure, right, binning="mass"))
        squares.append(debiased_calibration_error(sure, right) ** 2)
    # cut off at 0, so that the mean of what is left is above 0, but far below the plain one's
    assert np.mean(plain) > 0.06
    assert np.mean(squares) < 0.25 * np.mean(plain) ** 2
    assert np.mean(np.array(squares) == 0.0) > 0.4


def test_an_error_that_is_there_stays() -> None:
    random = np.random.default_rng(0)
    sure = random.uniform(0.7, 1.0, 50000)
    right = random.random(50000) < sure - 0.1
    assert debiased_calibration_error(sure, right) == pytest.approx(0.1, abs=0.01)
