"""The root of an increasing slope, on functions whose root is known."""

import math
from collections.abc import Callable

import pytest

from logitconf.calibration.temperature.halley import minimise, rounded
from logitconf.calibration.temperature.likelihood import LikelihoodSums

BITS = 11
# The cube of half a step of 11 bits.
CLOSE = 2.0**-31


def sums_of(slope: float, curvature: float, third: float) -> LikelihoodSums:
    return LikelihoodSums(1, 0, 1, 1, 1.0, 0.0, 0.0, slope, curvature, third, ())


def logarithm(root: float) -> Callable[[float], LikelihoodSums]:
    """Slope log(b / root), flat far out, steep near 0."""
    return lambda b: sums_of(
        math.log(b / root) if b > 0.0 else -math.inf, 1.0 / max(b, 1e-300), -(b**-2) if b else 0.0
    )


def saturated(root: float) -> Callable[[float], LikelihoodSums]:
    """Slope tanh(b - root): the curvature vanishes away from the root, and so do Newton's steps."""

    def sums(b: float) -> LikelihoodSums:
        t = math.tanh(b - root)
        return sums_of(t, 1.0 - t * t, -2.0 * t * (1.0 - t * t))

    return sums


@pytest.mark.parametrize("function", [logarithm, saturated])
@pytest.mark.parametrize("root", [0.3, 1.0, 4.7])
@pytest.mark.parametrize("start", [1e-4, 0.9, 50.0, 1e6])
def test_the_root_is_found_from_anywhere(
    function: Callable[[float], Callable[[float], LikelihoodSums]], root: float, start: float
) -> None:
    evaluate = function(root)
    found = minimise(evaluate, start, evaluate(start), bits=BITS, most_passes=200)
    assert found.reason is None
    assert found.inverse == pytest.approx(root, rel=10 * CLOSE)


@pytest.mark.parametrize("start", [0.25, 0.5, 2.0, 64.0])
def test_the_last_pass_is_made_at_the_rounded_root_whatever_the_start(start: float) -> None:
    evaluate = logarithm(1.2345)
    found = minimise(evaluate, start, evaluate(start), bits=BITS, most_passes=200)
    assert found.at == rounded(1.2345, BITS)


def test_a_slope_that_is_positive_down_to_zero_has_no_root() -> None:
    def evaluate(b: float) -> LikelihoodSums:
        return sums_of(1.0 + b, 1.0, 0.0)

    found = minimise(evaluate, 1.0, evaluate(1.0), bits=BITS, most_passes=200)
    assert "goes to infinity" in (found.reason or "")


def test_a_step_without_curvature_is_bisected_to_the_last_bit() -> None:
    def evaluate(b: float) -> LikelihoodSums:
        return sums_of(1.0 if b > 0.7 else -1.0, 0.0, 0.0)

    found = minimise(evaluate, 100.0, evaluate(100.0), bits=BITS, most_passes=200)
    assert found.inverse == pytest.approx(0.7, rel=1e-12)


def test_rounding_keeps_so_many_bits() -> None:
    assert rounded(1.0 + 2.0**-3, 4) == 1.125
    assert rounded(1.0 + 2.0**-5, 4) == 1.0
    assert rounded(math.inf, 4) == math.inf
