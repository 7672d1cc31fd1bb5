"""Where a threshold goes between the scores."""

import math

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from logitconf.errors import LogitconfError
from logitconf.scores.bands import Constants
from logitconf.scores.rounding import Rounding
from logitconf.thresholds.gaps import (
    NARROW,
    NOTHING,
    Gaps,
    measure_gaps,
    place,
    rank_scores,
    threshold_in,
)

Float32 = NDArray[np.float32]

ROUNDING = Rounding("margin", 10, constants=Constants(2.0))
STEP = float(np.spacing(np.float32(1.0)))
steady = settings(derandomize=True, deadline=None, max_examples=60)


def float32(*values: float) -> Float32:
    return np.array(values, dtype=np.float32)


def gaps_of(scores: Float32) -> Gaps:
    return measure_gaps(rank_scores(scores), ROUNDING)


def steps(*counts: int) -> Float32:
    """Scores below -1 in float32 steps; the band is two, so a gap is wide from five on."""
    return np.array([-2.0 + STEP * count for count in sorted(counts)], dtype=np.float32)


def naive_place(values: list[float], wanted: int, rows: int, *, looser: bool) -> int | None:
    """The count whose gap is the first wide one, by a plain loop; None if none is in reach."""
    reach = rows // 100
    counts = range(wanted, wanted + reach + 1) if looser else range(wanted, wanted - reach - 1, -1)
    for count in counts:
        if not 1 <= count <= len(values):
            return None
        if count == len(values):
            return count
        lower, upper = values[count - 1], values[count]
        band = max(2.0 * float(np.spacing(np.float32(abs(v)))) for v in (lower, upper))
        if upper - lower > 2.0 * band:
            return count
    return None


@steady
@given(seed=st.integers(0, 10_000), wanted=st.integers(1, 200), looser=st.booleans())
def test_the_first_wide_gap_within_one_percent_is_taken(
    seed: int, wanted: int, looser: bool
) -> None:
    places = np.random.default_rng(seed).integers(0, 800, size=200)
    scores = steps(*places.tolist())
    found = place(gaps_of(scores), wanted, looser=looser)
    expected = naive_place(sorted(scores.tolist()), wanted, 200, looser=looser)
    if expected is not None:
        assert found.accepted == expected
        assert found.notes == ()
    else:
        assert found.notes
    assert found.accepted == int((scores < np.float32(found.threshold)).sum())
    assert np.float32(found.threshold) == found.threshold
    assert found.threshold not in scores.tolist()
    assert found.accepted >= wanted if looser else found.accepted <= wanted


def test_the_threshold_is_the_middle_of_the_gap() -> None:
    gaps = gaps_of(float32(-0.75, -0.5, -0.25))
    assert place(gaps, 1, looser=True).threshold == -0.625


def test_without_a_wide_gap_the_widest_is_taken_with_a_note() -> None:
    scores = steps(*range(0, 200), *range(201, 401))
    found = place(gaps_of(scores), 198, looser=True)
    assert found.accepted == 200
    assert found.notes == (NARROW,)


def test_ties_move_the_threshold_past_them_and_say_so() -> None:
    scores = steps(*[7] * 50, *[100] * 50)
    found = place(gaps_of(scores), 10, looser=True)
    assert found.accepted == 50
    assert [str(note) for note in found.notes] == [
        "scores tie: 50 rows are accepted where 10 were asked for"
    ]


def test_ties_at_the_strict_end_accept_nothing_and_say_so() -> None:
    found = place(gaps_of(steps(*[7] * 50)), 10, looser=False)
    assert found.accepted == 0
    assert NOTHING in found.notes


def test_scores_that_all_tie_are_all_accepted_by_a_loose_promise() -> None:
    found = place(gaps_of(steps(*[7] * 50)), 10, looser=True)
    assert found.accepted == 50
    assert found.threshold > float(steps(7)[0])


def test_past_the_last_score_the_threshold_lies_two_bands_away() -> None:
    gaps = gaps_of(float32(-2.0, -1.0))
    assert threshold_in(gaps, 2) == -1.0 + 4.0 * STEP
    assert threshold_in(gaps, 0) < -2.0


def test_neighbouring_floats_leave_no_room_and_the_next_gap_is_taken() -> None:
    scores = steps(0, 1, 2, 3, 10)
    found = place(gaps_of(scores), 2, looser=True)
    assert found.accepted == 4


def test_the_widest_gap_without_a_float_inside_is_passed_over() -> None:
    # Beside -1 one step of [-2, -1] is as wide as two steps of [-1, -1/2].
    scores = float32(-1.0 - STEP, -1.0, -1.0 + STEP, *[0.0] * 100)
    found = place(gaps_of(scores), 1, looser=True)
    assert found.accepted == 2
    assert found.threshold == -1.0 + STEP / 2.0


def test_a_threshold_of_zero_has_no_sign() -> None:
    gaps = gaps_of(float32(-1.0, 1.0))
    assert math.copysign(1.0, threshold_in(gaps, 1)) == 1.0


@steady
@given(
    scores=arrays.arrays(np.float32, st.integers(2, 30), elements=st.floats(width=32)),
    share=st.floats(0.0, 1.0),
)
def test_any_float32_scores_are_split_where_it_says(scores: Float32, share: float) -> None:
    # a row at the largest float lies below no threshold
    finite = scores[np.isfinite(scores) & (scores < np.finfo(np.float32).max)]
    if not finite.size:
        with pytest.raises(LogitconfError, match="at least one score must be finite"):
            rank_scores(scores)
        return
    wanted = max(1, round(share * finite.size))
    with np.errstate(over="ignore"):
        found = place(gaps_of(scores), wanted, looser=True)
    assert found.accepted == int((finite < np.float32(found.threshold)).sum())


def test_errors_are_counted_among_finite_scores_only() -> None:
    scores = float32(np.nan, -0.5, -0.9, np.inf)
    ranked = rank_scores(scores, np.array([True, True, False, True]))
    assert ranked.rows == 4
    assert [ranked.errors_among(count) for count in range(3)] == [0, 0, 1]


def test_bad_columns_are_refused() -> None:
    with pytest.raises(LogitconfError, match=r"floating array \(N,\), got int64"):
        rank_scores(np.arange(3))
    with pytest.raises(LogitconfError, match=r"wrong must be booleans of shape \(2,\)"):
        rank_scores(float32(1, 2), np.array([True]))
