"""What a fit minimises, against finite differences and against torch's own derivatives."""

import numpy as np
import pytest
import torch

from logitconf.calibration.maps.objectives import ByClass, Mixing, Objective, OneScale, Vector

PENALTIES = {"scale": 0.3, "bias": 0.1, "mixing": 0.7}
# of central differences with steps of 1e-5 in double: their own error
CLOSE = 2e-8


def made(name: str, rows: int = 300) -> Objective:
    random = np.random.default_rng(5)
    n_classes = 2 if name == "one scale" else 4
    logits = random.normal(size=(rows, n_classes)) * 2.0
    classes = random.integers(0, n_classes, rows)
    if name == "labels":
        return ByClass(logits, random.integers(0, 2, logits.shape), "bernoulli", PENALTIES)
    if name == "scales alone":
        return ByClass(logits, classes, "categorical", {"scale": 0.2})
    by_class = ByClass(logits, classes, "categorical", PENALTIES)
    if name == "one scale":
        return OneScale(by_class)
    return Mixing(logits, classes, PENALTIES) if name == "mixing" else by_class


NAMES = ("classes", "labels", "scales alone", "one scale", "mixing")


@pytest.mark.parametrize("name", NAMES)
def test_gradient_and_curvature_are_those_of_finite_differences(name: str) -> None:
    objective = made(name)
    at = np.random.default_rng(1).normal(size=objective.size) * 0.3
    sums = objective.sums(at, curvature=True)
    steps = np.eye(objective.size) * 1e-5
    ends = [
        (objective.sums(at + step, curvature=False), objective.sums(at - step, curvature=False))
        for step in steps
    ]
    slopes = [(up.value - down.value) / 2e-5 for up, down in ends]
    assert sums.gradient == pytest.approx(np.array(slopes), abs=CLOSE)
    assert sums.curvature is not None
    bent = np.array([(up.gradient - down.gradient) / 2e-5 for up, down in ends])
    assert sums.curvature == pytest.approx(bent, abs=CLOSE)


def test_value_of_vector_scaling_is_torchs_cross_entropy_and_the_penalty() -> None:
    objective = made("classes")
    assert isinstance(objective, ByClass)
    at = np.random.default_rng(2).normal(size=(2, 4))
    z = torch.tensor(objective.logits * (1.0 + at[0]) + at[1])
    expected = torch.nn.functional.cross_entropy(z, torch.tensor(objective.labels))
    penalty = 0.3 * (at[0] ** 2).sum() + 0.1 * (at[1] ** 2).sum()
    value = objective.sums(at.ravel(), curvature=False).value
    assert value == pytest.approx(float(expected) + penalty, rel=1e-12)


def test_value_of_matrix_scaling_is_torchs_cross_entropy_and_the_penalty() -> None:
    objective = made("mixing")
    assert isinstance(objective, Mixing)
    weights = np.random.default_rng(3).normal(size=(4, 5))
    mixed = objective.logits @ (np.eye(4) + weights[:, :4]).T + weights[:, 4]
    expected = torch.nn.functional.cross_entropy(
        torch.tensor(mixed), torch.tensor(objective.labels)
    )
    squares: Vector = weights[:, :4] ** 2
    own = np.trace(squares)
    penalty = 0.3 * own + 0.7 * (squares.sum() - own) + 0.1 * (weights[:, 4] ** 2).sum()
    value = objective.sums(weights.ravel(), curvature=False).value
    assert value == pytest.approx(float(expected) + penalty, rel=1e-12)


def test_value_for_labels_is_torchs_binary_cross_entropy_and_the_penalty() -> None:
    objective = made("labels")
    assert isinstance(objective, ByClass)
    at = np.random.default_rng(4).normal(size=(2, 4))
    z = torch.tensor(objective.logits * (1.0 + at[0]) + at[1])
    loss = torch.nn.functional.binary_cross_entropy_with_logits
    expected = loss(z, torch.tensor(objective.labels, dtype=torch.float64), reduction="sum") / 300
    penalty = 0.3 * (at[0] ** 2).sum() + 0.1 * (at[1] ** 2).sum()
    value = objective.sums(at.ravel(), curvature=False).value
    assert value == pytest.approx(float(expected) + penalty, rel=1e-12)


def test_logits_of_any_size_have_a_finite_value() -> None:
    logits = np.array([[1e30, -1e30, 0.0], [5e3, -5e3, 1.0]])
    labels = np.array([1, 0])
    sums = ByClass(logits, labels, "categorical", PENALTIES).sums(np.zeros(6), curvature=True)
    assert np.isfinite(sums.value)
    signs = ByClass(logits, logits > 0, "bernoulli", PENALTIES)
    # the logits 0 and 1 alone are not certain
    uncertain = (np.log(2.0) + np.log1p(np.exp(-1.0))) / 2.0
    assert signs.sums(np.zeros(6), curvature=False).value == pytest.approx(uncertain)
