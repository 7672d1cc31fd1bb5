"""Exact order statistics of float32 scores in constant memory, mergeable over machines.

The bits of a float32, with the sign folded in, order like the number. One pass counts the upper 16
bits in 65536 counters, a second the lower 16 bits within the one bucket that holds the rank. Counts
are whole numbers, so chunks and machines add up exactly, in any order.

Source: radix selection, Knuth, The Art of Computer Programming 3, section 5.2.5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from logitconf.arrays import SIGN_BIT, ascending_bits
from logitconf.errors import LogitconfError

Vector: TypeAlias = npt.NDArray[np.float64]
Keys: TypeAlias = npt.NDArray[np.uint32]
ScoreChunks: TypeAlias = Callable[[], Iterable[npt.ArrayLike]]
AllReduce: TypeAlias = Callable[[Vector], Vector]

_HALF = 1 << 16
# 17 MB of counters a pass
_MOST_BUCKETS = 32


def order_statistics(
    chunks: ScoreChunks, ranks: Sequence[int], *, all_reduce: AllReduce | None = None
) -> tuple[float, ...]:
    """The scores at the given places of the sorted scores of all chunks on all machines.

    Args:
        chunks: starts a pass over this process' scores, each chunk (N,) floating; called twice,
            and once more for every further 32 of the 65536 buckets that the ranks lie in.
        ranks: places, 0 for the lowest; below the number of scores.
        all_reduce: adds a float64 vector up over all processes; called once a pass.

    Returns:
        One float32 value for each rank, as a float; NaN and infinities of either sign come last, as
        infinity.

    Raises:
        LogitconfError: for a rank beyond the scores, or a second pass over other scores.

    >>> order_statistics(lambda: [np.float32([3, 1]), np.float32([2])], [0, 2])
    (1.0, 3.0)
    """
    reduce = all_reduce or _alone
    upper = reduce(_counts(chunks(), None))
    total = int(upper.sum())
    bad = [rank for rank in ranks if not 0 <= rank < total]
    if bad:
        raise LogitconfError(f"ranks must lie in [0, {total}) for {total} scores, got {bad[0]}")
    if not ranks:
        return ()
    cumulative = np.cumsum(upper)
    places = np.asarray(ranks)
    buckets = np.searchsorted(cumulative, places, side="right")
    before = cumulative - upper
    keys = np.empty(places.size, dtype=np.uint32)
    wanted = np.unique(buckets)
    for start in range(0, wanted.size, _MOST_BUCKETS):
        group = wanted[start : start + _MOST_BUCKETS]
        lower = reduce(_counts(chunks(), group)).reshape(group.size, _HALF)
        if not np.array_equal(lower.sum(axis=1), upper[group]):
            raise LogitconfError("each call of chunks() must give the same scores, got others")
        for bucket, row in zip(group, lower, strict=True):
            own = np.flatnonzero(buckets == bucket)
            within = np.searchsorted(np.cumsum(row), places[own] - before[bucket], side="right")
            keys[own] = (int(bucket) << 16) | within.astype(np.uint32)
    return tuple(float(value) for value in values_of(keys))


def gap_at_or_below(
    chunks: ScoreChunks, score: float, *, all_reduce: AllReduce | None = None
) -> tuple[float, float, int] | None:
    """The nearest gap with room for a float whose upper end is a score at or below this one.

    Args:
        chunks: starts a pass over this process' scores, each chunk (N,) floating; called twice, and
            once more for every one of the 65536 buckets in which no two scores leave room.
        score: one of the scores; finite.
        all_reduce: adds a float64 vector up over all processes; called once a pass.

    Returns:
        Both ends, float32, and how many scores lie below the upper; None where there is no gap.

    >>> gap_at_or_below(lambda: [np.float32([1, 2, 2, 3])], 2.0)
    (1.0, 2.0, 1)
    """
    reduce = all_reduce or _alone
    upper = reduce(_counts(chunks(), None))
    top = int(keys_of(np.array([score], dtype=np.float32))[0])
    while True:
        bucket = top >> 16
        group = np.array([*np.flatnonzero(upper[:bucket])[-1:], bucket])
        lower = reduce(_counts(chunks(), group)).reshape(group.size, _HALF)
        places, halves = np.nonzero(lower)
        keys = (group[places] << 16) + halves
        keys = keys[keys <= top]
        values = values_of(keys.astype(np.uint32))
        roomy = np.flatnonzero(np.nextafter(values[:-1], np.float32(np.inf)) < values[1:])
        if roomy.size:
            low, high = (int(roomy[-1]) + step for step in (0, 1))
            place = places[high]
            below = upper[: group[place]].sum() + lower[place, : halves[high]].sum()
            return float(values[low]), float(values[high]), int(below)
        if group.size == 1:
            return None
        top = int(keys[0])


def rounded_scores(scores: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Scores (N,) as float32.

    Raises:
        LogitconfError: for other shapes or dtypes.
    """
    values = np.asarray(scores)
    if values.ndim != 1 or values.dtype.kind != "f":
        raise LogitconfError(
            f"scores must be a floating array (N,), got {values.dtype} of shape {values.shape}"
        )
    with np.errstate(over="ignore"):
        return values.astype(np.float32, copy=False)


def keys_of(scores: npt.ArrayLike) -> Keys:
    """Unsigned integers that order like the scores, (N,); all that is not finite as +inf."""
    rounded = rounded_scores(scores)
    return ascending_bits(np.where(np.isfinite(rounded), rounded, np.float32(np.inf)))


def values_of(keys: Keys) -> npt.NDArray[np.float32]:
    """The scores (N,) that `keys_of` gave these keys."""
    return np.where(keys & SIGN_BIT, keys ^ SIGN_BIT, ~keys).astype(np.uint32).view(np.float32)


def _counts(chunks: Iterable[npt.ArrayLike], buckets: npt.NDArray[np.int64] | None) -> Vector:
    """Counts of the upper halves (65536,), or of the lower halves within each bucket, flat."""
    size = _HALF if buckets is None else _HALF * buckets.size
    counts = np.zeros(size)
    for chunk in chunks:
        keys = keys_of(chunk)
        upper = (keys >> 16).astype(np.int64)
        if buckets is None:
            counts += np.bincount(upper, minlength=size)
            continue
        places = np.searchsorted(buckets, upper)
        inside = (places < buckets.size) & (buckets[np.minimum(places, buckets.size - 1)] == upper)
        lower = (keys[inside] & np.uint32(_HALF - 1)).astype(np.int64)
        touched, times = np.unique(places[inside] * _HALF + lower, return_counts=True)
        counts[touched] += times
    return counts


def _alone(vector: Vector) -> Vector:
    return vector
