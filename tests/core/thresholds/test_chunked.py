"""Thresholds of scores in chunks: those of all scores at once."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from support.lockstep import in_lockstep

from logitconf.errors import LogitconfError
from logitconf.scores.rounding import Rounding
from logitconf.thresholds.chunked import choose_coverage_chunks
from logitconf.thresholds.policies import choose_coverage

Float32 = NDArray[np.float32]
ROUNDING = Rounding("softmax", 10)
steady = settings(derandomize=True, deadline=None, max_examples=60)


def saturated(rows: int, seed: int) -> Float32:
    """Negated probabilities, most of them within a few float32 steps of -1; some without value."""
    rng = np.random.default_rng(seed)
    scores = -(1.0 - 10.0 ** rng.uniform(-8.0, 0.0, rows)).astype(np.float32)
    scores[rng.random(rows) < 0.02] = rng.choice([np.nan, np.inf, -np.inf])
    return scores


@steady
@given(
    rows=st.integers(1, 3000),
    coverage=st.floats(0.001, 1.0),
    parts=st.integers(1, 5),
    seed=st.integers(0, 1000),
)
def test_chunks_give_the_threshold_of_all_scores(
    rows: int, coverage: float, parts: int, seed: int
) -> None:
    scores = saturated(rows, seed)
    if not np.isfinite(scores).any():
        return
    whole: Any = choose_coverage(scores, coverage, rounding=ROUNDING)
    chunks = np.array_split(scores, parts)
    found = choose_coverage_chunks(lambda: chunks, coverage, rounding=ROUNDING)
    assert (found.threshold, found.accepted) == (whole.threshold, whole.accepted)
    assert found.rows == rows
    assert found.notes == whole.notes


@pytest.mark.parametrize(
    ("following", "accepted"),
    [
        ((), 701),
        ((2.0,), 701),
        ((1.0 + 2.0**-23, 1.0 + 2.0**-22, 2.0, 3.0), 703),
        ((1.0 + 2.0**-22, 2.0), 701),
    ],
    ids=["to the end", "a wide gap", "no room for a float", "a narrow gap"],
)
def test_a_tie_longer_than_what_is_looked_through_is_accepted_whole(
    following: tuple[float, ...], accepted: int
) -> None:
    scores = np.array([0.5, *[1.0] * 700, *following], dtype=np.float32)
    whole = choose_coverage(scores, 0.1, rounding=ROUNDING)
    chunks = np.array_split(scores[::-1], 3)
    found = choose_coverage_chunks(lambda: chunks, 0.1, rounding=ROUNDING)
    assert found.accepted == accepted
    assert f"scores tie: {found.accepted} rows are accepted where 7" in str(found.notes[0])
    assert (found.threshold, found.accepted) == (whole.threshold, whole.accepted)
    assert found.notes == whole.notes


@pytest.mark.parametrize("processes", [2, 4])
def test_processes_find_the_threshold_of_all_scores(processes: int) -> None:
    scores = saturated(5000, 7)
    whole = choose_coverage(scores, 0.8, rounding=ROUNDING)
    found = in_lockstep(
        processes,
        lambda place, all_reduce: choose_coverage_chunks(
            lambda: [scores[place::processes]], 0.8, rounding=ROUNDING, all_reduce=all_reduce
        ),
    )
    assert {each.threshold for each in found} == {whole.threshold}
    assert {each.accepted for each in found} == {whole.accepted}


def test_a_share_out_of_range_and_scores_without_value_are_refused() -> None:
    with pytest.raises(LogitconfError, match=r"coverage must lie in \(0, 1\], got 0.0"):
        choose_coverage_chunks(lambda: [], 0.0, rounding=ROUNDING)
    nothing = np.array([np.nan], dtype=np.float32)
    with pytest.raises(LogitconfError, match="at least one score must be finite, got 1 that"):
        choose_coverage_chunks(lambda: [nothing], 0.5, rounding=ROUNDING)
