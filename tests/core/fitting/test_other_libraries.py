"""Scores made from fitted objects of other libraries say what those say.

netcal, torch-uncertainty and seapig 0.1 to 0.3 are stood in for by what record_fitted.py recorded;
scikit-learn is itself.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC
from support import fitted_peers

import logitconf
from logitconf import LogitconfError, from_fitted, source_logits

SAME = 1e-6
"""What the project promises."""
BASES: dict[str, Callable[[], Any]] = {
    "decision values": lambda: LogisticRegression(C=0.1, max_iter=3000),
    "margins": lambda: LinearSVC(C=0.01),
    "probabilities": GaussianNB,
    "probabilities of 0": lambda: RandomForestClassifier(20, max_depth=6, random_state=0),
}
PEERS = list(fitted_peers.cases())
# seapig 0.3 gives one logit its sign in the energy
REFUSED = {
    f"seapig 0.3.0 EnergyScore {layout}{members}"
    for layout in ("binary_flat", "binary_one")
    for members in ("", "_members")
}


def digits(classes: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    pixels, labels = load_digits(return_X_y=True)
    kept = labels < classes
    return pixels[kept] / 16.0, labels[kept]


@functools.cache
def calibrated(base: str, classes: int, method: str) -> tuple[Any, NDArray[np.float64]]:
    """A calibrated classifier, and rows that it has not seen."""
    pixels, labels = digits(classes)
    noisy = pixels + np.random.default_rng(0).normal(0, 0.4, pixels.shape)
    half, third = len(noisy) // 2, len(noisy) * 2 // 3
    fitted = BASES[base]().fit(noisy[:half], labels[:half])
    model = CalibratedClassifierCV(FrozenEstimator(fitted), method=method)
    model.fit(noisy[half:third], labels[half:third])
    return model, noisy[third:]


def base_values(model: Any, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """What scikit-learn calibrates: decision values, else probabilities."""
    base = model.calibrated_classifiers_[0].estimator
    decide = getattr(base, "decision_function", None)
    values: NDArray[np.float64] = base.predict_proba(rows) if decide is None else decide(rows)
    return values


@pytest.mark.parametrize("case", [case for case in PEERS if case not in REFUSED])
def test_a_recorded_object_and_its_score_give_the_same_numbers(case: str) -> None:
    values, expected = fitted_peers.recorded(case)
    task = "binary" if "uncertainty" in case and values.shape[1] == 1 else None
    source = fitted_peers.stand_in(case)
    logits = source_logits(source, values, task=task)
    score = from_fitted(source, task=task)
    if "seapig" in case:
        assert score.threshold == np.float32(source.threshold)
        found, expected = score.score(logits), expected.reshape(-1)
        np.testing.assert_array_equal(
            score.select(logits)["selected"], expected < source.threshold.numpy()
        )
    else:
        found = score.probabilities(logits)
        found = found[:, 1] if found.shape != expected.shape else found
    np.testing.assert_allclose(found, expected, rtol=SAME, atol=SAME)


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_a_formula_that_is_not_ours_is_refused(case: str) -> None:
    with pytest.raises(LogitconfError, match="must compute what ours does, but differs"):
        from_fitted(fitted_peers.stand_in(case))


def test_a_margin_that_ignores_its_temperature_gets_none() -> None:
    without = from_fitted(fitted_peers.stand_in("seapig 0.1.0 MarginScore multilabel"))
    assert without.temperature == 1.0
    with_it = fitted_peers.stand_in("seapig 0.1.0 MarginScore multiclass")
    assert from_fitted(with_it).temperature == np.float32(with_it.temperature)


@pytest.mark.parametrize("method", ["temperature", "sigmoid"])
@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("base", BASES)
def test_probabilities_are_those_of_predict_proba(base: str, classes: int, method: str) -> None:
    model, rows = calibrated(base, classes, method)
    logits = source_logits(model, base_values(model, rows))
    found = from_fitted(model).probabilities(logits).reshape(len(rows), -1)
    expected = model.predict_proba(rows)
    expected = expected[:, 1:] if found.shape[1] == 1 else expected
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=SAME)
    scores = from_fitted(model).score(logits)
    np.testing.assert_allclose(scores, -model.predict_proba(rows).max(axis=1), atol=SAME)


@pytest.mark.parametrize("layout", ["multiclass", "binary_flat", "binary_two", "multilabel"])
@pytest.mark.parametrize("name", ["SoftmaxScore", "MutualInformationScore"])
def test_a_score_of_an_ensemble_knows_its_members(name: str, layout: str) -> None:
    case = f"seapig 0.3.0 {name} {layout}_members"
    score = from_fitted(fitted_peers.stand_in(case))
    values, expected = fitted_peers.recorded(case)
    assert (score.per_member, score.card.members) == (True, 3)
    logits = source_logits(fitted_peers.stand_in(case), torch.from_numpy(values))
    found, mask = score.compile()(logits)
    np.testing.assert_allclose(found.numpy(), expected.reshape(-1), rtol=2e-6, atol=2e-6)
    assert 0 < int(mask.sum()) < len(mask)


def test_a_score_can_get_a_threshold_and_a_head() -> None:
    model, rows = calibrated("decision values", 4, "temperature")
    logits = torch.from_numpy(source_logits(model, base_values(model, rows))).float()
    score = from_fitted(model)
    temperature = score.temperature
    score.fit(logits)
    score.set_threshold(coverage=0.8)
    assert score.temperature == temperature
    mask = score.compile()(logits)[1]
    assert mask.float().mean() == pytest.approx(0.8, abs=0.02)


def averaged(method: str) -> Any:
    pixels, labels = digits(3)
    return CalibratedClassifierCV(GaussianNB(), method=method, cv=3).fit(pixels, labels)


def isotonic() -> Any:
    return calibrated("probabilities", 3, "isotonic")[0]


NETCAL = next(case for case in PEERS if "netcal" in case)
SCALER = next(case for case in PEERS if "uncertainty" in case)
SEAPIG = "seapig 0.3.0 SoftmaxScore multiclass"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (object, r"one of \['netcal', 'seapig', 'sklearn', 'torch_uncertainty'\], got"),
        (lambda: averaged("temperature"), "must hold one classifier, got 3, whose prob.* averaged"),
        (isotonic, "must be 'temperature' or 'sigmoid', got 'isotonic'"),
        (GaussianNB, "a CalibratedClassifierCV is taken, got GaussianNB"),
        (lambda: CalibratedClassifierCV(GaussianNB()), "must be fitted, got one that is not"),
        (
            lambda: fitted_peers.stand_in(SCALER, temperature=[-2.0]),
            "must have a temperature above 0, got -2: it would turn the order",
        ),
        (lambda: fitted_peers.stand_in(SCALER, trained=False), "must be fitted, got one that is"),
        (
            lambda: fitted_peers.stand_in(SCALER, **{"class": "VectorScaler"}),
            "a TemperatureScaler is taken, got VectorScaler",
        ),
        (lambda: fitted_peers.stand_in(NETCAL, method="mcmc"), "got method='mcmc', which has a"),
        (lambda: fitted_peers.stand_in(NETCAL, num_classes=None), "must be fitted on class"),
        (
            lambda: fitted_peers.stand_in(NETCAL, independent_probabilities=True),
            "independent probabilities is not taken",
        ),
        (lambda: fitted_peers.stand_in(NETCAL, weights=[1.0, 2.0]), "one weight, got 2"),
        (
            lambda: fitted_peers.stand_in(NETCAL, **{"class": "BetaCalibration"}),
            "a TemperatureScaling is taken, got BetaCalibration",
        ),
        (lambda: fitted_peers.stand_in(SEAPIG, logits=None), "must be fitted, got one without sc"),
        (
            lambda: fitted_peers.stand_in(SEAPIG, **{"class": "CosineScore"}),
            "are taken, got CosineScore",
        ),
    ],
)
def test_what_cannot_be_taken_over_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(LogitconfError, match=message):
        from_fitted(make())


def test_values_of_another_shape_are_refused() -> None:
    model, rows = calibrated("decision values", 4, "sigmoid")
    with pytest.raises(
        LogitconfError, match=r"takes 4 decision values a row, got shape \(\d+, 3\)"
    ):
        source_logits(model, base_values(model, rows)[:, :3])


def test_a_task_is_asked_only_where_the_source_does_not_say() -> None:
    with pytest.raises(LogitconfError, match="says its own task, got task='binary' too"):
        from_fitted(fitted_peers.stand_in(SEAPIG), task="binary")
    assert logitconf.from_fitted(fitted_peers.stand_in(SCALER), task="binary").task == "binary"
