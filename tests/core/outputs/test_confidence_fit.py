"""The fitted confidence: close to the truth, to isotonic regression, and honest about few rows."""

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.isotonic import IsotonicRegression

from logitconf.outputs.confidence import exact_confidence
from logitconf.outputs.confidence_fit import _ascending, fit_confidence


def drawn(rows: int, seed: int = 0) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Scores −p, right with probability p."""
    random = np.random.default_rng(seed)
    sure = random.uniform(0.2, 1.0, rows)
    return (-sure).astype(np.float32), random.random(rows) > sure


@pytest.mark.parametrize(("rows", "most"), [(500, 0.06), (20_000, 0.015)])
def test_it_finds_the_probability_of_being_right(rows: int, most: float) -> None:
    scores, wrong = drawn(rows)
    knots = fit_confidence(scores, wrong)
    assert knots is not None
    fresh = np.linspace(-0.99, -0.21, 200)
    assert np.abs(exact_confidence(fresh, knots) + fresh).mean() < most
    assert 2 <= len(knots.scores) <= 32
    assert (knots.rows, knots.error is not None) == (rows, True)


def test_it_is_as_good_as_isotonic_regression_on_other_rows() -> None:
    scores, wrong = drawn(2_000, seed=1)
    knots = fit_confidence(scores, wrong)
    assert knots is not None
    peer = IsotonicRegression(increasing=False, out_of_bounds="clip").fit(scores, ~wrong)
    fresh, wrong_too = drawn(50_000, seed=2)
    brier = [
        float(np.mean((sure - ~wrong_too) ** 2))
        for sure in (exact_confidence(fresh, knots), peer.predict(fresh))
    ]
    assert brier[0] < brier[1] + 1e-3


def test_the_error_on_other_rows_is_what_other_rows_show() -> None:
    # without any relation the confidence is the accuracy, off by chance alone
    random = np.random.default_rng(3)
    scores, wrong = random.normal(size=4000).astype(np.float32), random.random(4000) < 0.3
    knots = fit_confidence(scores, wrong)
    assert knots is not None
    assert knots.error is not None
    assert knots.error < 0.05
    np.testing.assert_allclose(exact_confidence([-3.0, 0.0, 3.0], knots), 0.7, atol=0.06)


def test_few_rows_make_no_certainty_and_tell_no_score() -> None:
    scores, right = np.array([-3.0, -2.0, -1.0], np.float32), np.zeros(3, bool)
    knots = fit_confidence(scores, right)
    assert knots is not None
    assert (knots.scores, knots.error) == ((0.0,), None)
    assert knots.values[0] == pytest.approx(3.5 / 4)
    scores, wrong = drawn(60)
    several = fit_confidence(scores, wrong)
    assert several is not None
    assert not set(several.scores) & set(scores.tolist())


def test_rows_without_a_score_take_no_part() -> None:
    scores, wrong = drawn(400)
    hurt = np.concatenate([scores, [np.nan, np.inf, -np.inf]]).astype(np.float32)
    assert fit_confidence(hurt, np.append(wrong, [True] * 3)) == fit_confidence(scores, wrong)
    assert fit_confidence(hurt[-3:], np.ones(3, bool)) is None
    labels = fit_confidence(scores.reshape(100, 4), wrong.reshape(100, 4))
    assert labels == fit_confidence(scores, wrong)


def test_scores_that_tie_stay_together() -> None:
    scores = np.repeat(np.array([-1.0, -0.5], np.float32), 500)
    wrong = np.arange(1000) % 10 == 0
    wrong[500:] = np.arange(500) % 2 == 0
    knots = fit_confidence(scores, wrong)
    assert knots is not None
    assert knots.scores == (-1.0, -0.5)
    np.testing.assert_allclose(knots.values, [450.5 / 501, 250.5 / 501], atol=1e-7)


def test_scores_ascend_as_a_stable_sort_has_them() -> None:
    random = np.random.default_rng(5)
    few = np.array([-3e38, -1.5, -1e-40, -0.0, 0.0, 1e-40, 0.5, 3e38], np.float32)
    scores = np.concatenate([random.choice(few, 4000), random.normal(size=999).astype(np.float32)])
    assert np.array_equal(_ascending(scores), np.argsort(scores, kind="stable"))
