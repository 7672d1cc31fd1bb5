"""What a number can be: not a number, an infinity, or finite within bounds; and what becomes of it.

IEEE arithmetic, with what a runtime is known to do otherwise added where it is asked.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

LARGEST = 3.4028234663852886e38
_TINY = 1e-37
_FURTHEST = sys.float_info.max
# no sum of as many numbers as a row has, nor a function, is further off
_ROUNDED = 1e-4


@dataclass(frozen=True, slots=True)
class Kinds:
    """All that a number can be.

    Attributes:
        nan: whether it can be not a number.
        up: whether +inf.
        down: whether −inf.
        low: the smallest finite value; above `high` if it cannot be finite.
        high: the largest.
    """

    nan: bool = False
    up: bool = False
    down: bool = False
    low: float = math.inf
    high: float = -math.inf

    @property
    def finite(self) -> bool:
        """Whether it can be finite."""
        return self.low <= self.high

    def __or__(self, other: Kinds) -> Kinds:
        return Kinds(
            self.nan or other.nan,
            self.up or other.up,
            self.down or other.down,
            min(self.low, other.low),
            max(self.high, other.high),
        )

    def parts(self) -> Iterator[Kinds]:
        """One kind each."""
        if self.nan:
            yield NAN
        if self.up:
            yield UP
        if self.down:
            yield DOWN
        if self.finite:
            yield Kinds(low=self.low, high=self.high)

    def spell(self) -> str:
        """In words."""
        names = [
            n for n, holds in (("NaN", self.nan), ("+inf", self.up), ("-inf", self.down)) if holds
        ]
        if self.finite:
            one = self.low == self.high
            names.append(f"{self.low:g}" if one else f"{self.low:g} to {self.high:g}")
        return " or ".join(names) or "nothing"


NAN, UP, DOWN, NOTHING = Kinds(nan=True), Kinds(up=True), Kinds(down=True), Kinds()
ANY_FINITE = Kinds(low=-LARGEST, high=LARGEST)


def finite(low: float, high: float) -> Kinds:
    """Finite numbers, as rounded; infinities where bounds overflow, 0 where they may be lost.

    What they are in float32 and in double, whichever it is.
    """
    if math.isnan(low) or math.isnan(high):
        return NAN | UP | DOWN | ANY_FINITE
    if 0.0 < low < _TINY:
        low = 0.0
    if -_TINY < high < 0.0:
        high = 0.0
    low, high = low - abs(low) * _ROUNDED, high + abs(high) * _ROUNDED
    up, down = high > LARGEST, low < -LARGEST
    # beyond the largest float a double is finite
    return Kinds(
        False, up, down, max(min(low, LARGEST), -_FURTHEST), min(max(high, -LARGEST), _FURTHEST)
    )


def _each(combine: Callable[[Kinds, Kinds], Kinds]) -> Callable[[Kinds, Kinds], Kinds]:
    def combined(a: Kinds, b: Kinds) -> Kinds:
        result = NOTHING
        for one in a.parts():
            for other in b.parts():
                result |= NAN if one.nan or other.nan else combine(one, other)
        return result

    return combined


def rounded(a: Kinds) -> Kinds:
    """A number as another kind of float."""
    return a | finite(a.low, a.high) if a.finite else a


def negative(a: Kinds) -> Kinds:
    """−a."""
    return Kinds(a.nan, a.down, a.up, -a.high, -a.low) if a.finite else Kinds(a.nan, a.down, a.up)


@_each
def add(a: Kinds, b: Kinds) -> Kinds:
    """A + b."""
    if a.finite and b.finite:
        return finite(a.low + b.low, a.high + b.high)
    if (a.up and b.down) or (a.down and b.up):
        return NAN
    return UP if a.up or b.up else DOWN


@_each
def multiply(a: Kinds, b: Kinds) -> Kinds:
    """a·b."""
    if a.finite and b.finite:
        ends = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]
        return finite(min(ends), max(ends))
    if not a.finite and not b.finite:
        return UP if a.up == b.up else DOWN
    infinite, other = (b, a) if a.finite else (a, b)
    result = NAN if other.low <= 0.0 <= other.high else NOTHING
    if other.high > 0.0:
        result |= infinite
    if other.low < 0.0:
        result |= negative(infinite)
    return result


def reciprocal(a: Kinds) -> Kinds:
    """1 / a."""
    result = NOTHING
    for part in a.parts():
        if part.nan:
            result |= NAN
        elif not part.finite:
            result |= Kinds(low=0.0, high=0.0)
        elif part.low <= 0.0 <= part.high:
            # of a zero of either sign, or what is flushed to one
            result |= UP | DOWN
            if part.high > 0.0:
                result |= Kinds(low=min(1 / part.high, LARGEST), high=LARGEST)
            if part.low < 0.0:
                result |= Kinds(low=-LARGEST, high=max(1 / part.low, -LARGEST))
        else:
            result |= finite(1 / part.high, 1 / part.low)
    return result


@_each
def divide(a: Kinds, b: Kinds) -> Kinds:
    """A / b."""
    if not a.finite and not b.finite:
        return NAN
    zeros = a.finite and b.finite and a.low <= 0.0 <= a.high and b.low <= 0.0 <= b.high
    if zeros and a.low == a.high == b.low == b.high:
        return NAN
    quotient = multiply(a, reciprocal(b))
    return quotient | NAN if zeros else quotient


def _unary(
    of_up: Kinds, of_down: Kinds, of_finite: Callable[[float, float], Kinds]
) -> Callable[[Kinds], Kinds]:
    def applied(a: Kinds) -> Kinds:
        result = NOTHING
        for part in a.parts():
            if part.nan:
                result |= NAN
            elif part.finite:
                result |= of_finite(part.low, part.high)
            else:
                result |= of_up if part.up else of_down
        return result

    return applied


def _exp(x: float) -> float:
    return math.exp(x) if x < 700 else math.inf


def _log(low: float, high: float) -> Kinds:
    result = NAN if low < 0.0 else NOTHING
    if low <= 0.0 <= high:
        result |= DOWN
    if high > 0.0:
        result |= finite(math.log(max(low, 1e-45)), math.log(high))
    return result


def _size(low: float, high: float) -> Kinds:
    return Kinds(low=max(low, -high, 0.0), high=max(high, -low))


def _square_root(low: float, high: float) -> Kinds:
    result = NAN if low < 0.0 else NOTHING
    return result | finite(math.sqrt(max(low, 0.0)), math.sqrt(high)) if high >= 0.0 else result


def _itself(low: float, high: float) -> Kinds:
    """A finite number as it is."""
    return Kinds(low=low, high=high)


ZERO, ONE = Kinds(low=0.0, high=0.0), Kinds(low=1.0, high=1.0)
exponential = _unary(UP, ZERO, lambda low, high: finite(_exp(low) * 0.999, _exp(high) * 1.001))
logarithm = _unary(UP, NAN, _log)
size = _unary(UP, UP, _size)
square_root = _unary(UP, NAN, _square_root)
# of a division by infinity
remainder = _unary(NAN, NAN, _itself)


@_each
def larger(a: Kinds, b: Kinds) -> Kinds:
    """The larger of two that are numbers."""
    if a.up or b.up:
        return UP
    if a.down or b.down:
        return b if a.down else a
    return Kinds(low=max(a.low, b.low), high=max(a.high, b.high))


def smaller(a: Kinds, b: Kinds) -> Kinds:
    """The smaller of two that are numbers."""
    return negative(larger(negative(a), negative(b)))


def less(a: Kinds, b: Kinds) -> frozenset[bool]:
    """Whether a < b; False for a NaN."""
    results = set()
    for one in a.parts():
        for other in b.parts():
            if one.nan or other.nan or one.up or other.down:
                results.add(False)
            elif one.down or other.up:
                results.add(True)
            else:
                results |= {one.low < other.high, one.high < other.low}
    return frozenset(results)


def equal(a: Kinds, b: Kinds) -> frozenset[bool]:
    """Whether a == b; False for a NaN."""
    results = set()
    for one in a.parts():
        for other in b.parts():
            if one.nan or other.nan:
                results.add(False)
            elif one.finite and other.finite:
                apart = one.high < other.low or other.high < one.low
                same = one.low == one.high == other.low == other.high
                results |= {False} if apart else {True} if same else {True, False}
            else:
                results.add(one == other)
    return frozenset(results)
