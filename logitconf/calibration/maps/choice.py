"""Which calibration map the rows can tell from a temperature: cross-validated, and guarded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from logitconf.arrays import to_numpy
from logitconf.calibration.maps.fit import (
    FittedMap,
    check_kind,
    fit_map_behind,
    mapped_rows,
    row_losses,
)
from logitconf.calibration.maps.objectives import Labels, Vector
from logitconf.calibration.names import CALIBRATIONS, TEMPERATURE
from logitconf.calibration.temperature.fit import fit_temperature
from logitconf.calibration.temperature.outcome import TemperatureFit
from logitconf.errors import not_among
from logitconf.tasks import ArrayLike, Family, as_array
from logitconf.telling.progress import steps

FOLDS = 5
# a richer map must be better by so many standard errors of the difference
_STANDARD_ERRORS = 2.0
# beyond, fits with K² parameters take minutes, and are made only where they are asked for by name
_MOST_CLASSES_TRIED = 100


@dataclass(frozen=True, slots=True)
class Gain:
    """How much better one calibration is than another on rows that neither was fitted on.

    Attributes:
        kind: of the calibration.
        behind: the one that it was compared with, the best of those before it.
        gain: mean NLL of that one less that of this one, nats.
        error: standard error of the gain.
    """

    kind: str
    behind: str
    gain: float
    error: float

    @property
    def clear(self) -> bool:
        """Whether it is better by more than two standard errors."""
        return self.gain > _STANDARD_ERRORS * self.error


@dataclass(frozen=True, slots=True)
class Choice:
    """What cross-validation chose.

    Attributes:
        fitted: on all rows; without a map where the temperature stays.
        gains: of each kind that was tried, from the plainest on.
    """

    fitted: FittedMap
    gains: tuple[Gain, ...]


def check_calibration(calibration: object) -> str:
    """The name of a calibration, if it is one.

    Raises:
        LogitconfError: for any other value.
    """
    if calibration not in CALIBRATIONS:
        raise not_among("calibration", calibration, CALIBRATIONS)
    return str(calibration)


def kinds_tried(family: Family, n_classes: int) -> tuple[str, ...]:
    """The kinds of maps that are tried for logits of so many columns, the plainest first.

    >>> kinds_tried("categorical", 10)
    ('vector', 'matrix')
    """
    if family == "bernoulli":
        return ("platt",) if n_classes == 1 else ("vector", "platt")
    if n_classes == 2:
        return ("platt", "vector")
    return ("vector", "matrix") if n_classes <= _MOST_CLASSES_TRIED else ("vector",)


def choose_map(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    family: Family,
    initial: float = 1.0,
    kinds: Sequence[str] | None = None,
    seed: int = 0,
) -> Choice:
    """The temperature, or the richest map that five-fold cross-validation clearly prefers to it.

    From the plainest on, each kind takes the place of the best so far if its NLL on the rows left
    out is less by more than two standard errors of the difference over the rows.

    Args:
        logits: as for :func:`~logitconf.calibration.maps.fit.fit_map`.
        labels: the same.
        family: whether the columns compete.
        initial: temperature to fall back on; > 0.
        kinds: to try, the plainest first; :func:`kinds_tried` unless given.
        seed: of the folds.

    Raises:
        LogitconfError: as :func:`~logitconf.calibration.maps.fit.fit_map`.
    """
    values, targets = to_numpy(as_array(logits, "logits")), to_numpy(as_array(labels, "labels"))
    tried = kinds_tried(family, values.shape[1]) if kinds is None else tuple(kinds)
    for kind in tried:
        check_kind(kind, family, values.shape[1])
    alone = fit_temperature(values, targets, family=family, initial=initial)
    if not alone.identified:
        return Choice(FittedMap(alone, None, alone.reason), ())
    losses = _left_out(values, targets, tried, family=family, alone=alone, seed=seed)
    if losses is None:
        return Choice(FittedMap(alone, None, "too few rows to leave some out"), ())
    best, gains = TEMPERATURE, []
    for kind in tried:
        gain = _gain(kind, best, losses)
        gains.append(gain)
        best = kind if gain.clear else best
    if best == TEMPERATURE:
        return Choice(FittedMap(alone, None), tuple(gains))
    fitted = fit_map_behind(values, targets, alone, kind=best, family=family)
    calibration_map = fitted.calibration_map
    if calibration_map is not None and calibration_map.fit is not None:
        whole = _gain(best, TEMPERATURE, losses)
        fit = replace(calibration_map.fit, folds=FOLDS, gain=whole.gain, gain_error=whole.error)
        fitted = replace(fitted, calibration_map=replace(calibration_map, fit=fit))
    return Choice(fitted, tuple(gains))


def _left_out(
    values: npt.NDArray[Any],
    targets: Labels,
    kinds: Sequence[str],
    *,
    family: Family,
    alone: TemperatureFit,
    seed: int,
) -> dict[str, Vector] | None:
    """Each row's NLL by calibrations that were fitted without its fold, (N,) each.

    Where a fold cannot be fitted, its rows are those of the temperature; None if that cannot be.
    """
    rows = len(values)
    if rows < 2 * FOLDS:
        return None
    fold_of = np.random.default_rng(seed).permutation(rows) % FOLDS
    losses = {kind: np.empty(rows) for kind in (TEMPERATURE, *kinds)}
    for fold in steps(range(FOLDS), "Cross-validating calibrations"):
        out = fold_of == fold
        inside, own = values[~out], targets[~out]
        plain = fit_temperature(inside, own, family=family, initial=alone.temperature)
        outside, answers = values[out].astype(np.float64), targets[out]
        divisor = plain.temperature if plain.identified else alone.temperature
        losses[TEMPERATURE][out] = row_losses(outside / divisor, answers, family)
        for kind in kinds:
            losses[kind][out] = losses[TEMPERATURE][out]
            fitted = fit_map_behind(inside, own, plain, kind=kind, family=family)
            if fitted.calibration_map is not None:
                mapped = mapped_rows(outside, fitted.calibration_map)
                z = mapped / fitted.temperature.temperature
                losses[kind][out] = row_losses(z, answers, family)
    return losses


def _gain(kind: str, behind: str, losses: dict[str, Vector]) -> Gain:
    """How much better one kind is than another, on rows that have a likelihood under either."""
    difference = losses[behind] - losses[kind]
    # a masked class that a matrix mixes in costs the row its likelihood: no map may do that
    lost = np.isfinite(losses[behind]) & ~np.isfinite(losses[kind])
    difference = difference[np.isfinite(difference)]
    if lost.any() or len(difference) < 2:
        return Gain(kind, behind, 0.0, 0.0)
    error = float(difference.std(ddof=1)) / math.sqrt(len(difference))
    return Gain(kind, behind, float(difference.mean()), error)
