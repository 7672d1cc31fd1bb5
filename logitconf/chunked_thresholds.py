"""The threshold of a coverage from scores in chunks: constant memory, one or many machines."""

from __future__ import annotations

import math

import numpy as np

from logitconf.errors import LogitconfError
from logitconf.placement import NARROW, REACH, TIED, RankedScores, measure_gaps, past_ties, place
from logitconf.scores.rounding import Rounding
from logitconf.selection import AllReduce, ScoreChunks, Vector, order_statistics, rounded_scores
from logitconf.thresholds import UNSCORED, ThresholdChoice, at_least

# So many scores are looked through for a gap, even where they are less than 1 % of the rows.
MOST_SCORES = 10_000
# No float32 threshold lies above it, so such a score counts as none.
LARGEST = float(np.finfo(np.float32).max)


def choose_coverage_chunks(
    chunks: ScoreChunks,
    coverage: float,
    *,
    rounding: Rounding,
    all_reduce: AllReduce | None = None,
) -> ThresholdChoice:
    """The threshold of `choose_coverage`, with memory for one chunk.

    All that processes exchange are whole numbers, so the result is the same to the last bit however
    the scores are spread over chunks and processes. It is that of `choose_coverage` wherever the
    gap is found among the 10 000 scores next to the wanted place, or these all tie.

    Args:
        chunks: starts a pass over this process' scores, each chunk (N,) floating; called four
            times or a few more, and again where more scores tie than are looked through.
        coverage: share of all rows to accept at least, in (0, 1].
        rounding: how the score is computed.
        all_reduce: adds a float64 vector up over all processes; called once a pass.

    Raises:
        LogitconfError: for another coverage, or without a finite score.

    >>> halves = [np.float32([-0.9, -0.5]), np.float32([-0.8, -0.1])]
    >>> found = choose_coverage_chunks(lambda: halves, 0.5, rounding=Rounding("softmax", 10))
    >>> found.accepted, round(found.threshold, 6)
    (2, -0.65)
    """
    if not 0.0 < coverage <= 1.0:
        raise LogitconfError(f"coverage must lie in (0, 1], got {coverage}")
    rows, finite = counts_below(chunks, LARGEST, all_reduce)
    if finite == 0:
        raise LogitconfError(f"at least one score must be finite, got {rows} that are not")
    asked = at_least(coverage, rows)
    wanted = min(asked, finite)
    reach = min(math.floor(REACH * rows), MOST_SCORES)
    first, tied = wanted, False
    while True:
        # One score more than the farthest place, so that its gap is known too.
        ranks = range(first - 1, min(first + reach + 1, finite))
        found = order_statistics(chunks, ranks, all_reduce=all_reduce)
        window = np.array(found, dtype=np.float32)
        nearby = RankedScores(window, None, rows=math.ceil(reach / REACH))
        gaps = measure_gaps(nearby, rounding)
        if gaps.roomy[1:-1].any() or ranks.stop == finite:
            break
        # All of these tie: look further, from the last of them.
        tied = True
        above = float(np.nextafter(window[-1], np.float32(np.inf)))
        first = counts_below(chunks, above, all_reduce)[1]
    placement = (past_ties if tied else place)(gaps, 1, looser=True)
    _, accepted = counts_below(chunks, placement.threshold, all_reduce)
    notes = placement.notes
    if tied:
        ties = TIED.format(accepted=accepted, wanted=wanted)
        notes = (ties, *(note for note in notes if note == NARROW))
    if asked > finite:
        notes = (*notes, UNSCORED.format(finite=finite, rows=rows))
    return ThresholdChoice(
        threshold=placement.threshold,
        policy={"name": "coverage", "coverage": float(coverage)},
        rows=rows,
        accepted=accepted,
        errors=None,
        notes=notes,
    )


def counts_below(
    chunks: ScoreChunks, threshold: float, all_reduce: AllReduce | None
) -> tuple[int, int]:
    """How many scores there are, and how many finite ones lie below a threshold."""
    counts: Vector = np.zeros(2)
    for chunk in chunks():
        values = rounded_scores(chunk)
        counts += values.size, (np.isfinite(values) & (values < threshold)).sum()
    if all_reduce is not None:
        counts = all_reduce(counts)
    return int(counts[0]), int(counts[1])
