"""What a head gives beside score and mask: which values are right, and how far off a run is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from logitconf.errors import LogitconfError
from logitconf_export.onnx_files.types import Array


@dataclass(frozen=True, slots=True, eq=False)
class RightValues:
    """Which values of one output are right, element by element.

    Attributes:
        value: of the reference.
        low: lowest value that rounding explains; NaN where any value will do.
        high: the highest.
    """

    value: Array
    low: Array
    high: Array


@dataclass(frozen=True, slots=True)
class OutputAgreement:
    """How far one further output of a run is right.

    Attributes:
        name: of the output: ``"label"``, ``"confidence"`` or ``"probabilities"``.
        values: how many there are.
        judged: how many of them must be right; the others may go either way, by rounding.
        wrong: how many of those are not.
        largest_difference: from the reference, among those judged.
    """

    name: str
    values: int
    judged: int
    wrong: int
    largest_difference: float


def agreement(name: str, right: RightValues, given: Array) -> OutputAgreement:
    """How far the values that a run gave are right.

    Raises:
        LogitconfError: if they are of another type or shape.
    """
    expected = right.value
    if given.dtype.kind != expected.dtype.kind or given.shape != expected.shape:
        raise LogitconfError(
            f"{name} must be {expected.dtype} {expected.shape}, got {given.dtype} {given.shape}"
        )
    judged = ~np.isnan(right.low)
    values = given.astype(np.float64)
    with np.errstate(invalid="ignore"):
        fits = (values >= right.low) & (values <= right.high)
        off = np.where(judged, np.abs(values - expected.astype(np.float64)), 0.0)
    return OutputAgreement(
        name=name,
        values=int(given.size),
        judged=int(judged.sum()),
        wrong=int((judged & ~fits).sum()),
        largest_difference=float(np.nan_to_num(off, nan=np.inf).max(initial=0.0)),
    )


def where_there_is_a_score(name: str, right: RightValues) -> RightValues:
    """The right values, any of them where there is no score: of runtimes that give one there."""
    if name == "probabilities":
        return right
    # no confidence but that of no score has just one right value
    none = right.value < 0 if name == "label" else (right.low == 0.0) & (right.high == 0.0)
    low = np.where(none, np.nan, right.low)
    return RightValues(right.value, low, right.high)


def agreements(
    right: Mapping[str, RightValues], given: Mapping[str, Array]
) -> tuple[OutputAgreement, ...]:
    """How far each further output of a run is right.

    Raises:
        LogitconfError: if one is missing, or of another type or shape.
    """
    missing = [name for name in right if name not in given]
    if missing:
        raise LogitconfError(f"the head must give {list(right)}, got no {missing}")
    return tuple(agreement(name, values, given[name]) for name, values in right.items())
