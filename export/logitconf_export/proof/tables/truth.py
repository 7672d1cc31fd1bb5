"""Exact results of operations, by which a runtime's own are judged.

A float64 result is off by one of its own steps at most, which is 2^-29 of a float32 one. That is
checked against decimal arithmetic wherever it is relied on.
"""

import decimal
import math
from collections.abc import Callable, Mapping

import numpy as np

from logitconf.errors import LogitconfError
from logitconf_export.onnx_files.types import Array

SLACK = 2.0**-24
"""Added to every bound of an operation whose truth is not exact itself, in ulps of float32."""
_SMALLEST = {"float32": -149, "float64": -1074}
_DIGITS = {"float32": 24, "float64": 53}
_DECIMALS = decimal.Context(prec=60, Emin=-100_000, Emax=100_000)

OF_ONE: Mapping[str, Callable[[Array], Array]] = {
    "Exp": np.exp,
    "Softmax exp": np.exp,
    "Log": np.log,
    "Reciprocal": np.reciprocal,
}
"""In float64, of float32 inputs as float64."""
OF_TWO: Mapping[str, Callable[[Array, Array], Array]] = {
    # rounded twice, to float64 and then to float32, these are what they are rounded once: float64
    # has more than twice the digits and two (Figueroa 1995)
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
}
_IN_DECIMAL: Mapping[str, Callable[[decimal.Decimal], decimal.Decimal]] = {
    "Exp": _DECIMALS.exp,
    "Softmax exp": _DECIMALS.exp,
    "Log": _DECIMALS.ln,
    "Reciprocal": lambda x: _DECIMALS.divide(decimal.Decimal(1), x),
}


def exact(operation: str, x: Array, constant: float | None = None) -> Array:
    """What float32 inputs give, in float64."""
    wide = x.astype(np.float64)
    with np.errstate(all="ignore"):
        if constant is None:
            return np.asarray(OF_ONE[operation](wide))
        return np.asarray(OF_TWO[operation](wide, np.array(constant)))


def slack(operation: str) -> float:
    """How far the truth may be off, in ulps of float32."""
    # a quotient that is rounded twice is what it is rounded once
    return SLACK if operation in ("Exp", "Log", "Softmax exp") else 0.0


def ulps_of(exact_results: Array, element: str = "float32") -> Array:
    """The ulp of each exact result in an element type, at least its smallest subnormal."""
    _, exponents = np.frexp(exact_results)
    lowest = np.maximum(exponents - _DIGITS[element], _SMALLEST[element])
    lowest = np.where(exact_results == 0.0, _SMALLEST[element], lowest)
    return np.ldexp(np.float64(1.0), lowest)


def in_decimal(operation: str, x: float) -> decimal.Decimal:
    """The exact result, to 60 digits."""
    return _IN_DECIMAL[operation](decimal.Decimal(x))


def error_in_decimal(operation: str, x: float, result: float, element: str) -> float:
    """The error of one result, in ulps of the exact one."""
    truth = in_decimal(operation, x)
    if not math.isfinite(result):
        return math.inf if result > 0 else -math.inf
    size = truth.copy_abs()
    exponent = math.frexp(float(size))[1] if size else -10_000
    # next to a power of two the nearest float64 may lie on its other side
    if size < decimal.Decimal(2) ** (exponent - 1):
        exponent -= 1
    lowest = max(exponent - _DIGITS[element], _SMALLEST[element])
    difference = _DECIMALS.subtract(decimal.Decimal(result), truth)
    return float(_DECIMALS.divide(difference, _DECIMALS.power(decimal.Decimal(2), lowest)))


def check(operation: str, x: Array) -> None:
    """Checks the float64 results for some float32 inputs against decimal arithmetic.

    Raises:
        LogitconfError: if one is off by more than a step of float64.
    """
    for value, result in zip(x.tolist(), exact(operation, x).tolist(), strict=True):
        if abs(error_in_decimal(operation, value, result, "float64")) > 1.0:
            raise LogitconfError(
                f"NumPy's float64 {operation} must be right to its last place to measure others by "
                f"it, got {result!r} for {value!r}; install another build of NumPy"
            )
