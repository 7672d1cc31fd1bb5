"""Minima of convex functions whose minimum is known, within bounds and without."""

from dataclasses import dataclass

import numpy as np
import pytest

from logitconf.calibration.maps.objectives import Sums, Vector
from logitconf.calibration.maps.optimum import minimum_of


@dataclass(frozen=True)
class Bowl:
    """½ (p − c)ᵀ A (p − c) + Σ exp(p − c) − p: its minimum is c where A's part is there alone."""

    centre: Vector
    bent: Vector
    exponential: float = 0.0

    @property
    def size(self) -> int:
        return len(self.centre)

    def sums(self, parameters: Vector, *, curvature: bool) -> Sums:
        away = parameters - self.centre
        powers = self.exponential * np.exp(away)
        value = 0.5 * away @ self.bent @ away + powers.sum() - self.exponential * away.sum()
        gradient = self.bent @ away + powers - self.exponential
        return Sums(float(value), gradient, self.bent + np.diag(powers) if curvature else None)


def bowl(size: int, exponential: float = 0.0) -> Bowl:
    random = np.random.default_rng(size)
    root = random.normal(size=(size, size))
    return Bowl(random.normal(size=size), root @ root.T / size + 1e-3 * np.eye(size), exponential)


@pytest.mark.parametrize("exponential", [0.0, 3.0])
@pytest.mark.parametrize("size", [1, 7, 40])
def test_the_minimum_is_found_to_the_last_digits(size: int, exponential: float) -> None:
    made = bowl(size, exponential)
    minimum = minimum_of(made, np.full(size, -np.inf))
    assert minimum.parameters == pytest.approx(made.centre, abs=1e-7)
    assert minimum.slope <= 1e-10


def test_many_parameters_need_no_curvature() -> None:
    made = Bowl(np.linspace(-1.0, 1.0, 900), np.diag(np.linspace(0.5, 2.0, 900)))
    minimum = minimum_of(made, np.full(900, -np.inf))
    assert minimum.parameters == pytest.approx(made.centre, abs=1e-8)


def test_at_a_bound_the_slope_is_that_of_the_other_parameters() -> None:
    made = Bowl(np.array([-2.0, 1.0]), np.array([[2.0, 0.5], [0.5, 1.0]]))
    minimum = minimum_of(made, np.array([-0.5, -np.inf]))
    # with the first at -0.5: the second solves 0.5 * 1.5 + (p - 1) = 0
    assert minimum.parameters == pytest.approx([-0.5, 0.25], abs=1e-9)
    assert minimum.slope <= 1e-10


def test_a_direction_that_changes_nothing_is_no_obstacle() -> None:
    flat = Bowl(np.array([1.0, 1.0]), np.array([[1.0, -1.0], [-1.0, 1.0]]))
    minimum = minimum_of(flat, np.full(2, -np.inf))
    assert minimum.parameters[0] == pytest.approx(minimum.parameters[1], abs=1e-9)
