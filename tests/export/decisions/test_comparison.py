"""Comparing decisions: each kind of difference is seen, and only where there is one."""

from typing import Any

import numpy as np
import pytest

from logitconf.errors import LogitconfError
from logitconf_export.decisions.comparison import (
    Comparison,
    Decisions,
    FlipCount,
    compare,
    near_threshold,
)

NAN, INF = float("nan"), float("inf")
BAND = 1e-4


def _decisions(score: list[float], threshold: float = 0.5) -> Decisions:
    values = np.array(score, dtype=np.float32)
    return Decisions(values, np.isfinite(values) & (values < np.float32(threshold)))


def _compare(left: Decisions, right: Decisions, threshold: float = 0.5) -> Comparison:
    limits = np.full(len(left.score), threshold, dtype=np.float32)
    return compare(left, right, threshold=limits, allowed=lambda v: np.full(np.shape(v), BAND))


def test_the_same_decisions_differ_in_nothing() -> None:
    same = _decisions([0.1, 0.9, NAN, -INF, INF])
    found = _compare(same, same)
    assert (found.rows, found.largest_absolute, found.largest_ulps) == (5, 0.0, 0)
    assert (found.not_finite, found.beyond_rounding, found.contradicting) == (0, 0, 0)
    assert (found.flips_inside, found.flips_outside, found.flips) == (0, 0, ())


def test_a_difference_is_measured_in_score_relative_and_steps() -> None:
    found = _compare(_decisions([0.25, 1.0]), _decisions([0.25, 1.0 + 2.0**-22]))
    assert found.largest_absolute == 2.0**-22
    assert found.largest_relative == 2.0**-22
    assert found.largest_ulps == 2
    assert found.quantiles["1"] == 2.0**-22


def test_a_difference_beyond_the_band_is_counted() -> None:
    assert _compare(_decisions([0.1]), _decisions([0.1 + 2 * BAND])).beyond_rounding == 1
    assert _compare(_decisions([0.1]), _decisions([0.1 + BAND / 2])).beyond_rounding == 0


def test_a_flip_near_the_threshold_is_inside_the_band() -> None:
    found = _compare(_decisions([0.49999]), _decisions([0.50001]))
    assert (found.flips_inside, found.flips_outside, found.in_band) == (1, 0, 1)
    assert found.tolerance_needed == pytest.approx(1e-5, rel=1e-2)


def test_a_flip_far_from_the_threshold_is_outside_the_band() -> None:
    found = _compare(_decisions([0.3, 0.4]), _decisions([0.7, 0.6]))
    assert (found.flips_inside, found.flips_outside) == (0, 2)
    assert found.flips[0].row == 0
    assert found.flips[0].distance == pytest.approx(0.2, rel=1e-6)
    assert not found.flips[0].inside_band


def test_flips_are_counted_by_direction_and_by_what_rounding_explains() -> None:
    expected = np.array([True, True, False, False, True, False])
    found = np.array([False, True, True, True, False, False])
    near = np.array([False, True, False, True, False, True])
    count = FlipCount.of(expected, found, near)
    assert count == FlipCount(in_band=3, inside=1, wrongly_accepted=1, wrongly_rejected=2)
    assert count.outside == 3
    assert count + FlipCount(1, 10, 100, 1000) == FlipCount(4, 11, 101, 1002)


def test_a_score_is_near_its_threshold_up_to_the_band_and_only_if_finite() -> None:
    score = np.array([0.5, 0.75, 0.76, NAN, INF], dtype=np.float32)
    limits = np.array([[0.5], [INF]], dtype=np.float32)
    found = near_threshold(score, limits, np.array([[0.25], [0.25]]))
    assert found.tolist() == [[True, True, False, False, False], [False] * 5]


def test_an_accepted_nan_is_a_flip_that_no_tolerance_excuses() -> None:
    reference = _decisions([NAN])
    found = _compare(reference, Decisions(reference.score, np.array([True])))
    assert found.flips_outside == 1
    assert found.tolerance_needed == INF
    assert found.contradicting == 1


@pytest.mark.parametrize(("left", "right"), [(NAN, 0.9), (INF, 0.9), (INF, -INF), (NAN, INF)])
def test_another_kind_of_not_finite_is_counted(left: float, right: float) -> None:
    assert _compare(_decisions([left]), _decisions([right])).not_finite == 1


@pytest.mark.parametrize(("left", "right"), [(INF, -INF), (NAN, -INF), (NAN, INF)])
def test_any_score_that_is_not_finite_may_do_where_masks_count(left: float, right: float) -> None:
    """CUDA's ReduceMax makes −inf of what is NaN in eager torch (onnxruntime 1.31)."""
    limits = np.array([0.5], dtype=np.float32)

    def found(other: Decisions) -> Comparison:
        return compare(
            _decisions([left]),
            other,
            threshold=limits,
            allowed=lambda v: np.full(np.shape(v), BAND),
            same_not_finite=False,
        )

    assert found(_decisions([right])).not_finite == 0
    assert found(_decisions([0.1])).not_finite == 1
    accepted = Decisions(np.array([right], dtype=np.float32), np.array([True]))
    assert found(accepted).flips_outside == 1


def test_a_mask_against_its_own_score_is_a_contradiction() -> None:
    at_threshold = _decisions([0.5])
    found = _compare(at_threshold, Decisions(at_threshold.score, np.array([True])))
    assert found.contradicting == 1


def test_no_rows_compare_to_no_rows() -> None:
    empty = _decisions([])
    assert _compare(empty, empty).rows == 0


def test_a_missing_row_is_an_error() -> None:
    with pytest.raises(LogitconfError, match="the same rows, got 2 and 1"):
        _compare(_decisions([0.1, 0.2]), _decisions([0.1]))


@pytest.mark.parametrize(
    ("score", "mask", "message"),
    [
        (np.zeros(2), np.ones(2, dtype=bool), "float32, got float64"),
        (np.zeros(2, dtype=np.float32), np.ones(3, dtype=bool), "one shape"),
        (np.zeros(2, dtype=np.float32), np.array([0, 2], dtype=np.uint8), "0 and 1 alone"),
    ],
)
def test_outputs_that_are_no_decisions_are_refused(score: Any, mask: Any, message: str) -> None:
    with pytest.raises(LogitconfError, match=message):
        Decisions.of(score, mask)
