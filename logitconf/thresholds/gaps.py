"""Where between the observed scores a threshold goes, so that rounding cannot flip a decision.

And what a user should know of it: kinds of notes that code asks for, and their words.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

import numpy as np
import numpy.typing as npt

from logitconf.errors import LogitconfError
from logitconf.scores.rounding import Rounding
from logitconf.thresholds.order_statistics import rounded_scores

# Share of the rows by which a threshold may move to a gap that is wide enough.
REACH = 0.01


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
        errors: (M + 1,) errors among the first k rows, or None without labels.
        rows: all rows, those without a finite score included.
    """

    values: npt.NDArray[np.float32]
    errors: npt.NDArray[np.int64] | None
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
        """How many of the most confident `accepted` rows are wrong; None without labels."""
        return None if self.errors is None else int(self.errors[accepted])


@dataclass(frozen=True, slots=True, eq=False)
class Gaps:
    """The gap after the first k of M ranked scores, for k = 0 to M; the first and last are endless.

    Attributes:
        ranked: the scores.
        rounding: how they are computed.
        widths: (M + 1,).
        wide: (M + 1,), whether wider than two rounding bands: both ends lie more than one band from
            its middle.
        roomy: (M + 1,), whether a float32 value lies strictly inside.
    """

    ranked: RankedScores
    rounding: Rounding
    widths: npt.NDArray[np.float64]
    wide: npt.NDArray[np.bool_]
    roomy: npt.NDArray[np.bool_]


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
    # no float32 threshold lies above the largest float
    finite = np.isfinite(rounded) & (rounded < np.finfo(np.float32).max)
    if not finite.any():
        raise LogitconfError(f"at least one score must be finite, got {rounded.size} that are not")
    order = np.argsort(rounded[finite], kind="stable")
    errors = None
    if wrong is not None:
        flags = checked_errors(wrong, rounded.shape)
        errors = np.concatenate([[0], np.cumsum(flags[finite][order], dtype=np.int64)])
    return RankedScores(rounded[finite][order], errors, rounded.size)


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
    """All gaps between the ranked scores."""
    values = ranked.values.astype(np.float64)
    bands = rounding.bands(ranked.values)
    widths = np.full(values.size + 1, np.inf)
    wide, roomy = np.ones((2, values.size + 1), dtype=np.bool_)
    widths[1:-1] = np.diff(values)
    wide[1:-1] = widths[1:-1] > 2.0 * np.maximum(bands[1:], bands[:-1])
    roomy[1:-1] = np.nextafter(ranked.values[:-1], np.float32(np.inf)) < ranked.values[1:]
    return Gaps(ranked, rounding, widths, wide, roomy)


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
        counts = np.arange(accepted, min(accepted + reach, gaps.widths.size - 1) + 1)
    else:
        counts = np.arange(accepted, max(accepted - reach, 1) - 1, -1)
    wide = gaps.wide[counts]
    if wide.any():
        count = int(counts[np.argmax(wide)])
        return GapThreshold(threshold_in(gaps, count), count)
    roomy = gaps.roomy[counts]
    if roomy.any():
        count = int(counts[np.argmax(np.where(roomy, gaps.widths[counts], 0.0))])
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
    counts = np.flatnonzero(gaps.roomy)
    position = np.searchsorted(counts, accepted, side="left" if looser else "right")
    count = int(counts[position if looser else position - 1])
    notes = [Note(NoteKind.TIED, accepted=count, wanted=accepted) if count else NOTHING]
    if not gaps.wide[count]:
        notes.append(NARROW)
    return GapThreshold(threshold_in(gaps, count), count, tuple(notes))
