"""Fitting a calibration map and the temperature behind it: exact, convex, penalised.

The map is fitted on the logits over the temperature T₀ that fits best alone. Its common scale is
then taken out and becomes the temperature, which keeps its meaning: z = (a ⊙ x + b) / T, where a
has mean 1, and a map of ones and zeros is temperature scaling. T is not fitted again behind the
map, where nothing would hold it back: on 100 rows that undoes what the penalties are for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from logitconf.arrays import to_numpy
from logitconf.calibration.maps.calibration_map import (
    MOST_MIXED_CLASSES,
    CalibrationMap,
    MapFit,
)
from logitconf.calibration.maps.mapping import mapped
from logitconf.calibration.maps.objectives import (
    MASKED,
    ByClass,
    Labels,
    MapKind,
    Mixing,
    Objective,
    OneScale,
    Vector,
)
from logitconf.calibration.maps.optimum import minimum_of
from logitconf.calibration.names import MAP_KINDS
from logitconf.calibration.temperature.fit import fit_temperature
from logitconf.calibration.temperature.outcome import TemperatureFit
from logitconf.errors import LogitconfError
from logitconf.tasks import ArrayLike, Family, as_array

# A class' scale is at least this share of the common one: at 0 a masked class would come back.
_LEAST_SCALE = 0.01
# λ times N, beside the rates of Berta et al.: K for a class' own numbers, K (K − 1) between
# classes, 1 for labels. Theirs are 1 each; tests/records/calibration_maps.md has what these do.
_CONSTANTS: Mapping[str, Mapping[str, float]] = {
    "vector": {"scale": 0.3, "bias": 0.1},
    "matrix": {"scale": 3.0, "mixing": 1.0, "bias": 0.1},
    "platt": {"scale": 0.3, "bias": 0.1},
}
_BLOCK_ELEMENTS = 1 << 22
# what a card takes
_LARGEST_TEMPERATURE = 1e30


@dataclass(frozen=True, slots=True)
class FittedMap:
    """A map and its temperature, or why there is none.

    Attributes:
        temperature: T, which divides the mapped logits; without a map the logits themselves.
        calibration_map: None where the rows cannot identify one.
        reason: why not, in words.
    """

    temperature: TemperatureFit
    calibration_map: CalibrationMap | None
    reason: str | None = None


def penalties_of(kind: str, family: Family, n_classes: int, rows: int) -> dict[str, float]:
    """λ of each part of a map that has parameters, for so many rows.

    Raises:
        LogitconfError: if the kind is not for such logits.

    >>> penalties_of("vector", "categorical", 10, 5000)
    {'scale': 0.0006, 'bias': 0.0002}
    """
    check_kind(kind, family, n_classes)
    constants = dict(_CONSTANTS[kind])
    competing = family == "categorical"
    if kind == "vector" and not competing:
        del constants["bias"]
    if kind == "platt" and (competing or n_classes == 1):
        # the one scale is the temperature's
        constants["scale"] = 0.0
    rates = dict.fromkeys(constants, n_classes if competing else 1)
    if kind == "matrix":
        rates["mixing"] = n_classes * (n_classes - 1)
    return {name: constant * rates[name] / rows for name, constant in constants.items()}


def check_kind(kind: str, family: Family, n_classes: int) -> None:
    """Checks that a kind of map is for logits of so many columns.

    Raises:
        LogitconfError: if it is not, with what to use instead.
    """
    if kind not in MAP_KINDS:
        raise LogitconfError(f"calibration must be one of {list(MAP_KINDS)}, got {kind!r}")
    what = f"{n_classes} {'classes' if family == 'categorical' else 'labels'}"
    if kind == "platt" and family == "categorical" and n_classes > 2:
        raise LogitconfError(
            f"calibration 'platt' is for two classes or labels, got {what}; use 'vector'"
        )
    if kind == "matrix" and (family != "categorical" or n_classes > MOST_MIXED_CLASSES):
        raise LogitconfError(
            f"calibration 'matrix' is for up to {MOST_MIXED_CLASSES} classes that compete, got "
            f"{what}; use 'vector'"
        )
    if kind == "vector" and family == "bernoulli" and n_classes == 1:
        raise LogitconfError(
            "calibration 'vector' of one logit is a temperature, got one logit; use 'platt'"
        )


def fit_map(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    kind: str,
    family: Family,
    initial: float = 1.0,
    penalties: Mapping[str, float] | None = None,
) -> FittedMap:
    """The map of a kind of least penalised NLL, and the temperature behind it.

    Rows with a NaN, a +inf, no finite value, or a label whose own probability is 0 are left out and
    counted; a matrix leaves out rows with any logit that is not finite.

    Args:
        logits: categorical (N, K) or Bernoulli (N, L), floating.
        labels: categorical (N,) integers in [0, K); Bernoulli (N, L) in [0, 1].
        kind: ``"vector"``, ``"matrix"`` or ``"platt"``.
        family: whether the columns compete.
        initial: temperature to fall back on; > 0.
        penalties: λ by part, instead of :func:`penalties_of`.

    Raises:
        LogitconfError: for a kind that is not for these logits, or as
            :func:`~logitconf.calibration.temperature.fit.fit_temperature`.
    """
    values, targets = to_numpy(as_array(logits, "logits")), to_numpy(as_array(labels, "labels"))
    alone = fit_temperature(values, targets, family=family, initial=initial)
    return fit_map_behind(values, targets, alone, kind=kind, family=family, penalties=penalties)


def fit_map_behind(
    values: npt.NDArray[Any],
    targets: Labels,
    alone: TemperatureFit,
    *,
    kind: str,
    family: Family,
    penalties: Mapping[str, float] | None = None,
) -> FittedMap:
    """The same, where the temperature that fits best alone is known.

    Args:
        values: NumPy logits, as for :func:`fit_map`.
        targets: NumPy labels.
        alone: the fitted temperature.
        kind: of the map.
        family: whether the columns compete.
        penalties: as for :func:`fit_map`.
    """
    check_kind(kind, family, values.shape[1])
    if not alone.identified:
        return FittedMap(alone, None, alone.reason)
    usable = usable_rows(values, targets, family, kind)
    x = values[usable].astype(np.float64) / alone.temperature
    y = targets[usable]
    rows, n_classes = x.shape
    if rows == 0:
        return FittedMap(alone, None, "no row has a finite likelihood under such a map")
    x[x == -np.inf] = MASKED
    shares = penalties_of(kind, family, n_classes, rows) if penalties is None else dict(penalties)
    objective, lowest = _objective(kind, family, x, y, shares)
    minimum = minimum_of(objective, lowest)
    fitted, temperature = _map_of(kind, family, minimum.parameters, n_classes, alone.temperature)
    if not 0.0 < temperature < _LARGEST_TEMPERATURE:
        return FittedMap(alone, None, f"the map's common scale, 1 / {temperature:.3g}, is no scale")
    temperature = float(np.float32(temperature))
    new = mapped_rows(values[usable], fitted).astype(np.float64)
    before = row_losses(values[usable] / alone.temperature, y, family).mean()
    after = row_losses(new / temperature, y, family).mean()
    if not math.isfinite(after):
        return FittedMap(alone, None, "the mapped logits are too large for float32")
    finite = np.abs(values[np.isfinite(values)].astype(np.float64))
    fit = MapFit(
        penalties=shares,
        rows=rows,
        rows_left_out=len(values) - rows,
        nll_temperature=float(before),
        nll_after=float(after),
        largest_logit=float(finite.max(initial=0.0)),
        slope=minimum.slope,
    )
    behind = replace(
        alone,
        temperature=temperature,
        standard_error=None,
        nll_after=float(after),
        rows=rows,
        rows_left_out=len(values) - rows,
    )
    return FittedMap(behind, replace(fitted, fit=fit))


def usable_rows(
    values: npt.NDArray[Any], targets: Labels, family: Family, kind: str | None = None
) -> npt.NDArray[np.bool_]:
    """Which rows have a finite likelihood, (N,): under any temperature, and under such a map."""
    largest = values.max(axis=1, initial=-np.inf)
    usable = np.isfinite(largest) & ~np.isnan(values).any(axis=1)
    if kind == "matrix":
        return np.asarray(usable & np.isfinite(values).all(axis=1))
    if family == "categorical":
        own = np.take_along_axis(values, targets[:, None].astype(np.int64), axis=1)[:, 0]
        return np.asarray(usable & np.isfinite(own))
    return np.asarray(usable & ~((values == -np.inf) & (targets > 0)).any(axis=1))


def mapped_rows(values: npt.NDArray[Any], calibration_map: CalibrationMap) -> npt.NDArray[Any]:
    """Mapped logits (N, K) in the precision of the logits, single at least; in blocks of rows."""
    dtype = np.float64 if values.dtype == np.float64 else np.float32
    per_row = calibration_map.n_classes ** (2 if calibration_map.matrix is not None else 1)
    step = max(1, _BLOCK_ELEMENTS // per_row)
    new = np.empty(values.shape, dtype=dtype)
    buffers = calibration_map.buffers
    for start in range(0, len(values), step):
        block = slice(start, start + step)
        new[block] = mapped(values[block].astype(dtype), buffers, 1)
    return new


def row_losses(z: Vector, targets: Labels, family: Family) -> Vector:
    """Each row's NLL in nats, (N,), the mean over labels; not finite for rows that have none."""
    with np.errstate(all="ignore"):
        z = z.astype(np.float64)
        if family == "bernoulli":
            finite = np.where(z == -np.inf, MASKED, z)
            size = np.log1p(np.exp(-np.abs(finite)))
            losses: Vector = (size + np.maximum(finite, 0.0) - targets * finite).mean(axis=1)
            return losses
        shifted = z - z.max(axis=1, keepdims=True)
        own = np.take_along_axis(shifted, targets[:, None].astype(np.int64), axis=1)[:, 0]
        return np.asarray(np.log(np.exp(shifted).sum(axis=1)) - own)


def _objective(
    kind: str, family: Family, x: Vector, y: Labels, penalties: Mapping[str, float]
) -> tuple[Objective, Vector]:
    """What is minimised, and the least value of each parameter."""
    n_classes, least = x.shape[1], _LEAST_SCALE - 1.0
    if kind == "matrix":
        mixing = Mixing(x, y, penalties)
        lowest = np.full((n_classes, n_classes + 1), -np.inf)
        np.fill_diagonal(lowest, least)
        return mixing, lowest.ravel()
    by_class = ByClass(x, y, family, penalties)
    if kind == "platt" and family == "categorical":
        return OneScale(by_class), np.array([least] + [-np.inf] * n_classes)
    bounds = {"scale": least, "bias": -np.inf}
    return by_class, np.repeat([bounds[name] for name in by_class.parts], n_classes)


def _map_of(
    kind: str, family: Family, parameters: Vector, n_classes: int, alone: float
) -> tuple[CalibrationMap, float]:
    """The map with its common scale taken out, in units of the logits, and the temperature."""
    competing = family == "categorical"
    matrix: Vector | None = None
    scale: Vector | None = None
    if kind == "matrix":
        weights = parameters.reshape(n_classes, n_classes + 1)
        # fitted with a row for each class, kept with a row for each logit
        matrix, bias = np.eye(n_classes) + weights[:, :-1].T, weights[:, -1]
        common = float(np.diagonal(matrix).mean())
    elif kind == "platt" and (competing or n_classes == 1):
        common, bias = 1.0 + float(parameters[0]), parameters[1:]
    else:
        scale, bias = 1.0 + parameters[:n_classes], parameters[n_classes:]
        common = float(scale.mean())
    temperature = alone / common
    if competing:
        bias = bias - bias.mean()
    fitted = CalibrationMap(
        cast(MapKind, kind),
        scale=None if scale is None else tuple((scale / common).tolist()),
        matrix=None if matrix is None else tuple(map(tuple, (matrix / common).tolist())),
        bias=tuple((bias * temperature).tolist()) if bias.size else None,
    )
    return fitted, temperature
