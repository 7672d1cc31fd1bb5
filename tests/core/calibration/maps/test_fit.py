"""Fitted maps against scikit-learn's logistic regression, and against what must not change them."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression

from logitconf.calibration.maps.calibration_map import CalibrationMap
from logitconf.calibration.maps.fit import (
    FittedMap,
    fit_map,
    mapped_rows,
    penalties_of,
    row_losses,
)
from logitconf.calibration.temperature.fit import fit_temperature
from logitconf.errors import LogitconfError

NONE = {"scale": 0.0, "bias": 0.0, "mixing": 0.0}
Floats = npt.NDArray[Any]
# scikit-learn's solver stops at a gradient of 1e-10, and maps are rounded to float32
CLOSE = 2e-5


def classes(rows: int = 800, n_classes: int = 3, seed: int = 0) -> tuple[Floats, Floats]:
    random = np.random.default_rng(seed)
    truth = random.integers(0, n_classes, rows)
    logits = random.normal(size=(rows, n_classes)) + 2.0 * np.eye(n_classes)[truth]
    # classes have scales and biases of their own
    return logits * np.linspace(0.7, 2.0, n_classes) + np.linspace(-1.0, 1.5, n_classes), truth


def labels(rows: int = 800, n_labels: int = 3) -> tuple[Floats, Floats]:
    random = np.random.default_rng(3)
    truth = random.integers(0, 2, (rows, n_labels))
    logits = random.normal(size=truth.shape) + truth * 2.0 - 0.5
    return logits * np.linspace(0.8, 3.0, n_labels), truth


def z_of(fitted: FittedMap, logits: Floats) -> Floats:
    assert fitted.calibration_map is not None
    return mapped_rows(logits, fitted.calibration_map) / fitted.temperature.temperature


def regression() -> Any:
    return LogisticRegression(C=np.inf, tol=1e-10, max_iter=10000)


def test_platt_of_one_logit_is_logistic_regression() -> None:
    logits, truth = labels(n_labels=1)
    fitted = fit_map(logits, truth, kind="platt", family="bernoulli", penalties=NONE)
    model = regression().fit(logits, truth[:, 0])
    assert 1.0 / fitted.temperature.temperature == pytest.approx(model.coef_[0, 0], rel=CLOSE)
    assert z_of(fitted, np.zeros((1, 1)))[0, 0] == pytest.approx(model.intercept_[0], rel=CLOSE)


def test_platt_of_two_classes_is_logistic_regression_on_their_difference() -> None:
    logits, truth = classes(n_classes=2)
    fitted = fit_map(logits, truth, kind="platt", family="categorical", penalties=NONE)
    difference = logits[:, 1:] - logits[:, :1]
    expected = regression().fit(difference, truth).predict_proba(difference)
    assert softmax(z_of(fitted, logits), axis=1) == pytest.approx(expected, abs=CLOSE)


def test_platt_of_labels_is_a_logistic_regression_for_each() -> None:
    logits, truth = labels()
    fitted = fit_map(logits, truth, kind="platt", family="bernoulli", penalties=NONE)
    shares = expit(z_of(fitted, logits))
    for k in range(3):
        expected = regression().fit(logits[:, k : k + 1], truth[:, k])
        assert shares[:, k] == pytest.approx(
            expected.predict_proba(logits[:, k : k + 1])[:, 1], abs=CLOSE
        )


def test_scale_by_label_is_a_temperature_for_each() -> None:
    logits, truth = labels()
    fitted = fit_map(logits, truth, kind="vector", family="bernoulli", penalties={"scale": 0.0})
    for k in range(3):
        alone = fit_temperature(logits[:, k : k + 1], truth[:, k : k + 1], family="bernoulli")
        own = z_of(fitted, logits)[:, k] * alone.temperature
        assert own == pytest.approx(logits[:, k], rel=CLOSE, abs=CLOSE)


def test_matrix_without_penalty_is_multinomial_regression() -> None:
    logits, truth = classes()
    fitted = fit_map(logits, truth, kind="matrix", family="categorical", penalties=NONE)
    expected = regression().fit(logits, truth).predict_proba(logits)
    assert softmax(z_of(fitted, logits), axis=1) == pytest.approx(expected, abs=5 * CLOSE)


def test_vector_without_penalty_is_no_better_anywhere_near() -> None:
    logits, truth = classes(n_classes=4)
    fitted = fit_map(logits, truth, kind="vector", family="categorical", penalties=NONE)
    z = z_of(fitted, logits)
    least = row_losses(z, truth, "categorical").mean()
    random = np.random.default_rng(0)
    for _ in range(200):
        scale, bias = 1.0 + random.normal(size=4) * 0.02, random.normal(size=4) * 0.02
        assert row_losses(z * scale + bias, truth, "categorical").mean() >= least - 1e-9


@pytest.mark.parametrize("kind", ["vector", "matrix"])
def test_a_heavy_penalty_leaves_the_temperature(kind: str) -> None:
    logits, truth = classes()
    heavy = dict.fromkeys(NONE, 1e9)
    fitted = fit_map(logits, truth, kind=kind, family="categorical", penalties=heavy)
    alone = fit_temperature(logits, truth, family="categorical").temperature
    assert fitted.temperature.temperature == pytest.approx(alone, rel=1e-6)
    assert z_of(fitted, logits) == pytest.approx(logits / alone, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("kind", ["vector", "matrix"])
def test_classes_in_another_order_have_the_same_map_in_that_order(kind: str) -> None:
    logits, truth = classes(n_classes=4)
    order = np.array([2, 0, 3, 1])
    fitted = fit_map(logits, truth, kind=kind, family="categorical")
    moved = fit_map(logits[:, order], np.argsort(order)[truth], kind=kind, family="categorical")
    assert z_of(moved, logits[:, order]) == pytest.approx(z_of(fitted, logits)[:, order], abs=CLOSE)


@pytest.mark.parametrize("kind", ["vector", "matrix"])
def test_logits_in_other_units_have_the_same_probabilities(kind: str) -> None:
    logits, truth = classes()
    fitted = fit_map(logits, truth, kind=kind, family="categorical")
    larger = fit_map(logits * 37.0, truth, kind=kind, family="categorical")
    assert larger.temperature.temperature == pytest.approx(
        37.0 * fitted.temperature.temperature, rel=CLOSE
    )
    assert z_of(larger, logits * 37.0) == pytest.approx(z_of(fitted, logits), rel=CLOSE, abs=CLOSE)


def test_an_offset_of_all_logits_changes_nothing_for_platt() -> None:
    logits, truth = classes(n_classes=2)
    offsets = np.random.default_rng(1).normal(size=(len(logits), 1)) * 5.0
    one, other = (
        fit_map(each, truth, kind="platt", family="categorical")
        for each in (logits, logits + offsets)
    )
    assert one.calibration_map is not None
    assert other.calibration_map is not None
    assert other.calibration_map.bias == pytest.approx(one.calibration_map.bias, rel=CLOSE)


def test_scales_have_mean_one_biases_sum_to_zero_and_the_slope_is_none() -> None:
    logits, truth = classes(n_classes=5)
    found = fit_map(logits, truth, kind="vector", family="categorical").calibration_map
    assert found is not None
    assert found.scale is not None
    assert found.bias is not None
    assert found.fit is not None
    assert np.mean(found.scale) == pytest.approx(1.0, abs=1e-7)
    assert np.sum(found.bias) == pytest.approx(0.0, abs=1e-6)
    assert found.fit.slope < 1e-9
    assert found.fit.nll_after < found.fit.nll_temperature


def test_a_masked_class_counts_as_one_that_is_far_below() -> None:
    logits, truth = classes(n_classes=4)
    hidden = truth != 3
    masked, low = logits.copy(), logits.copy()
    masked[hidden, 3], low[hidden, 3] = -np.inf, -1e9
    one = fit_map(masked, truth, kind="vector", family="categorical")
    other = fit_map(low, truth, kind="vector", family="categorical")
    assert one.calibration_map is not None
    assert other.calibration_map is not None
    assert one.calibration_map.scale == pytest.approx(other.calibration_map.scale, rel=1e-4)
    rows = mapped_rows(masked.astype(np.float32), one.calibration_map)
    assert (rows[hidden, 3] == -np.inf).all()
    assert np.isfinite(rows[~hidden]).all()


def test_a_matrix_leaves_rows_with_a_masked_class_without_any_finite_logit() -> None:
    logits, truth = classes(n_classes=4)
    logits[:10, 1] = -np.inf
    truth[:10] = 0
    fitted = fit_map(logits, truth, kind="matrix", family="categorical")
    assert fitted.calibration_map is not None
    assert fitted.calibration_map.fit is not None
    assert fitted.calibration_map.fit.rows_left_out == 10
    rows = mapped_rows(logits, fitted.calibration_map)
    assert not np.isfinite(rows[:10]).any()
    assert np.isfinite(rows[10:]).all()


def test_a_logit_that_speaks_against_its_class_keeps_a_scale_above_zero() -> None:
    logits, truth = classes(rows=2000)
    logits[:, 0] *= -1.0
    fitted = fit_map(logits, truth, kind="vector", family="categorical", penalties=NONE)
    assert fitted.calibration_map is not None
    assert fitted.calibration_map.scale is not None
    assert min(fitted.calibration_map.scale) > 0.0
    assert fitted.calibration_map.fit is not None
    assert fitted.calibration_map.fit.slope < 1e-6


def test_rows_that_identify_no_temperature_identify_no_map() -> None:
    logits = np.eye(3)[[0, 1, 2] * 20] * 5.0
    fitted = fit_map(logits, np.array([0, 1, 2] * 20), kind="vector", family="categorical")
    assert fitted.calibration_map is None
    assert fitted.reason is not None
    assert "no row is wrong" in fitted.reason


def test_penalties_follow_the_rates_of_the_paper() -> None:
    # K / N by class, K (K − 1) / N between classes: Berta et al. 2026
    one, other = (penalties_of("matrix", "categorical", 10, rows) for rows in (1000, 4000))
    assert all(one[name] == pytest.approx(4.0 * other[name]) for name in one)
    wide = penalties_of("matrix", "categorical", 20, 1000)
    assert wide["scale"] == pytest.approx(2.0 * one["scale"])
    assert wide["mixing"] / one["mixing"] == pytest.approx(20 * 19 / (10 * 9))
    assert penalties_of("platt", "bernoulli", 1, 100) == {"scale": 0.0, "bias": 0.001}


@pytest.mark.parametrize(
    ("kind", "family", "shape", "reason"),
    [
        ("platt", "categorical", (9, 3), "for two classes or labels, got 3 classes; use 'vector'"),
        ("matrix", "bernoulli", (9, 3), "classes that compete, got 3 labels; use 'vector'"),
        ("vector", "bernoulli", (9, 1), "got one logit; use 'platt'"),
        ("affine", "categorical", (9, 3), "must be one of"),
    ],
)
def test_a_map_that_is_not_for_such_logits_is_refused(
    kind: str, family: Any, shape: tuple[int, int], reason: str
) -> None:
    targets = np.arange(9) % 3 if family == "categorical" else np.zeros(shape)
    with pytest.raises(LogitconfError, match=reason):
        fit_map(np.random.default_rng(0).normal(size=shape), targets, kind=kind, family=family)


def test_blocks_of_rows_are_mapped_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    matrix = tuple(map(tuple, (np.eye(4) + random.normal(size=(4, 4)) * 0.1).tolist()))
    made = CalibrationMap("matrix", matrix=matrix, bias=(0.1, -0.2, 0.3, -0.2))
    logits = random.normal(size=(37, 4))
    whole = mapped_rows(logits, made)
    expected = logits @ made.buffers["matrix"].astype(np.float64) + made.buffers["bias"]
    assert whole == pytest.approx(expected, rel=1e-12)
    monkeypatch.setattr("logitconf.calibration.maps.fit._BLOCK_ELEMENTS", 50)
    assert np.array_equal(mapped_rows(logits, made), whole)
