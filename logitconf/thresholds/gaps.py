"""Where between the observed scores a threshold goes, so that rounding cannot flip a decision.

And what a user should know of it: kinds of notes that code asks for, and their words.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from logitconf.blocks.cutting import CACHED_ELEMENTS, cut
from logitconf.errors import LogitconfError
from logitconf.scores.rounding import Rounding
from logitconf.thresholds.order_statistics import rounded_scores

# Share of the rows by which a threshold may move to a gap that is wide enough.
REACH = 0.01
# Large sets of scores are looked through in pieces.
_PIECE = 1 << 18
_LARGEST = np.finfo(np.float32).max


class NoteKind(Enum):
    """The kinds of notes; the value is what a user reads."""

    TIED = "scores tie: {accepted} rows are accepted where {wanted} were asked for"
    TIED_AT_QUANTILE = "scores tie at the quantile: {accepted} of {rows} rows lie below it"
    BEYOND_SCORES = "more than 1 - q of the {rows} rows have no finite score"
    NARROW = (
        "no gap between scores within 1 % of the rows is wider than two rounding bands; the widest "
        "was taken, and runtimes may decide differently on scores next to it"
    )
    NOTHING = "no row is accepted"
    UNSCORED = "only {accepted} of {rows} rows have a finite score and can be accepted"
    REFUSED = "{part} accepts nothing: {reason}"


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to know about a threshold; its ``str`` is the sentence.

    Attributes:
        kind: of the note.
        accepted: rows that are, or can be, accepted.
        wanted: rows that should be.
        rows: all rows.
        reason: why a part accepts nothing.
        part: the class or label that it is about; empty for all rows.
    """

    kind: NoteKind
    accepted: int = field(default=0, kw_only=True)
    wanted: int = field(default=0, kw_only=True)
    rows: int = field(default=0, kw_only=True)
    reason: str = field(default="", kw_only=True)
    part: str = field(default="", kw_only=True)

    def __str__(self) -> str:
        text = self.kind.value.format(
            accepted=self.accepted,
            wanted=self.wanted,
            rows=self.rows,
            reason=self.reason,
            part=self.part,
        )
        if not self.part or self.kind is NoteKind.REFUSED:
            return text
        return f"{self.part}: {text}"


NARROW, NOTHING = Note(NoteKind.NARROW), Note(NoteKind.NOTHING)


class Ranked(Protocol):
    """Calibration scores in order, as far as a policy asks for them."""

    @property
    def rows(self) -> int:
        """All rows, those without a finite score included."""

    @property
    def finite(self) -> int:
        """How many scores there are."""

    def value_at(self, rank: int) -> float:
        """The score at a place, 0 for the lowest."""

    def count_below(self, threshold: float) -> int:
        """How many rows a threshold accepts."""

    def errors_among(self, accepted: int) -> int | None:
        """How many of the most confident `accepted` rows are wrong; None without labels."""


@dataclass(frozen=True, slots=True, eq=False)
class RankedScores:
    """Calibration scores in order, most confident first.

    Attributes:
        values: (M,) float32, the finite scores, ascending.
        labelled: (N,) scores and (N,) whether each is wrong, in the order of the rows; None without
            labels.
        rows: all rows, N, those without a finite score included.
    """

    values: npt.NDArray[np.float32]
    labelled: tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]] | None
    rows: int

    @property
    def finite(self) -> int:
        """How many scores there are."""
        return int(self.values.size)

    def value_at(self, rank: int) -> float:
        """The score at a place, 0 for the lowest."""
        return float(self.values[rank])

    def count_below(self, threshold: float) -> int:
        """How many rows a threshold accepts."""
        return int(np.searchsorted(self.values, np.float32(threshold), side="left"))

    def errors_among(self, accepted: int) -> int | None:
        """How many of the most confident `accepted` rows are wrong; None without labels.

        Rows that tie are all among them or none is.
        """
        return None if self.labelled is None else int(self.errors_at([accepted])[0])

    def errors_at(self, counts: Sequence[int] | npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The same for several counts, ascending; with labels."""
        places = np.asarray(counts)
        ends = np.full(places.size, _LARGEST)
        inside = places < self.values.size
        ends[inside] = self.values[places[inside]]
        below = np.zeros(len(ends) + 1, np.int64)
        scores, wrong = self.labelled or (self.values[:0], np.zeros(0, np.bool_))
        for rows in cut(scores.size, 1, _PIECE):
            # what is not finite is below nothing; NaN and +inf come behind everything
            own = scores[rows][wrong[rows]]
            own = own[own > -np.inf]
            below += np.bincount(np.searchsorted(ends, own, side="right"), minlength=below.size)
        return np.cumsum(below[:-1])


@dataclass(frozen=True, eq=False)
class Gaps:
    """The gap after the first k of M ranked scores, for k = 0 to M; the first and last are endless.

    Attributes:
        ranked: the scores.
        rounding: how they are computed.
    """

    ranked: RankedScores
    rounding: Rounding

    @cached_property
    def widths(self) -> npt.NDArray[np.float64]:
        """(M + 1,)."""
        return self.near(0, self.ranked.values.size)[0]

    @cached_property
    def wide(self) -> npt.NDArray[np.bool_]:
        """(M + 1,), whether wider than two rounding bands.

        Both ends then lie more than one band from its middle.
        """
        return self.near(0, self.ranked.values.size)[1]

    @cached_property
    def roomy(self) -> npt.NDArray[np.bool_]:
        """(M + 1,), whether a float32 value lies strictly inside."""
        return self.near(0, self.ranked.values.size)[2]

    def near(
        self, first: int, last: int
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """`widths`, `wide` and `roomy` of the gaps from the first to the last of these, both in."""
        size = self.ranked.values.size
        widths = np.full(last - first + 1, np.inf)
        wide, roomy = np.ones((2, widths.size), dtype=np.bool_)
        # the gaps that have a score on either side
        start, stop = max(first, 1), min(last, size - 1) + 1
        for piece in cut(max(0, stop - start), 1, CACHED_ELEMENTS):
            own = slice(start - first + piece.start, start - first + piece.stop)
            values = self.ranked.values[start - 1 + piece.start : start + piece.stop]
            bands = self.rounding.bands(values)
            widths[own] = np.diff(values.astype(np.float64))
            wide[own] = widths[own] > 2.0 * np.maximum(bands[1:], bands[:-1])
            roomy[own] = np.nextafter(values[:-1], np.float32(np.inf)) < values[1:]
        return widths, wide, roomy


@dataclass(frozen=True, slots=True)
class GapThreshold:
    """A threshold between two scores and the rows it accepts."""

    threshold: float
    accepted: int
    notes: tuple[Note, ...] = ()


def rank_scores(scores: npt.ArrayLike, wrong: npt.ArrayLike | None = None) -> RankedScores:
    """Scores in order.

    Args:
        scores: (N,) floating, rounded to float32; NaN and infinities count as rejected rows.
        wrong: (N,) booleans, True where the prediction is wrong.

    Raises:
        LogitconfError: for other shapes or dtypes, or without a single finite score.
    """
    rounded = rounded_scores(scores)
    labelled = None if wrong is None else (rounded, checked_errors(wrong, rounded.shape))
    values = finite_scores(rounded)
    if not values.size:
        raise LogitconfError(f"at least one score must be finite, got {rounded.size} that are not")
    values.sort()
    return RankedScores(values, labelled, rounded.size)


def finite_scores(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """A copy of the scores below the largest float32, above which no threshold lies; no more."""

    def own(rows: slice) -> npt.NDArray[np.float32]:
        return scores[rows][np.isfinite(scores[rows]) & (scores[rows] < _LARGEST)]

    pieces = cut(scores.size, 1, _PIECE)
    values = np.empty(sum(own(rows).size for rows in pieces), np.float32)
    start = 0
    for part in map(own, pieces):
        values[start : start + part.size] = part
        start += part.size
    return values


def checked_errors(wrong: npt.ArrayLike, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Which rows are wrong, in the shape of their scores.

    Raises:
        LogitconfError: for other shapes or dtypes.
    """
    flags = np.asarray(wrong)
    if flags.shape != shape or flags.dtype != np.bool_:
        raise LogitconfError(
            f"wrong must be booleans of shape {shape}, got {flags.dtype} of shape {flags.shape}"
        )
    return flags


def pool(first: RankedScores, second: RankedScores) -> RankedScores:
    """Two sets of rows in one order, without their errors."""
    values = np.sort(np.concatenate([first.values, second.values]))
    return RankedScores(values, None, first.rows + second.rows)


def measure_gaps(ranked: RankedScores, rounding: Rounding) -> Gaps:
    """All gaps between the ranked scores; each is measured when it is looked at."""
    return Gaps(ranked, rounding)


def place(gaps: Gaps, accepted: int, *, looser: bool) -> GapThreshold:
    """A threshold that accepts about the first `accepted` rows, in a gap wide enough for rounding.

    The middle of the first gap wider than two rounding bands, looking at most 1 % of the rows
    further on the side that keeps the promise; else, with a note, the widest gap there; else, where
    all these rows tie, the next gap on that side.

    Args:
        gaps: of the M scores.
        accepted: how many rows to accept, 1 to M.
        looser: whether the promise allows more rows, rather than fewer.
    """
    reach = math.floor(REACH * gaps.ranked.rows)
    if looser:
        first, last = accepted, min(accepted + reach, gaps.ranked.values.size)
        widths, wide, roomy = gaps.near(first, last)
        counts = np.arange(first, last + 1)
    else:
        first, last = max(accepted - reach, 1), accepted
        widths, wide, roomy = gaps.near(first, last)
        widths, wide, roomy = widths[::-1], wide[::-1], roomy[::-1]
        counts = np.arange(last, first - 1, -1)
    if wide.any():
        count = int(counts[np.argmax(wide)])
        return GapThreshold(threshold_in(gaps, count), count)
    if roomy.any():
        count = int(counts[np.argmax(np.where(roomy, widths, 0.0))])
        return GapThreshold(threshold_in(gaps, count), count, (NARROW,))
    return past_ties(gaps, accepted, looser=looser)


def threshold_in(gaps: Gaps, accepted: int) -> float:
    """A float32 value strictly between the first `accepted` scores and the rest: the middle.

    Beyond the last score, and before the first, two rounding bands away.
    """
    values = gaps.ranked.values
    lower = float(values[accepted - 1]) if accepted > 0 else -math.inf
    upper = float(values[accepted]) if accepted < values.size else math.inf
    if math.isinf(upper):
        middle = lower + 2.0 * float(gaps.rounding.bands(lower))
    elif math.isinf(lower):
        middle = upper - 2.0 * float(gaps.rounding.bands(upper))
    else:
        middle = lower + (upper - lower) / 2.0
    # + 0.0 turns a negative zero, which prints badly, into zero.
    threshold = np.float32(middle) + np.float32(0.0)
    if not threshold > lower:
        threshold = np.nextafter(np.float32(lower), np.float32(np.inf))
    if not threshold < upper:
        threshold = np.nextafter(np.float32(upper), np.float32(-np.inf))
    return float(threshold)


def past_ties(gaps: Gaps, accepted: int, *, looser: bool) -> GapThreshold:
    """A threshold in the next gap with room for a float32 value; both ends always have it."""
    size = gaps.ranked.values.size
    if looser:
        pieces = cut(size + 1 - accepted, 1, _PIECE)
        ends = [(accepted + each.start, accepted + each.stop - 1) for each in pieces]
    else:
        pieces = cut(accepted + 1, 1, _PIECE)
        ends = [(accepted - each.stop + 1, accepted - each.start) for each in pieces]
    roomy = ((first, np.flatnonzero(gaps.near(first, last)[2])) for first, last in ends)
    first, inside = next((first, own) for first, own in roomy if own.size)
    count = first + int(inside[0 if looser else -1])
    notes = [Note(NoteKind.TIED, accepted=count, wanted=accepted) if count else NOTHING]
    if not gaps.near(count, count)[1][0]:
        notes.append(NARROW)
    return GapThreshold(threshold_in(gaps, count), count, tuple(notes))
