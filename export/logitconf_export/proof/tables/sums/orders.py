"""In which order a runtime adds up, found by probes: how many additions a term passes through.

Where terms may be negative: a term M far above all others swallows the ones that are added to it,
until −M takes it off again. What is left of the ones says how many terms were below the addition
where the two met, and so the whole tree of additions comes to light.

Source: Xie et al. 2025, "FPRev: revealing the order of floating-point summation".

Where they may not, as in a Softmax: a term of 1 among others that are all the same, about half a
step of the floats above 1. Each addition that 1 passes through brings the sum of some of them, and
moves it by one step more where that sum crosses a half. Sums of an odd number of terms do so where
a term is half a step, those of twice an odd number at a quarter, and so on: all crossings together
are all additions that 1 passes through.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from logitconf_export.onnx_files.types import Array
from logitconf_export.proof.tables.evaluators import RefusedError

_SWALLOWING = 2.0**100
_PROBED_AT_ONCE = 2**21
"""Numbers in one batch of probes."""
_STEP = 2.0**-23
_APART = 0.4
"""Terms that are probed lie so much over their number beside half a step: no other sum crosses."""
_UNCLEAR = 0.3


class UnknownOrderError(RefusedError):
    """A sum does not answer probes as additions of two terms at a time would."""


def deepest(add: Callable[[Array], Array], terms: int, element: str = "float32") -> int:
    """No term passes through more additions.

    Args:
        add: the sums of the rows of a table (M, n).
        terms: n ≥ 2.
        element: type of the terms.

    Raises:
        UnknownOrderError: if the sums are none of a tree of additions.
    """
    at_once = max(1, _PROBED_AT_ONCE // terms)

    def depth(leaves: Sequence[int]) -> int:
        if len(leaves) == 1:
            return 0
        # from the middle: of a chain of additions half are then known at once, whatever its end
        middle = len(leaves) // 2
        first, others = leaves[middle], np.array([*leaves[:middle], *leaves[middle + 1 :]])
        parts = []
        for start in range(0, len(others), at_once):
            some = others[start : start + at_once]
            probes = np.ones((len(some), terms), element)
            probes[:, first] = _SWALLOWING
            probes[np.arange(len(some)), some] = -_SWALLOWING
            parts.append(np.asarray(add(probes), dtype=np.float64))
        left = np.concatenate(parts)
        if not (np.isin(left, np.arange(terms - 1)).all()):
            raise UnknownOrderError(
                f"a sum of {terms} terms must be made of additions, got {left[:4].tolist()} left "
                "of ones"
            )
        below = terms - left.astype(int)
        levels = [others[below == size].tolist() for size in np.unique(below)]
        # the first term meets one level after the other on its way up
        return max(
            len(levels),
            *(depth(level) + len(levels) - place for place, level in enumerate(levels)),
        )

    return depth(range(terms))


def deepest_of_positive(beyond: Callable[[Array], Array], terms: int) -> int:
    """No term passes through more additions, of sums in float32 that take no negative terms.

    Args:
        beyond: for the rows of a table (M, n), each with one 1 and else far less: what their
            float32 sums are above 1.
        terms: n ≥ 2.

    Raises:
        UnknownOrderError: if the sums are none of a tree of additions of float32.
    """
    apart, at_once = _APART / terms, max(1, _PROBED_AT_ONCE // terms)
    additions = np.zeros(terms, np.int64)
    for halvings in range((terms - 1).bit_length()):
        for sign in (1, -1):
            term = _STEP / 2.0 ** (halvings + 1) * (1.0 + sign * apart)
            for start in range(0, terms, at_once):
                ones = np.arange(start, min(start + at_once, terms))
                probes = np.full((len(ones), terms), term)
                probes[np.arange(len(ones)), ones] = 1.0
                steps = np.asarray(beyond(probes), dtype=np.float64) / _STEP
                whole = np.rint(steps)
                if not (np.abs(steps - whole) < _UNCLEAR).all():
                    raise UnknownOrderError(
                        f"a sum of {terms} terms must be a float32, got {steps[:4].tolist()} steps"
                    )
                additions[ones] += sign * whole.astype(np.int64)
    most = int(additions.max())
    # the sum of a subtree is itself rounded so often; it must not cross what it should not
    clear = most * _STEP / 2.0 < apart / 2.0
    if additions.min() < 1 or not math.log2(terms) <= most < terms or not clear:
        raise UnknownOrderError(
            f"{terms} terms must pass through 1 to {terms - 1} additions, got {additions.min()} to "
            f"{most}"
        )
    return most
