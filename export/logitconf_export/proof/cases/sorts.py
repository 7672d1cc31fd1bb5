"""The sorts of rows that are not finite."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from logitconf_export.proof.cases.kinds import (
    ANY_FINITE,
    DOWN,
    LARGEST,
    NAN,
    NOTHING,
    UP,
    ZERO,
    Kinds,
)
from logitconf_export.proof.cases.steps import Places


@dataclass(frozen=True, slots=True)
class Case:
    """Rows of one sort.

    Attributes:
        name: in words.
        logits: what their logits are.
        row: one such row, to try.
        one_left: whether all classes but one are masked.
    """

    name: str
    logits: Places
    row: tuple[float, ...]
    one_left: bool = False


def cases_of(
    *, n_classes: int, margin: bool, apart: bool = False, kind: str = "logits"
) -> tuple[Case, ...]:
    """The sorts of rows that no head may accept.

    Args:
        n_classes: 1 for one logit.
        margin: whether a row with one class left has no margin that is finite.
        apart: whether each class is a case by itself, as one of two is always.
        kind: what a head reads; of probabilities, that none is more than 0 and that one is less.
    """
    anything = NAN | UP | DOWN | ANY_FINITE
    if n_classes == 1:
        return tuple(
            Case(name, Places(kind, None), (value,))
            for name, kind, value in (
                ("NaN", NAN, math.nan),
                ("+inf", UP, math.inf),
                ("-inf", DOWN, -math.inf),
            )
        )
    inf = math.inf
    cases = [
        Case("a NaN", Places(NAN, anything), (1.0, math.nan)),
        Case("a +inf", Places(UP, UP | DOWN | ANY_FINITE), (1.0, inf)),
        Case("no finite value", Places(DOWN, DOWN), (-inf, -inf)),
    ]
    if kind == "probabilities":
        below = Kinds(low=-LARGEST, high=-(2.0**-126))
        cases[1:] = [
            Case("a +inf", Places(UP, UP | Kinds(low=0.0, high=LARGEST)), (1.0, inf)),
            Case("probabilities of 0 alone", Places(ZERO, ZERO), (0.0, 0.0)),
            Case("a probability below 0", Places(below, anything), (0.5, -0.5)),
        ]
    if margin:
        cases.append(Case("one class left", Places(ANY_FINITE, DOWN), (1.0, -inf), True))
    if n_classes == 2 or apart:
        cases = [
            replace(case, logits=replace(case.logits, at=frozenset((i,))))
            for case in cases
            for i in range(n_classes)
        ]
    return tuple(cases)


# rows with such a number before, among and behind others
NAN_ROWS = ((math.nan, 1.0, 1.0), (1.0, math.nan, 1.0), (1.0, 1.0, math.nan))
"""Rows that tables know, with a NaN before, among and behind others."""
_UP_ROWS = ((math.inf, 1.0, 1.0), (1.0, math.inf, 1.0), (1.0, 1.0, math.inf), (math.inf,) * 3)
_DOWN_ROWS = ((-math.inf,) * 3,)


def rows_like(places: Places) -> tuple[tuple[float, ...], ...]:
    """Rows that tables know, of the same sort."""
    if places.one == NAN:
        return NAN_ROWS
    if places.one == UP and not (places.others or NOTHING).nan:
        return _UP_ROWS
    if places.one == DOWN and (places.others or DOWN) == DOWN:
        return _DOWN_ROWS
    return ()
