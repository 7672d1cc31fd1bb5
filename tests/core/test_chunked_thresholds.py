"""Thresholds of scores in chunks: those of all scores at once."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lockstep import in_lockstep
from numpy.typing import NDArray

from logitconf.chunked_thresholds import choose_coverage_chunks
from logitconf.errors import LogitconfError
from logitconf.rounding import Rounding
from logitconf.thresholds import choose_coverage

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
    if any("scores tie" in note for note in whole.notes):
        # beyond the scores looked through, the tie may go on
        assert found.accepted >= coverage * rows - 1e-6 or len(whole.notes) > 1
        return
    assert (found.threshold, found.accepted) == (whole.threshold, whole.accepted)
    assert found.rows == rows
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
