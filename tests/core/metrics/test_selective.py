"""Measures of ranking against plain loops, scikit-learn and published figures."""

import math

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from support import real_data

from logitconf.errors import LogitconfError
from logitconf.metrics import selective

Float64 = NDArray[np.float64]
Flags = NDArray[np.bool_]

EXACT = 1e-12
steady = settings(derandomize=True, deadline=None, max_examples=60)


def drawn_rows(seed: int, rows: int = 200) -> tuple[Float64, Flags]:
    """Scores with ties, and errors that they predict a little."""
    generator = np.random.default_rng(seed)
    scores = np.round(generator.random(rows), 2)
    return scores, generator.random(rows) < scores


def naive_curve(scores: Float64, wrong: Flags) -> list[float]:
    """Risk among the k first, each row's error replaced by the mean over its equals."""
    ranked = sorted(scores.tolist())
    mean_error = {
        value: float(np.mean([w for s, w in zip(scores, wrong, strict=True) if s == value]))
        for value in set(ranked)
    }
    risks, errors = [], 0.0
    for count, value in enumerate(ranked, start=1):
        errors += mean_error[value]
        risks.append(errors / count)
    return risks


@pytest.mark.parametrize("seed", range(3))
def test_the_curve_is_the_plain_loops(seed: int) -> None:
    scores, wrong = drawn_rows(seed)
    curve = selective.risk_coverage(scores, wrong)
    np.testing.assert_allclose(curve.risk, naive_curve(scores, wrong), rtol=EXACT)
    np.testing.assert_allclose(curve.coverage, [k / 200 for k in range(1, 201)])
    assert curve.risk[-1] == pytest.approx(wrong.mean())


@pytest.mark.parametrize("seed", range(3))
def test_areas_are_means_of_the_plain_curve(seed: int) -> None:
    scores, wrong = drawn_rows(seed)
    risks = naive_curve(scores, wrong)
    expected = sum(risks) / len(risks)
    errors_first = [sum(sorted(wrong.tolist())[:k]) / k for k in range(1, 201)]
    best = sum(errors_first) / len(errors_first)
    right, bad = scores[~wrong], scores[wrong]
    pairs = [(b < r) + (b == r) / 2 for b in bad for r in right]
    # Traub et al. 2024, equation 8, from the pairs of an error and a right row
    error = wrong.mean()
    generalized = sum(pairs) / len(pairs) * error * (1 - error) + error**2 / 2
    assert selective.area_under_risk_coverage(scores, wrong) == pytest.approx(expected, abs=EXACT)
    excess = selective.excess_area_under_risk_coverage(scores, wrong)
    assert excess == pytest.approx(expected - best, abs=EXACT)
    assert selective.area_under_generalized_risk(scores, wrong) == pytest.approx(
        generalized, abs=EXACT
    )


@steady
@given(seed=st.integers(0, 1000))
def test_the_area_is_the_mean_over_orders_of_the_ties(seed: int) -> None:
    generator = np.random.default_rng(seed)
    scores, wrong = generator.integers(0, 3, size=6) / 4.0, generator.random(6) < 0.5
    areas = []
    for _ in range(300):
        order = generator.permutation(6)
        areas.append(selective.area_under_risk_coverage(scores[order], wrong[order], ties="order"))
    area = selective.area_under_risk_coverage(scores, wrong)
    # Six standard errors, and the rounding where all orders agree.
    assert area == pytest.approx(
        np.mean(areas), abs=6 * float(np.std(areas)) / math.sqrt(300) + 1e-9
    )


@steady
@given(arrays.arrays(np.bool_, st.integers(1, 50)), st.integers(0, 99))
def test_no_ranking_beats_the_perfect_one(wrong: Flags, seed: int) -> None:
    scores = np.random.default_rng(seed).random(wrong.size)
    assert selective.excess_area_under_risk_coverage(scores, wrong) >= -EXACT
    assert selective.excess_area_under_risk_coverage(wrong * 1.0, wrong) == pytest.approx(0.0)
    assert 0.0 <= selective.area_under_generalized_risk(scores, wrong) <= 0.5 + EXACT


def test_a_row_without_a_score_comes_last() -> None:
    curve = selective.risk_coverage([math.nan, -0.5, -math.inf], [True, False, True])
    np.testing.assert_allclose(curve.risk, [0.0, 0.5, 2.0 / 3.0])


def test_published_area_of_imagenet() -> None:
    data = real_data.imagenet()
    wrong = data.predicted != data.labels
    published = selective.area_under_risk_coverage(-data.confidence, wrong, ties="order")
    assert published == pytest.approx(0.063959, abs=5e-7)
    # 6131 rows tie; the orders of their errors span .063912 to .064051.
    assert 0.063912 < selective.area_under_risk_coverage(-data.confidence, wrong) < 0.064051


@pytest.mark.parametrize("seed", range(3))
def test_auroc_is_scikit_learns(seed: int) -> None:
    scores, wrong = drawn_rows(seed)
    expected = roc_auc_score(wrong, scores)
    area = selective.area_under_roc(scores[~wrong], scores[wrong])
    assert area == pytest.approx(expected, abs=EXACT)


@steady
@given(
    arrays.arrays(np.float64, st.integers(1, 30), elements=st.integers(-5, 5)),
    arrays.arrays(np.float64, st.integers(1, 30), elements=st.integers(-5, 5)),
)
def test_swapping_the_sides_of_auroc_gives_one_minus_it(low: Float64, high: Float64) -> None:
    area = selective.area_under_roc(low, high)
    assert area + selective.area_under_roc(high, low) == pytest.approx(1.0)
    assert area == pytest.approx(selective.area_under_roc(np.exp(low), np.exp(high)))


def test_fpr95_counts_bad_rows_up_to_the_last_of_95_percent_good_ones() -> None:
    good = np.arange(100) / 100.0
    bad = np.array([0.0, 0.93, 0.94, 0.95, math.nan])
    assert selective.false_positive_rate(good, bad) == pytest.approx(3 / 5)
    assert selective.false_positive_rate(good, bad, true_positive_rate=0.5) == pytest.approx(1 / 5)
    assert selective.false_positive_rate(good, good + 1.0) == 0.0


def test_bad_input_is_refused() -> None:
    with pytest.raises(LogitconfError, match=r"must be \(N,\) with N >= 1, got \(0,\)"):
        selective.risk_coverage([], [])
    with pytest.raises(LogitconfError, match="ties must be 'mean' or 'order'"):
        selective.risk_coverage([1.0], [True], ties="worst")  # type: ignore[arg-type]
    with pytest.raises(LogitconfError, match="both sides must be"):
        selective.area_under_roc([1.0], [])
    with pytest.raises(LogitconfError, match="true_positive_rate must lie in"):
        selective.false_positive_rate([1.0], [1.0], true_positive_rate=0.0)
