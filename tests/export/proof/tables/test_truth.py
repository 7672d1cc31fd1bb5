"""Exact results, against arithmetic of many digits that is not ours."""

import math

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest

from logitconf.errors import LogitconfError
from logitconf_export.proof.tables import truth
from logitconf_export.proof.tables.floats import Floats

RANGES = {"Exp": (-110.0, -1e-9), "Log": (1e-30, 1e30), "Reciprocal": (1e-30, 1e30)}
MPMATH = {"Exp": mpmath.exp, "Log": mpmath.log, "Reciprocal": lambda x: 1 / x}


def samples(operation: str, count: int = 400) -> Floats:
    random = np.random.default_rng(5)
    low, high = RANGES[operation]
    near, far = sorted((math.log(abs(low)), math.log(abs(high))))
    values = np.exp(random.uniform(near, far, count))
    return np.asarray(np.copysign(values, high), np.float32)


@pytest.mark.parametrize("operation", RANGES)
def test_exact_results_are_off_by_a_step_of_float64_at_most(operation: str) -> None:
    x = samples(operation)
    with mpmath.workdps(60):
        for value, result in zip(x.tolist(), truth.exact(operation, x).tolist(), strict=True):
            true = MPMATH[operation](mpmath.mpf(value))
            assert abs(mpmath.mpf(result) - true) <= float(np.spacing(abs(result)))


@pytest.mark.parametrize("operation", RANGES)
def test_decimal_results_are_those_of_mpmath(operation: str) -> None:
    with mpmath.workdps(60):
        for value in samples(operation, 50).tolist():
            true = MPMATH[operation](mpmath.mpf(value))
            decimal = mpmath.mpf(str(truth.in_decimal(operation, value)))
            assert abs(decimal / true - 1) < mpmath.mpf(10) ** -55


def test_the_ulp_is_the_distance_between_floats_around_a_result() -> None:
    results = np.array([1.0, 1.5, 0.75, 2.0**-126, 1e-40, 0.0, -3.0])
    wanted = np.abs(np.spacing(results.astype(np.float32).astype(np.float32)))
    assert truth.ulps_of(results).tolist() == wanted.astype(np.float64).tolist()
    assert truth.ulps_of(np.array([1.0, 0.0]), "float64").tolist() == [2.0**-52, 2.0**-1074]


def test_an_error_in_decimal_is_that_of_mpmath() -> None:
    for x, result, element in ((-1.5, 0.2231302, "float32"), (-1.5, 0.22313016014842, "float64")):
        held = float(np.dtype(element).type(result))
        with mpmath.workdps(60):
            step = {"float32": 2.0**-26, "float64": 2.0**-55}[element]
            wanted = (mpmath.mpf(held) - mpmath.exp(mpmath.mpf(x))) / step
        assert truth.error_in_decimal("Exp", x, held, element) == pytest.approx(float(wanted))


def test_a_float64_function_that_is_off_is_not_taken_for_the_truth(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    truth.check("Exp", samples("Exp"))
    wrong = {**truth.OF_ONE, "Exp": lambda x: np.exp(x) * (1.0 + 2.0**-50)}
    monkeypatch.setattr(truth, "OF_ONE", wrong)
    with pytest.raises(LogitconfError, match="NumPy's float64 Exp must be right to its last"):
        truth.check("Exp", samples("Exp"))
