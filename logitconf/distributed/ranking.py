"""Scores in order, as far as counts of them tell: some one by one, others as bins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from logitconf.distributed.score_counts import BITS, Codes, Counts, ScoreCounts
from logitconf.thresholds.order_statistics import keys_of, values_of

_KEYS = np.uint64((1 << BITS) - 1)
_LARGEST = np.finfo(np.float32).max


@dataclass(frozen=True, slots=True, eq=False)
class Zone:
    """Codes whose scores must be told apart.

    Attributes:
        start: the first.
        end: behind the last.
        size: no more scores differ there.
    """

    start: int
    end: int
    size: int


class UnresolvedError(Exception):
    """A question that needs scores to be told apart."""

    def __init__(self, zones: list[Zone]) -> None:
        """Names the zones, the most needed first."""
        super().__init__("scores must be told apart")
        self.zones = zones


@dataclass(frozen=True, eq=False)
class Ranking:
    """The finite scores of one group in order; bins of width 1 are scores.

    Attributes:
        starts: (B,) the first code of each bin, ascending.
        ends: (B,) behind the last.
        right: (B,).
        wrong: (B,).
        rows: all rows of the group, those without a finite score included.
        labelled: whether it is known which are wrong.
    """

    starts: Codes
    ends: Codes
    right: Counts
    wrong: Counts
    rows: int
    labelled: bool

    @classmethod
    def of(cls, counts: ScoreCounts, rows: int, *, labelled: bool) -> Ranking:
        """Of the counts of all scores."""
        starts = counts.bins << np.uint64(counts.bits)
        ends = starts + np.uint64(1 << counts.bits)
        return cls(starts, ends, counts.right, counts.wrong, rows, labelled)

    def refined(self, counts: ScoreCounts, zones: list[tuple[int, int]]) -> Ranking:
        """With the bins in the zones, which begin and end with bins, replaced by finer ones."""
        edges = np.array(zones, dtype=np.uint64)
        places = np.searchsorted(edges[:, 0], self.starts, side="right")
        kept = (places == 0) | (self.starts >= edges[np.maximum(places, 1) - 1, 1])
        finer = Ranking.of(counts, self.rows, labelled=self.labelled)
        order = np.argsort(np.concatenate([self.starts[kept], finer.starts]), kind="stable")
        starts, ends, right, wrong = (
            np.concatenate([getattr(self, name)[kept], getattr(finer, name)])[order]
            for name in ("starts", "ends", "right", "wrong")
        )
        return Ranking(starts, ends, right, wrong, self.rows, self.labelled)

    def group(self, number: int, rows: int) -> Ranking:
        """The scores of one group."""
        ends = [np.uint64(each << BITS) for each in (number, number + 1)]
        own = slice(*np.searchsorted(self.starts, np.array(ends, dtype=np.uint64)))
        return Ranking(
            self.starts[own], self.ends[own], self.right[own], self.wrong[own], rows, self.labelled
        )

    @cached_property
    def counts(self) -> Counts:
        """(B,) scores in each bin."""
        return self.right + self.wrong

    @property
    def finite(self) -> int:
        """How many scores there are."""
        return int(self.before[-1])

    @cached_property
    def before(self) -> Counts:
        """(B + 1,) scores before each bin, and all of them."""
        return np.concatenate([[0], np.cumsum(self.counts)])

    @cached_property
    def single(self) -> npt.NDArray[np.bool_]:
        """(B,) whether a bin is one score."""
        return np.asarray(self.ends - self.starts == 1)

    @cached_property
    def lowest(self) -> npt.NDArray[np.float32]:
        """(B,) the lowest score that a bin may hold."""
        # a bin may begin below all numbers, and end above them
        return np.fmax(values_of((self.starts & _KEYS).astype(np.uint32)), -_LARGEST)

    @cached_property
    def highest(self) -> npt.NDArray[np.float32]:
        """(B,) the highest."""
        return np.fmin(values_of(((self.ends - np.uint64(1)) & _KEYS).astype(np.uint32)), _LARGEST)

    def values(self, bins: slice) -> npt.NDArray[np.float32]:
        """The scores of bins of width 1."""
        return self.lowest[bins]

    def zone(self, place: int) -> Zone:
        """The zone of one bin."""
        width = int(self.ends[place] - self.starts[place])
        return Zone(
            int(self.starts[place]), int(self.ends[place]), min(width, int(self.counts[place]))
        )

    def below(self, threshold: float) -> tuple[int, int]:
        """How many scores lie below a float32 value, and how many of them are wrong.

        Raises:
            UnresolvedError: where it lies within a bin.
        """
        if not self.starts.size:
            return 0, 0
        group = int(self.starts[0]) >> BITS
        code = (group << BITS) | int(keys_of(np.array([threshold], np.float32))[0])
        place = int(np.searchsorted(self.starts, np.uint64(code), side="left"))
        if place and int(self.ends[place - 1]) > code:
            raise UnresolvedError([self.zone(place - 1)])
        return int(self.before[place]), int(self.wrong[:place].sum())

    def count_below(self, threshold: float) -> int:
        """How many rows a threshold accepts."""
        return self.below(threshold)[0]

    def errors_among(self, accepted: int) -> int | None:
        """How many of the most confident `accepted` rows are wrong; None without labels.

        They must end with a bin.
        """
        place = int(np.searchsorted(self.before, accepted))
        return int(self.wrong[:place].sum()) if self.labelled else None

    def at(self, rank: int) -> int:
        """The bin that holds the score at a place, 0 for the lowest."""
        return int(np.searchsorted(self.before, rank, side="right")) - 1

    def value_at(self, rank: int) -> float:
        """The score at a place.

        Raises:
            UnresolvedError: where it lies in a bin of several.
        """
        place = self.at(rank)
        if not self.single[place]:
            raise UnresolvedError([self.zone(place)])
        return float(self.values(slice(place, place + 1))[0])


def merged(zones: list[Zone]) -> Iterator[tuple[int, int]]:
    """Zones as ascending pairs that do not touch."""
    edges = sorted({(zone.start, zone.end) for zone in zones})
    start, end = edges[0]
    for following, last in edges[1:]:
        if following > end:
            yield start, end
            start = following
        end = max(end, last)
    yield start, end
