"""The two numbers of a head: they are float32 from the moment they are set."""

from __future__ import annotations

import math

import numpy as np

from logitconf.errors import LogitconfError
from logitconf.typed_json import shown


def check_temperature(value: object) -> float:
    """The temperature as an exact float32 value.

    >>> check_temperature(1.1)
    1.100000023841858

    Raises:
        LogitconfError: unless it is in [1e-30, 1e30].
    """
    number = _number(value, "temperature")
    if not 1e-30 <= number <= 1e30:
        raise LogitconfError(f"temperature must be in [1e-30, 1e30], got {value!r}")
    return float(np.float32(number))


def check_threshold(value: object) -> float | tuple[float, ...] | None:
    """The threshold, or one for each class, as exact float32 values.

    Raises:
        LogitconfError: unless every value is finite in float32.
    """
    if value is None:
        return None
    if isinstance(value, (list, tuple, np.ndarray)):
        if not len(value):
            raise LogitconfError("a vector of thresholds must hold one for each class, got none")
        return tuple(_finite_float32(item) for item in value)
    return _finite_float32(value)


def _finite_float32(value: object) -> float:
    number = _number(value, "threshold")
    if not abs(number) <= float(np.finfo(np.float32).max):
        raise LogitconfError(f"threshold must be finite in float32, got {value!r}")
    return float(np.float32(number))


def _number(value: object, what: str) -> float:
    if isinstance(value, (bool, str, bytes)):
        raise LogitconfError(f"{what} must be a number, got {value!r}")
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError) as error:
        raise LogitconfError(f"{what} must be a number, got {shown(value)}") from error
    if math.isnan(number):
        raise LogitconfError(f"{what} must be a number, got NaN")
    return number
