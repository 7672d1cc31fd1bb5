"""Where between the observed scores a threshold goes, so that rounding cannot flip a decision."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from logitconf.errors import LogitconfError
from logitconf.rounding import Rounding

# Share of the rows by which a threshold may move to a gap that is wide enough.
_REACH = 0.01
TIED = "scores tie: {accepted} rows are accepted where {wanted} were asked for"
NARROW = (
    "no gap between scores within 1 % of the rows is wider than the rounding band; the widest was "
    "taken, and runtimes may decide differently on scores next to it"
)
NOTHING = "no row is accepted"


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

    def count_below(self, threshold: float) -> int:
        """How many rows a threshold accepts."""
        return int(np.searchsorted(self.values, np.float32(threshold), side="left"))

    def errors_among(self, accepted: int) -> int | None:
        """How many of the most confident `accepted` rows are wrong; None without labels."""
        return None if self.errors is None else int(self.errors[accepted])


@dataclass(frozen=True, slots=True)
class Placement:
    """A threshold between two scores and the rows it accepts."""

    threshold: float
    accepted: int
    notes: tuple[str, ...] = ()


def rank_scores(scores: npt.ArrayLike, wrong: npt.ArrayLike | None = None) -> RankedScores:
    """Scores in order.

    Args:
        scores: (N,) floating, rounded to float32; NaN and infinities count as rejected rows.
        wrong: (N,) booleans, True where the prediction is wrong.

    Raises:
        LogitconfError: for other shapes or dtypes, or without a single finite score.
    """
    array = np.asarray(scores)
    if array.ndim != 1 or array.dtype.kind != "f":
        raise LogitconfError(
            f"scores must be a floating array (N,), got {array.dtype} of shape {array.shape}"
        )
    with np.errstate(over="ignore"):
        rounded = array.astype(np.float32)
    finite = np.isfinite(rounded)
    if not finite.any():
        raise LogitconfError(f"at least one score must be finite, got {array.size} that are not")
    order = np.argsort(rounded[finite], kind="stable")
    errors = None
    if wrong is not None:
        flags = np.asarray(wrong)
        if flags.shape != array.shape or flags.dtype != np.bool_:
            raise LogitconfError(
                f"wrong must be booleans of shape {array.shape}, got {flags.dtype} of shape "
                f"{flags.shape}"
            )
        errors = np.concatenate([[0], np.cumsum(flags[finite][order], dtype=np.int64)])
    return RankedScores(rounded[finite][order], errors, array.size)


def pool(first: RankedScores, second: RankedScores) -> RankedScores:
    """Two sets of rows in one order, without their errors."""
    values = np.sort(np.concatenate([first.values, second.values]))
    return RankedScores(values, None, first.rows + second.rows)


def place(ranked: RankedScores, accepted: int, rounding: Rounding, *, looser: bool) -> Placement:
    """A threshold that accepts about the first `accepted` rows, in a gap wide enough for rounding.

    The middle of the first gap wider than the rounding band, looking at most 1 % of the rows
    further on the side that keeps the promise; else, with a note, the widest gap there; else, where
    all these rows tie, the next gap on that side.

    Args:
        ranked: the scores; M of them are finite.
        accepted: how many rows to accept, 1 to M.
        rounding: how the score is computed.
        looser: whether the promise allows more rows, rather than fewer.
    """
    reach = math.floor(_REACH * ranked.rows)
    if looser:
        counts = np.arange(accepted, min(accepted + reach, ranked.values.size) + 1)
    else:
        counts = np.arange(accepted, max(accepted - reach, 1) - 1, -1)
    widths = gap_widths(ranked, counts)
    wide = widths > _bands(ranked, counts, rounding)
    if wide.any():
        return _placed(ranked, int(counts[np.argmax(wide)]), rounding)
    best = int(counts[np.argmax(widths)])
    if _holds_a_float(ranked, np.array([best]))[0]:
        return _placed(ranked, best, rounding, NARROW)
    return _past_ties(ranked, accepted, rounding, looser=looser)


def gap_widths(ranked: RankedScores, counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Width of the gap after the first k rows for each k in `counts`; infinite at both ends."""
    lower, upper = _edges(ranked, counts)
    return upper - lower


def wide_counts(ranked: RankedScores, rounding: Rounding) -> npt.NDArray[np.int64]:
    """All k from 0 to M whose gap is wider than the rounding band, ascending."""
    counts = np.arange(ranked.values.size + 1)
    return counts[gap_widths(ranked, counts) > _bands(ranked, counts, rounding)]


def threshold_above(ranked: RankedScores, accepted: int, rounding: Rounding) -> float:
    """A float32 value strictly between the first `accepted` scores and the rest.

    Beyond the last score, and before the first, one rounding band away.
    """
    lower, upper = (float(edge[0]) for edge in _edges(ranked, np.array([accepted])))
    if math.isinf(upper):
        middle = lower + float(rounding.bands(lower))
    elif math.isinf(lower):
        middle = upper - float(rounding.bands(upper))
    else:
        middle = lower + (upper - lower) / 2.0
    # + 0.0 turns a negative zero, which prints badly, into zero.
    threshold = np.float32(middle) + np.float32(0.0)
    if not threshold > lower:
        threshold = np.nextafter(np.float32(lower), np.float32(np.inf))
    if not threshold < upper:
        threshold = np.nextafter(np.float32(upper), np.float32(-np.inf))
    return float(threshold)


def _placed(ranked: RankedScores, accepted: int, rounding: Rounding, *notes: str) -> Placement:
    return Placement(threshold_above(ranked, accepted, rounding), accepted, notes)


def _past_ties(
    ranked: RankedScores, accepted: int, rounding: Rounding, *, looser: bool
) -> Placement:
    """The next gap with room for a float32 value; past the last score there always is one."""
    counts = np.arange(ranked.values.size + 1)
    counts = counts[_holds_a_float(ranked, counts)]
    position = np.searchsorted(counts, accepted, side="left" if looser else "right")
    found = int(counts[position if looser else position - 1])
    notes = [TIED.format(accepted=found, wanted=accepted)] if found else [NOTHING]
    single = np.array([found])
    if not gap_widths(ranked, single)[0] > _bands(ranked, single, rounding)[0]:
        notes.append(NARROW)
    return _placed(ranked, found, rounding, *notes)


def _edges(
    ranked: RankedScores, counts: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The scores below and above the gap after the first k rows."""
    values, size = ranked.values, ranked.values.size
    lower = np.where(counts > 0, values[np.maximum(counts - 1, 0)].astype(np.float64), -np.inf)
    upper = np.where(counts < size, values[np.minimum(counts, size - 1)].astype(np.float64), np.inf)
    return lower, upper


def _bands(
    ranked: RankedScores, counts: npt.NDArray[np.int64], rounding: Rounding
) -> npt.NDArray[np.float64]:
    """The rounding band in each gap: the wider of those at its two edges."""
    values, size = ranked.values, ranked.values.size
    below = rounding.bands(values[np.maximum(counts - 1, 0)])
    above = rounding.bands(values[np.minimum(counts, size - 1)])
    return np.maximum(below, above)


def _holds_a_float(ranked: RankedScores, counts: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether a float32 value lies strictly inside each gap."""
    lower, upper = _edges(ranked, counts)
    following = np.nextafter(lower.astype(np.float32), np.float32(np.inf)).astype(np.float64)
    return np.isinf(lower) | (following < upper)
