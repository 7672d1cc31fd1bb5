"""Coverages and certified risks from chunks: constant memory, one or many machines."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from logitconf.card.parts import RowCounts
from logitconf.card.score_card import ScoreCard
from logitconf.errors import LogitconfError
from logitconf.notebook.brief import brief
from logitconf.scores.rounding import Rounding
from logitconf.thresholds.certificate import certificate_of
from logitconf.thresholds.gaps import (
    NARROW,
    REACH,
    Gaps,
    GapThreshold,
    Note,
    NoteKind,
    RankedScores,
    checked_errors,
    measure_gaps,
    past_ties,
    place,
    threshold_in,
)
from logitconf.thresholds.order_statistics import (
    AllReduce,
    ScoreChunks,
    Vector,
    gap_at_or_below,
    order_statistics,
    rounded_scores,
)
from logitconf.thresholds.policies import Coverage, risk_policy
from logitconf.thresholds.policy import ThresholdChoice, at_least, check_accepted_share
from logitconf.thresholds.risk_control import (
    candidates_of,
    certifiable_targets,
    loosest_that_passes,
)

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
    >>> choice = choose_coverage_chunks(lambda: halves, 0.5, rounding=Rounding("softmax", 10))
    >>> choice.accepted, round(choice.threshold, 6)
    (2, -0.65)
    """
    check_accepted_share(coverage, "coverage")
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
        ranked = order_statistics(chunks, ranks, all_reduce=all_reduce)
        window = np.array(ranked, dtype=np.float32)
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
        ties = Note(NoteKind.TIED, accepted=accepted, wanted=wanted)
        notes = (ties, *(note for note in notes if note.kind is NoteKind.NARROW))
    if asked > finite:
        notes = (*notes, Note(NoteKind.UNSCORED, accepted=finite, rows=rows))
    return ThresholdChoice(
        threshold=placement.threshold,
        policy=Coverage(coverage).to_card(),
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


# scores (N,) floating, and whether each row is wrong (N,) bool
LabelledChunk: TypeAlias = tuple[npt.ArrayLike, npt.ArrayLike]


LabelledChunks: TypeAlias = Callable[[], Iterable[LabelledChunk]]


# So many scores next to each candidate are looked through first; where no gap is wide, more are.
_FIRST_SCORES = 64


@dataclass(frozen=True, slots=True)
class ChunkedCertificate:
    """A certified threshold and what a certificate says of the rows besides.

    Attributes:
        choice: the threshold, as from `choose_risk`.
        not_finite: rows without a finite score.
        errors: wrong rows of all.
    """

    choice: ThresholdChoice
    not_finite: int
    errors: int

    __repr__ = brief

    def on_card(self, card: ScoreCard) -> ScoreCard:
        """The card with this threshold and its certificate, to compile, export and verify.

        Chunks have no common order, so the certificate has no digest of the rows; whether T was
        fitted on them is not known.

        Args:
            card: whose score and temperature gave the scores.
        """
        choice = self.choice
        policy = choice.counted_policy
        rows = RowCounts(choice.rows, self.not_finite, self.errors)
        card = replace(
            card,
            threshold=choice.threshold,
            policy=policy,
            rows=rows,
            certificate=None,
            sketch=None,
        )
        return replace(card, certificate=certificate_of(card, fitted_rows=None))


def choose_risk_chunks(
    chunks: LabelledChunks,
    risk: float,
    confidence: float,
    *,
    rounding: Rounding,
    all_reduce: AllReduce | None = None,
) -> ChunkedCertificate:
    """The threshold and the certificate of `choose_risk`, with memory for one chunk.

    All that processes exchange are whole numbers, so the result is the same to the last bit however
    the rows are spread over chunks and processes. It is that of `choose_risk` wherever, for every
    candidate, the gap is found among the 10 000 scores next to it, or these all tie: always up to a
    million rows.

    Args:
        chunks: starts a pass over this process' (scores, wrong): (N,) floating and (N,) bool;
            called some ten times, more often where scores tie or lie close.
        risk: share of errors among the accepted, in (0, 1).
        confidence: in (0, 1).
        rounding: how the score is computed.
        all_reduce: adds a float64 vector up over all processes; called once a pass.

    Raises:
        UncertifiableError: where the rows cannot certify it; `needed_rows` says how many could.
        LogitconfError: for other numbers or chunks.

    Source: see `logitconf.thresholds.risk_control.certify`.

    >>> scores, wrong = -np.linspace(1, 0.1, 300, dtype=np.float32), np.arange(300) >= 200
    >>> parts = [(scores[::2], wrong[::2]), (scores[1::2], wrong[1::2])]
    >>> certified = choose_risk_chunks(lambda: parts, 0.05, 0.9, rounding=Rounding("softmax", 10))
    >>> certified.choice.accepted, certified.choice.errors, certified.errors
    (204, 4, 100)
    """

    def scores() -> Iterator[npt.ArrayLike]:
        return (values for values, _ in chunks())

    rows, finite = counts_below(scores, LARGEST, all_reduce)
    targets = certifiable_targets(finite, rows, risk, confidence)
    search = _Search(scores, rows, finite, rounding, all_reduce)
    placed = search.place_all(list(targets))
    candidates = candidates_of(placed, targets.values(), risk, confidence)
    thresholds = np.array([c.placement.threshold for c in candidates], dtype=np.float32)
    accepted, errors, all_errors = _errors_below(chunks, thresholds, all_reduce)
    if accepted != [candidate.placement.accepted for candidate in candidates]:
        raise LogitconfError("each call of chunks() must give the same scores, got others")
    certified = loosest_that_passes(candidates, errors, risk, confidence)
    choice = ThresholdChoice(
        threshold=certified.placement.threshold,
        policy=risk_policy(certified, risk, confidence),
        rows=rows,
        accepted=certified.placement.accepted,
        errors=certified.errors,
        notes=certified.placement.notes,
    )
    return ChunkedCertificate(choice, rows - finite, all_errors)


@dataclass(frozen=True, slots=True)
class _Search:
    """Looks for the placements of `placement.place`, on the side of fewer rows."""

    scores: ScoreChunks
    rows: int
    finite: int
    rounding: Rounding
    all_reduce: AllReduce | None

    def place_all(self, targets: Sequence[int]) -> list[GapThreshold]:
        """Where a threshold for about so many rows goes, for each target."""
        most = min(math.floor(REACH * self.rows), MOST_SCORES)
        placements: dict[int, GapThreshold] = {}
        before_ties: dict[float, GapThreshold] = {}
        reach = min(_FIRST_SCORES, most)
        while True:
            missing = [target for target in dict.fromkeys(targets) if target not in placements]
            for target, (first, gaps) in self._windows(missing, reach).items():
                inner, lowest = slice(1, target - first + 1), float(gaps.ranked.values[0])
                if gaps.wide[inner].any() or (reach == most and gaps.roomy[inner].any()):
                    placed = place(gaps, target - first, looser=False)
                    placements[target] = replace(placed, accepted=first + placed.accepted)
                elif reach == most:
                    if lowest not in before_ties:
                        before_ties[lowest] = self._before_ties(lowest)
                    placements[target] = before_ties[lowest]
            if len(placements) == len(set(targets)):
                return [placements[target] for target in targets]
            reach = min(16 * reach, most)

    def _windows(self, targets: Sequence[int], reach: int) -> dict[int, tuple[int, Gaps]]:
        """For each target the scores up to `reach` places before it: the first place, the gaps."""
        spans = {t: (max(t - reach, 1) - 1, min(t + 1, self.finite)) for t in targets}
        ranks = [rank for first, end in spans.values() for rank in range(first, end)]
        values = np.array(
            order_statistics(self.scores, ranks, all_reduce=self.all_reduce), dtype=np.float32
        )
        windows, start = {}, 0
        for target, (first, end) in spans.items():
            own = values[start : start + end - first]
            # as many rows as make `place` look `reach` places far
            nearby = RankedScores(own, None, rows=math.ceil(reach / REACH))
            windows[target] = first, measure_gaps(nearby, self.rounding)
            start += end - first
        return windows

    def _before_ties(self, tied: float) -> GapThreshold:
        """In the next gap with room among the scores below one that ties with those above."""
        gap = gap_at_or_below(self.scores, tied, all_reduce=self.all_reduce)
        if gap is None:
            return GapThreshold(tied, 0)
        *ends, below = gap
        both = RankedScores(np.array(ends, dtype=np.float32), None, rows=2)
        gaps = measure_gaps(both, self.rounding)
        return GapThreshold(threshold_in(gaps, 1), below, () if gaps.wide[1] else (NARROW,))


def _errors_below(
    chunks: LabelledChunks, thresholds: npt.NDArray[np.float32], all_reduce: AllReduce | None
) -> tuple[list[int], list[int], int]:
    """Rows and errors below each of the ascending thresholds, and all errors."""
    bins = thresholds.size + 1
    counts: npt.NDArray[np.float64] = np.zeros(2 * bins + 1)
    for chunk in chunks():
        rounded = rounded_scores(chunk[0])
        wrong = checked_errors(chunk[1], rounded.shape)
        finite = np.isfinite(rounded)
        places = np.searchsorted(thresholds, rounded[finite], side="right")
        counts[:bins] += np.bincount(places, minlength=bins)
        counts[bins:-1] += np.bincount(places[wrong[finite]], minlength=bins)
        counts[-1] += wrong.sum()
    if all_reduce is not None:
        counts = all_reduce(counts)
    below = np.cumsum(counts[:-1].reshape(2, bins), axis=1)[:, :-1]
    accepted, errors = ([int(count) for count in row] for row in below)
    return accepted, errors, int(counts[-1])
