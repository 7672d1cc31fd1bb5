"""Interval arithmetic in float64 with outward rounding: what is computed always holds the truth.

NumPy's sums, products and quotients are correctly rounded, so one float outwards is enough; its
exp and log are off by a few ulp at most (SVML: below 4), and 16 are taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]

_INFINITY = np.inf
_ULPS_OF_FUNCTIONS = 16 * 2.0**-52
_TINIEST = 2.0**-1074
# |x| times this is at least the distance to the next float, and less than two
_STEP = 2.0**-52


def below(values: npt.ArrayLike) -> Floats:
    """At least one float below each, two at most; faster than ``nextafter``."""
    given = np.asarray(values, dtype=np.float64)
    with np.errstate(over="ignore", under="ignore"):
        smaller = np.minimum(given * (1.0 - _STEP), given * (1.0 + _STEP))
        return np.asarray(smaller - _TINIEST)


def above(values: npt.ArrayLike) -> Floats:
    """At least one float above each, two at most."""
    return -below(-np.asarray(values, dtype=np.float64))


def _well_below(values: Floats) -> Floats:
    return np.asarray(values - np.abs(values) * _ULPS_OF_FUNCTIONS - _TINIEST)


def _well_above(values: Floats) -> Floats:
    return np.asarray(values + np.abs(values) * _ULPS_OF_FUNCTIONS + _TINIEST)


@dataclass(frozen=True, slots=True, eq=False)
class Interval:
    """Numbers between two ends, for each element of arrays that broadcast against others.

    Attributes:
        low: lower ends.
        high: upper ends; at least the lower ones.
    """

    low: Floats
    high: Floats

    @classmethod
    def of(cls, low: npt.ArrayLike, high: npt.ArrayLike | None = None) -> Interval:
        """From ends that are floats already, or from numbers that are."""
        first = np.asarray(low, dtype=np.float64)
        return cls(first, first if high is None else np.asarray(high, dtype=np.float64))

    @property
    def size(self) -> Floats:
        """The largest absolute value."""
        return np.maximum(np.abs(self.low), np.abs(self.high))

    @property
    def least_size(self) -> Floats:
        """The smallest absolute value; 0 where 0 is among the numbers."""
        return np.maximum(np.maximum(self.low, -self.high), 0.0)

    def widened(self, by: npt.ArrayLike) -> Interval:
        """All numbers that are at most so far away."""
        margin = np.asarray(by, dtype=np.float64)
        return Interval(below(self.low - margin), above(self.high + margin))

    def within(self, low: npt.ArrayLike, high: npt.ArrayLike) -> Interval:
        """What both say; the caller knows that the numbers lie there too."""
        return Interval(np.maximum(self.low, low), np.minimum(self.high, high))

    def __add__(self, other: Interval) -> Interval:
        return Interval(below(self.low + other.low), above(self.high + other.high))

    def __neg__(self) -> Interval:
        return Interval(-self.high, -self.low)

    def __sub__(self, other: Interval) -> Interval:
        return self + -other

    def __mul__(self, other: Interval) -> Interval:
        ends = [_product(a, b) for a in (self.low, self.high) for b in (other.low, other.high)]
        return Interval(
            below(np.minimum(np.minimum(*ends[:2]), np.minimum(*ends[2:]))),
            above(np.maximum(np.maximum(*ends[:2]), np.maximum(*ends[2:]))),
        )

    def reciprocal(self) -> Interval:
        """One by each; all numbers where 0 is among them."""
        hits = (self.low <= 0.0) & (self.high >= 0.0)
        with np.errstate(divide="ignore", over="ignore"):
            low = np.where(hits, -_INFINITY, below(1.0 / self.high))
            high = np.where(hits, _INFINITY, above(1.0 / self.low))
        return Interval(low, high)

    def exp(self) -> Interval:
        """E to each."""
        with np.errstate(over="ignore", under="ignore"):
            low, high = np.exp(self.low), np.exp(self.high)
        largest = np.finfo(np.float64).max
        return Interval(np.maximum(_well_below(np.minimum(low, largest)), 0.0), _well_above(high))

    def log(self) -> Interval:
        """The natural logarithm; −inf from 0 down."""
        with np.errstate(divide="ignore", invalid="ignore"):
            low = np.where(self.low > 0.0, _well_below(np.log(self.low)), -_INFINITY)
            high = np.where(self.high > 0.0, _well_above(np.log(self.high)), -_INFINITY)
        return Interval(low, high)

    def power(self, exponent: int) -> Interval:
        """Each to a whole power."""
        if exponent < 0:
            return self.power(-exponent).reciprocal()
        result = Interval.of(np.ones_like(self.low))
        for _ in range(exponent):
            result = result * self
        return result.within(0.0, _INFINITY) if exponent % 2 == 0 else result


def _product(a: Floats, b: Floats) -> Floats:
    """A product of ends; 0 times infinity is 0, since ends are limits of finite numbers."""
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        product = a * b
    return np.where((a == 0.0) | (b == 0.0), 0.0, product)


def expm1_above(values: Floats) -> Floats:
    """No less than exp(v) − 1 for v >= 0."""
    with np.errstate(over="ignore"):
        return _well_above(np.expm1(values))
