"""Sums of float64 numbers without any rounding, so that no order of adding up matters."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# A float64 is a whole number below 2^53 times 2^(e - 53), with e from -1073 to 1024.
_LOWEST, _EXPONENTS = -1073, 2098
UNIT = 53 - _LOWEST
"""Sums are whole multiples of 2 to the minus this."""
# Mantissas are added up in two halves, each in an int64: 2^36 rows cannot overflow them.
_HALF = 26


class ExactSums:
    """Several sums at once, to which blocks of numbers are added; memory does not grow."""

    def __init__(self, sums: int) -> None:
        """Begins so many sums at 0."""
        self._halves = np.zeros((2, sums * _EXPONENTS), dtype=np.int64)
        self._sums = sums
        self.beyond = 0
        """Numbers that were not finite; they count as 0."""

    def add(self, values: npt.NDArray[np.float64]) -> None:
        """Adds values (sums, N), each row to its own sum."""
        finite = np.isfinite(values)
        if not finite.all():
            self.beyond += int(values.size - finite.sum())
            values = np.where(finite, values, 0.0)
        mantissas, exponents = np.frexp(values)
        whole = np.ldexp(mantissas, 53).astype(np.int64).reshape(-1)
        places = (exponents - _LOWEST) + np.arange(self._sums)[:, None] * _EXPONENTS
        flat, size = places.reshape(-1), self._halves.shape[1]
        # a block has far fewer than 2^26 numbers, so that float64 adds its halves exactly
        parts = whole >> _HALF, whole & ((1 << _HALF) - 1)
        for half, part in enumerate(parts):
            sums = np.bincount(flat, weights=part, minlength=size)
            self._halves[half] += sums.astype(np.int64)

    def totals(self) -> tuple[int, ...]:
        """The sums as whole multiples of 2^-UNIT."""
        high, low = self._halves.reshape(2, self._sums, _EXPONENTS)
        totals = []
        for k in range(self._sums):
            used = np.flatnonzero((high[k] != 0) | (low[k] != 0))
            parts = (((int(high[k, e]) << _HALF) + int(low[k, e])) << int(e) for e in used)
            totals.append(sum(parts))
        return tuple(totals)


def as_float(total: int) -> float:
    """The float64 nearest to a sum.

    >>> sums = ExactSums(1)
    >>> sums.add(np.array([[1e16, 1.0, -1e16]]))
    >>> as_float(sums.totals()[0])
    1.0
    """
    # the quotient of two whole numbers is rounded once
    return total / (1 << UNIT)
