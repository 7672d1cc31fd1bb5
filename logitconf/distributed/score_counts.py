"""How often each score came, right and wrong, in limited memory, however the rows are spread.

The bits of a float32, as :func:`~logitconf.thresholds.order_statistics.keys_of` turns them, order
like the number; the class or label that a row counts for stands before them. Scores are told apart
by as many of these bits as `MOST_BINS` allows. More scores never fill fewer bins, so that number of
bits follows from all scores alone, and not from the order in which they were added up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]

# Of a bin, 1 to 4 bytes tell its distance from the last one, and with 10^9 rows 1 to 2 each of its
# counts: at most .8 MB.
MOST_BINS = 100_000
BITS = 32


@dataclass(frozen=True, slots=True, eq=False)
class ScoreCounts:
    """Bins of equal width, those without a score left out.

    Attributes:
        bits: how many low bits are lost; 0 where each score has its own bin.
        bins: (B,) ascending: the group and the key of a score, without these bits.
        right: (B,) scores of right rows, or of rows without labels.
        wrong: (B,) scores of wrong rows.
    """

    bits: int
    bins: Codes
    right: Counts
    wrong: Counts

    @classmethod
    def of(cls, codes: Codes, wrong: npt.NDArray[np.bool_]) -> ScoreCounts:
        """The counts of scores (N,), and whether each row is wrong."""
        bins, places = np.unique(codes, return_inverse=True)
        errors = np.bincount(places[wrong], minlength=bins.size)
        both = np.bincount(places, minlength=bins.size)
        return cls(0, bins, both - errors, errors)._limited()

    @classmethod
    def none(cls) -> ScoreCounts:
        """Counts of no scores."""
        return cls.of(np.empty(0, np.uint64), np.empty(0, np.bool_))

    def plus(self, other: ScoreCounts) -> ScoreCounts:
        """The counts of both."""
        bits = max(self.bits, other.bits)
        parts = self._without(bits), other._without(bits)
        bins = np.concatenate([part.bins for part in parts])
        order = np.argsort(bins, kind="stable")
        right, wrong = (
            np.concatenate([getattr(part, name) for part in parts])[order]
            for name in ("right", "wrong")
        )
        return _joined(bits, bins[order], right, wrong)._limited()

    def _without(self, bits: int) -> ScoreCounts:
        """The same without so many low bits."""
        if bits == self.bits:
            return self
        return _joined(bits, self.bins >> np.uint64(bits - self.bits), self.right, self.wrong)

    def _limited(self) -> ScoreCounts:
        """With as many bits as `MOST_BINS` allows."""
        bits = self.bits
        bins = self.bins
        while np.count_nonzero(np.diff(bins)) >= MOST_BINS:
            bits, bins = bits + 1, bins >> np.uint64(1)
        return self._without(bits)


def _joined(bits: int, bins: Codes, right: Counts, wrong: Counts) -> ScoreCounts:
    """The counts with those of equal neighbours added up."""
    starts = np.flatnonzero(np.diff(bins, prepend=bins[:1] + np.uint64(1)))
    if starts.size == bins.size:
        return ScoreCounts(bits, bins, right, wrong)
    return ScoreCounts(
        bits, bins[starts], np.add.reduceat(right, starts), np.add.reduceat(wrong, starts)
    )
