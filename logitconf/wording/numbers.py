"""Numbers as people read them: few digits, and never a share that looks certain but is not."""

from __future__ import annotations

import math
from collections.abc import Callable

MINUS = "−"
# so far from 0 or 1, as a share, digits say less than a limit does
_FINEST_SHARE = 1e-6
# floating point noise in a share such as 0.07 * 100
_NOISE = 1e-9


def short(number: float, digits: int = 4) -> str:
    """The number with a few significant digits, and at least two decimals where it has any.

    Between 0.9 and 1, where it is mostly a probability, it has two digits of what is missing to 1,
    so that it never becomes 1; no number but 0 becomes 0.

    Args:
        number: any.
        digits: significant ones, at least 1.

    >>> short(-0.699999988079071), short(-3.7264), short(1234.5), short(0.99997), short(2.5e-7)
    ('−0.70', '−3.726', '1234', '0.99997', '2.5e-7')
    """
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else f"{MINUS if number < 0 else ''}infinity"
    size = abs(number)
    sign = MINUS if number < 0 else ""
    if size == 0.0:
        return "0"
    if size >= 1e6 or size < 1e-4:
        fraction, exponent = f"{size:.{digits - 1}e}".split("e")
        return f"{sign}{_stripped(fraction, 0)}e{int(exponent)}"
    decimals = max(0, digits - 1 - math.floor(math.log10(size)))
    if 0.9 <= size < 1.0:
        decimals = max(decimals, 1 - math.floor(math.log10(1.0 - size)))
    text = f"{size:.{decimals}f}"
    whole = float(text) == round(float(text)) and size >= 1.0
    return sign + _stripped(text, 0 if whole else 2)


def percent(share: float) -> str:
    """A share in percent, with two digits of the rarer side: never 0 % or 100 % but exactly.

    >>> percent(0.3), percent(0.091), percent(0.8812), percent(0.99993), percent(1.0)
    ('30 %', '9.1 %', '88.1 %', '99.993 %', '100 %')
    >>> percent(1e-9), percent(1 - 1e-9)
    ('under 0.0001 %', 'above 99.9999 %')
    """
    if not 0.0 < share < 1.0:
        return f"{short(100.0 * share)} %"
    if share < _FINEST_SHARE or 1.0 - share < _FINEST_SHARE:
        return "under 0.0001 %" if share < 0.5 else "above 99.9999 %"
    return f"{_stripped(f'{100.0 * share:.{_decimals(share)}f}', 0)} %"


def percent_at_most(bound: float) -> str:
    """An upper bound on a share in percent, rounded up, so that what is shown is a bound too.

    >>> percent_at_most(0.0911), percent_at_most(0.1), percent_at_most(0.0)
    ('9.2 %', '10 %', '0 %')
    """
    return _rounded_percent(bound, lambda value: math.ceil(value - _NOISE))


def percent_at_least(bound: float) -> str:
    """A lower bound on a share in percent, rounded down, so that what is shown is a bound too.

    >>> percent_at_least(0.8819), percent_at_least(0.1), percent_at_least(1.0)
    ('88.1 %', '10 %', '100 %')
    """
    return _rounded_percent(bound, lambda value: math.floor(value + _NOISE))


def counted(number: int, what: str, plural: str = "") -> str:
    """A count and its noun.

    >>> counted(1, "row"), counted(12000, "class", "classes")
    ('1 row', '12,000 classes')
    """
    return f"{number:,} {what if number == 1 else plural or f'{what}s'}"


def _rounded_percent(bound: float, rounded: Callable[[float], int]) -> str:
    """As `percent`, but rounded to whole last digits by the function."""
    if not _FINEST_SHARE < bound < 1.0 - _FINEST_SHARE:
        return percent(bound)
    decimals = _decimals(bound)
    scale = 10.0**decimals
    return f"{_stripped(f'{rounded(100.0 * bound * scale) / scale:.{decimals}f}', 0)} %"


def _decimals(share: float) -> int:
    """Decimals of a percentage that keep two digits of the rarer side; at least one."""
    return max(1, -1 - math.floor(math.log10(min(share, 1.0 - share))))


def _stripped(text: str, least: int) -> str:
    """The number without zeros at its end, but with so many decimals at least."""
    if "." not in text:
        return text
    whole, fraction = text.split(".")
    fraction = fraction.rstrip("0").ljust(least, "0")
    return f"{whole}.{fraction}" if fraction else whole
