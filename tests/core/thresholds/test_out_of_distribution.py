"""Thresholds against out-of-distribution scores, counted again by hand."""

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from logitconf.errors import LogitconfError
from logitconf.scores.rounding import Rounding
from logitconf.thresholds.gaps import NOTHING
from logitconf.thresholds.out_of_distribution import (
    choose_false_positive_rate,
    choose_true_positive_rate,
)
from logitconf.thresholds.policies import ThresholdChoice

Float32 = NDArray[np.float32]

ROUNDING = Rounding("softmax", 10)
steady = settings(derandomize=True, deadline=None, max_examples=100)
# Hundredths, so that many scores tie and all gaps are wide.
some_scores = arrays.arrays(
    np.float32, st.integers(1, 40), elements=st.integers(-99, -1).map(lambda n: n / 128)
)


def accepted(choice: ThresholdChoice, scores: Float32) -> int:
    assert isinstance(choice.threshold, float)
    return int((scores < np.float32(choice.threshold)).sum())


@steady
@given(inside=some_scores, outside=some_scores, rate=st.floats(0.0, 1.0))
def test_no_more_outliers_than_promised_and_no_threshold_is_looser(
    inside: Float32, outside: Float32, rate: float
) -> None:
    choice = choose_false_positive_rate(inside, outside, rate, rounding=ROUNDING)
    assert accepted(choice, outside) == choice.policy["ood_accepted"] <= rate * outside.size + 1e-6
    assert accepted(choice, inside) == choice.accepted
    assert isinstance(choice.threshold, float)
    looser = [cut / 256 for cut in range(-201, 3, 2) if cut / 256 > choice.threshold]
    for cut in looser:
        more = (outside < cut).sum() > rate * outside.size - 1e-6
        same = (inside < cut).sum() == choice.accepted
        assert more or same


@steady
@given(inside=some_scores, outside=some_scores, rate=st.floats(0.01, 1.0))
def test_as_many_rows_as_promised_and_no_threshold_is_stricter(
    inside: Float32, outside: Float32, rate: float
) -> None:
    choice = choose_true_positive_rate(inside, outside, rate, rounding=ROUNDING)
    assert accepted(choice, inside) == choice.accepted >= rate * inside.size - 1e-6
    assert accepted(choice, outside) == choice.policy["ood_accepted"]
    assert isinstance(choice.threshold, float)
    stricter = [cut / 256 for cut in range(-201, 3, 2) if cut / 256 < choice.threshold]
    for cut in stricter:
        fewer = (inside < cut).sum() < rate * inside.size
        assert fewer or (inside < cut).sum() == choice.accepted


def test_the_threshold_keeps_its_distance_from_outliers_too() -> None:
    inside = np.array([-0.9, -0.5], dtype=np.float32)
    outside = np.array([-0.6, -0.4], dtype=np.float32)
    choice = choose_true_positive_rate(inside, outside, 0.5, rounding=ROUNDING)
    assert choice.threshold == pytest.approx(-0.75)


def test_a_rate_of_zero_may_accept_nothing_and_says_so() -> None:
    inside = np.array([-0.5], dtype=np.float32)
    outside = np.array([-0.9], dtype=np.float32)
    choice = choose_false_positive_rate(inside, outside, 0.0, rounding=ROUNDING)
    assert choice.accepted == 0
    assert choice.notes == (NOTHING,)


def test_rows_without_a_score_count_as_rejected() -> None:
    inside = np.array([-0.9, np.nan], dtype=np.float32)
    outside = np.array([-0.5, np.nan, np.nan], dtype=np.float32)
    every = choose_true_positive_rate(inside, outside, 1.0, rounding=ROUNDING)
    assert every.accepted == 1
    assert "only 1 of 2 rows" in str(every.notes[-1])
    third = choose_false_positive_rate(inside, outside, 1 / 3, rounding=ROUNDING)
    assert (third.accepted, third.policy["ood_accepted"]) == (1, 1)


def test_rates_out_of_range_are_refused() -> None:
    scores = np.array([-0.5], dtype=np.float32)
    with pytest.raises(LogitconfError, match=r"false positive rate must lie in \[0, 1\], got 1.5"):
        choose_false_positive_rate(scores, scores, 1.5, rounding=ROUNDING)
    with pytest.raises(LogitconfError, match=r"true positive rate must lie in \(0, 1\], got 0"):
        choose_true_positive_rate(scores, scores, 0.0, rounding=ROUNDING)
