"""Intervals: bootstrap percentiles and the exact bounds of an error rate."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binom

from logitconf.errors import LogitconfError
from logitconf.metrics import intervals, selective

Float64 = NDArray[np.float64]
Flags = NDArray[np.bool_]

EXACT = 1e-12
ANCHORS = [
    (31, 3911, 0.0134),
    (68, 4241, 0.0229),
    (218, 4805, 0.0554),
    (269, 14845, 0.0218),
    (1065, 22140, 0.0527),
]

steady = settings(derandomize=True, deadline=None, max_examples=60)


def drawn_rows(seed: int, rows: int = 200) -> tuple[Float64, Flags]:
    """Scores with ties, and errors that they predict a little."""
    generator = np.random.default_rng(seed)
    scores = np.round(generator.random(rows), 2)
    return scores, generator.random(rows) < scores


@pytest.mark.parametrize(("errors", "rows", "bound"), ANCHORS)
def test_the_binomial_bound_is_at_its_anchors(errors: int, rows: int, bound: float) -> None:
    assert intervals.clopper_pearson_upper(errors, rows, 0.999) == pytest.approx(bound, abs=5e-5)


@steady
@given(st.integers(1, 500), st.floats(0.0, 0.999), st.sampled_from([0.5, 0.9, 0.99]))
def test_at_the_bound_so_few_errors_have_the_allowed_probability(
    rows: int, share: float, confidence: float
) -> None:
    errors = int(share * rows)
    bound = intervals.clopper_pearson_upper(errors, rows, confidence)
    assert binom.cdf(errors, rows, bound) == pytest.approx(1.0 - confidence, rel=1e-6)


def test_the_bound_of_all_wrong_or_no_rows_is_one() -> None:
    assert intervals.clopper_pearson_upper(5, 5, 0.9) == 1.0
    assert intervals.clopper_pearson_upper(0, 0, 0.9) == 1.0


def test_a_bootstrap_interval_of_a_mean_is_the_normal_one() -> None:
    values = np.random.default_rng(0).random(2000)
    interval = intervals.bootstrap(lambda v: float(v.mean()), values, seed=1, draws=2000)
    error = values.std() / math.sqrt(2000)
    assert interval.estimate == pytest.approx(values.mean())
    # The 2.5 % quantile of 2000 draws is known to about .06 standard deviations; three of those.
    assert interval.lower == pytest.approx(values.mean() - 1.96 * error, abs=0.18 * error)
    assert interval.upper == pytest.approx(values.mean() + 1.96 * error, abs=0.18 * error)


def test_the_same_seed_gives_the_same_interval_and_rows_stay_together() -> None:
    scores, wrong = drawn_rows(0)
    measure = selective.area_under_risk_coverage
    first = intervals.bootstrap(measure, scores, wrong, seed=7, draws=50)
    assert first == intervals.bootstrap(measure, scores, wrong, seed=7, draws=50)
    assert first.lower <= first.estimate <= first.upper
    perfect = intervals.bootstrap(
        selective.excess_area_under_risk_coverage, wrong * 1.0, wrong, seed=7, draws=50
    )
    assert perfect.upper == pytest.approx(0.0, abs=EXACT)


def test_bad_input_is_refused() -> None:
    with pytest.raises(LogitconfError, match="got 3 errors of 2 rows"):
        intervals.clopper_pearson_upper(3, 2, 0.9)
    with pytest.raises(LogitconfError, match="confidence must lie strictly"):
        intervals.clopper_pearson_upper(1, 2, 1.0)
    with pytest.raises(LogitconfError, match=r"got lengths \[1, 2\]"):
        intervals.bootstrap(selective.area_under_risk_coverage, [1.0, 2.0], [True], seed=0)


def test_a_share_is_above_its_floor_at_all_limits_at_once() -> None:
    # the limit whose floor is highest above the true share is chosen afterwards, the worst there is
    generator, rows, draws = np.random.default_rng(0), 80, 2000
    broken = 0
    for _ in range(draws):
        shares = np.sort(generator.random(rows))
        floors = [intervals.share_floor(k + 1, rows, 0.9) for k in range(rows)]
        broken += bool((np.array(floors) > shares).any())
    # at most a tenth; 250 of 2000 or more then come with a probability below one in a thousand
    assert 100 < broken < 250
    assert intervals.share_floor(500, 1000, 0.95) == pytest.approx(
        0.5 - math.sqrt(math.log(20) / 2000)
    )
    assert intervals.share_floor(1, 100, 0.95) == 0.0
    with pytest.raises(LogitconfError, match=r"\[0.5, 1\), got 0.4"):
        intervals.share_floor(1, 2, 0.4)
    with pytest.raises(LogitconfError, match="got 3 of 2 rows"):
        intervals.share_floor(3, 2, 0.9)
