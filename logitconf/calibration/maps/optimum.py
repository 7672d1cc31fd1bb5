"""The minimum of a convex objective, from 0 on: L-BFGS within bounds, then Newton's steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from logitconf.calibration.maps.objectives import Objective, Sums, Vector

Free: TypeAlias = npt.NDArray[np.bool_]

# up to so many parameters the curvature is cheap beside the passes that it saves
_MOST_NEWTON = 700
_MOST_STEPS = 50
_MOST_PASSES = 2000
# a derivative of the mean NLL, in nats; a parameter is then off by far less than float32 shows
_SLOPE = 1e-10


@dataclass(frozen=True, slots=True)
class Minimum:
    """Where an objective is least.

    Attributes:
        parameters: (P,).
        value: there.
        slope: the largest abs derivative there, of the parameters that are not at their bound.
    """

    parameters: Vector
    value: float
    slope: float


def minimum_of(objective: Objective, lowest: Vector) -> Minimum:
    """The minimum over parameters that are at least ``lowest`` (P,), −inf where they are free."""

    def value_and_gradient(parameters: Vector) -> tuple[float, Vector]:
        sums = objective.sums(parameters, curvature=False)
        return sums.value, sums.gradient

    newton = objective.size <= _MOST_NEWTON
    result = minimize(
        value_and_gradient,
        np.zeros(objective.size),
        jac=True,
        method="L-BFGS-B",
        bounds=[(low if np.isfinite(low) else None, None) for low in lowest],
        # Newton's steps do the rest
        options={
            "maxiter": 30 if newton else _MOST_PASSES,
            "maxfun": 2 * _MOST_PASSES,
            "maxcor": 20,
            "ftol": 0.0,
            "gtol": _SLOPE,
        },
    )
    parameters = np.asarray(result.x, dtype=np.float64)
    if newton:
        parameters = _newton(objective, parameters, lowest)
    sums = objective.sums(parameters, curvature=False)
    free = _free(parameters, sums.gradient, lowest)
    slope = float(np.abs(sums.gradient[free]).max(initial=0.0))
    return Minimum(parameters, sums.value, slope)


def _free(parameters: Vector, gradient: Vector, lowest: Vector) -> Free:
    """Which parameters may move: all but those that press against their bound."""
    return np.asarray(~((parameters <= lowest) & (gradient > 0.0)))


def _newton(objective: Objective, parameters: Vector, lowest: Vector) -> Vector:
    """Newton's steps on the free parameters, each as long as it lowers the objective.

    Source: Bertsekas 1982, "Projected Newton methods for optimization problems with simple
    constraints".
    """
    sums = objective.sums(parameters, curvature=True)
    for _ in range(_MOST_STEPS):
        free = _free(parameters, sums.gradient, lowest)
        slopes = sums.gradient[free]
        if np.abs(slopes).max(initial=0.0) <= _SLOPE or sums.curvature is None:
            break
        bent = sums.curvature[np.ix_(free, free)]
        # the softmax does not see what all biases share: without a penalty, bent is singular
        direction = np.linalg.lstsq(bent, slopes, rcond=1e-14)[0]
        step, lower = 1.0, False
        while step > 1e-6 and not lower:
            moved = parameters.copy()
            moved[free] -= step * direction
            moved = np.maximum(moved, lowest)
            tried = objective.sums(moved, curvature=True)
            lower = tried.value < sums.value or _is_flatter(tried, sums, free)
            step /= 4.0
        if not lower:
            break
        parameters, sums = moved, tried
    return parameters


def _is_flatter(after: Sums, before: Sums, free: Free) -> bool:
    """Whether the slopes are less where the value no longer shows any difference."""
    alike = after.value - before.value <= 1e-14 * abs(before.value)
    slopes = (np.abs(sums.gradient[free]).max(initial=0.0) for sums in (after, before))
    return bool(alike and next(slopes) < 0.5 * next(slopes))
