"""Scores with a calibration map: what they fit, decide, refuse and keep."""

import pickle
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import softmax

import logitconf
from logitconf import EnergyScore, LogitconfError, LogitconfWarning, MarginScore, SoftmaxScore
from logitconf.calibration.maps.fit import fit_map
from logitconf.thresholds.certificate import head_digest


def made(rows: int = 600, seed: int = 0) -> tuple[Any, Any]:
    """Logits whose classes have biases and scales of their own."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 4, rows)
    logits = random.normal(size=(rows, 4)) + 1.5 * np.eye(4)[truth]
    logits = logits * np.array([0.6, 1.0, 1.5, 2.0]) + np.array([1.0, 0.0, -1.0, 0.5])
    return logits.astype(np.float32), truth


def z_of(score: Any, logits: Any) -> Any:
    """Written from the card's numbers alone."""
    found = score.card.calibration_map
    matrix = np.diag(found.scale) if found.matrix is None else np.array(found.matrix)
    return (logits.astype(np.float64) @ matrix + np.array(found.bias)) / score.temperature


@pytest.mark.parametrize("kind", ["vector", "matrix"])
def test_scores_probabilities_and_decisions_are_those_of_the_mapped_logits(kind: str) -> None:
    logits, truth = made()
    score = SoftmaxScore(calibration=kind).fit(logits, truth).set_threshold(coverage=0.8)
    expected = softmax(z_of(score, logits), axis=1)
    assert score.probabilities(logits) == pytest.approx(expected, abs=1e-5)
    assert score.score(logits) == pytest.approx(-expected.max(axis=1), abs=1e-5)
    assert score.select(logits)["selected"].mean() == pytest.approx(0.8, abs=0.01)
    margin = MarginScore(calibration=kind).fit(logits, truth)
    ordered = np.sort(z_of(margin, logits), axis=1)
    assert margin.score(logits) == pytest.approx(ordered[:, -2] - ordered[:, -1], abs=1e-4)
    energy = EnergyScore(calibration=kind).fit(logits, truth)
    free = -energy.temperature * np.log(np.exp(z_of(energy, logits)).sum(axis=1))
    assert energy.score(logits) == pytest.approx(free, abs=1e-4)


def test_errors_are_counted_on_what_the_mapped_logits_predict() -> None:
    logits, truth = made()
    score = SoftmaxScore(calibration="vector").fit(logits, truth)
    assert score.card.rows is not None
    predicted = z_of(score, logits).argmax(axis=1)
    assert (predicted != logits.argmax(axis=1)).any()
    assert score.card.rows.errors == (predicted != truth).sum()


def test_thresholds_by_class_are_those_of_the_class_that_the_map_predicts() -> None:
    logits, truth = made(2000)
    score = MarginScore(calibration="vector").fit(logits, truth)
    score.set_threshold(coverage=0.7, per_class=True)
    predicted = z_of(score, logits).argmax(axis=1)
    selected = score.select(logits)["selected"]
    for k in range(4):
        assert selected[predicted == k].mean() == pytest.approx(0.7, abs=0.02)


def test_torch_rows_are_mapped_where_they_lie() -> None:
    logits, truth = made()
    ours = SoftmaxScore(calibration="matrix").fit(logits, truth)
    theirs = SoftmaxScore(calibration="matrix").fit(torch.tensor(logits), torch.tensor(truth))
    assert theirs.card.calibration_map == ours.card.calibration_map
    assert theirs.temperature == ours.temperature
    assert isinstance(theirs.score(torch.tensor(logits)), torch.Tensor)
    assert np.asarray(theirs.score(torch.tensor(logits))) == pytest.approx(
        ours.score(logits), abs=1e-6
    )


def test_fitted_again_after_loading_the_same_kind_of_map_is_fitted(tmp_path: Any) -> None:
    logits, truth = made()
    score = SoftmaxScore(calibration="vector").fit(logits, truth).set_threshold(q=0.9)
    score.save(tmp_path / "card.json")
    loaded = logitconf.load(tmp_path / "card.json")
    assert loaded.card == score.card
    assert loaded.fit(logits, truth).card.calibration_map == score.card.calibration_map
    copied = pickle.loads(pickle.dumps(score))
    assert copied.fit(logits, truth).card.calibration_map == score.card.calibration_map
    assert copied.get_params()["calibration"] == "vector"


def test_auto_keeps_the_temperature_where_nothing_is_gained() -> None:
    random = np.random.default_rng(2)
    logits = random.normal(size=(500, 3)).astype(np.float32) * 3.0
    truth = (logits + random.gumbel(size=logits.shape)).argmax(axis=1)
    auto = SoftmaxScore(calibration="auto").fit(logits, truth)
    assert auto.card == SoftmaxScore().fit(logits, truth).card


def test_auto_takes_the_map_where_much_is_gained() -> None:
    logits, truth = made(2000)
    auto = SoftmaxScore(calibration="auto").fit(logits, truth)
    assert auto.card.calibration_map is not None
    assert auto.card.calibration_map.kind in {"vector", "matrix"}


def test_auto_on_scores_that_take_no_map_is_a_temperature() -> None:
    logits, truth = made()
    members = np.stack([logits, logits * 0.9], axis=-1)
    score = SoftmaxScore(per_member=True, calibration="auto").fit(members, truth)
    assert score.card.calibration_map is None


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: SoftmaxScore(per_member=True, calibration="vector"), "got members"),
        (lambda: SoftmaxScore(calibration="Matrix"), "did you mean 'matrix'"),
        (lambda: SoftmaxScore(calibration="platt").fit(*made()), "got 4 classes; use 'vector'"),
        (
            lambda: SoftmaxScore(task="binary", calibration="vector").fit(
                [0.1, -0.2, 0.3], [0, 0, 1]
            ),
            "use 'platt'",
        ),
    ],
)
def test_maps_that_do_not_fit_are_refused(make: Any, reason: str) -> None:
    with pytest.raises(LogitconfError, match=reason):
        make()


def test_rows_of_another_kind_than_the_map_was_fitted_on_are_refused() -> None:
    logits, truth = made()
    shares = softmax(logits, axis=1)
    score = SoftmaxScore(calibration="vector").fit(shares, truth, kind="probabilities")
    assert score.card.calibration_map is not None
    assert score.card.calibration_map.inputs == "probabilities"
    assert score.score(shares, kind="probabilities").shape == (600,)
    with pytest.raises(LogitconfError, match="fitted on probabilities must get them"):
        score.score(logits)


def test_separable_rows_keep_the_temperature_with_a_warning() -> None:
    logits = np.eye(3, dtype=np.float32)[[0, 1, 2] * 10] * 4.0
    with pytest.warns(LogitconfWarning, match="cannot identify a temperature"):
        score = SoftmaxScore(calibration="vector").fit(logits, [0, 1, 2] * 10)
    assert score.card.calibration_map is None
    assert score.temperature == 1.0


def test_rows_with_masked_classes_have_no_score_behind_a_matrix_and_that_is_said() -> None:
    logits, truth = made()
    logits[:50, 0] = -np.inf
    truth[:50] = 1
    with pytest.warns(LogitconfWarning, match="50 rows have a masked class"):
        score = SoftmaxScore(calibration="matrix").fit(logits, truth)
    assert np.isnan(score.score(logits)[:50]).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vector = SoftmaxScore(calibration="vector").fit(logits, truth)
    assert np.isfinite(vector.score(logits)).all()


def test_a_certificate_is_bound_to_the_numbers_of_the_map() -> None:
    logits, truth = made(3000)
    score = SoftmaxScore(calibration="vector").fit(logits, truth, holdout=0.5)
    score.set_threshold(risk=0.3)
    card = score.card
    assert card.certificate is not None
    from dataclasses import replace

    assert card.calibration_map is not None
    assert card.calibration_map.bias is not None
    other = replace(card.calibration_map, bias=(0.0, *card.calibration_map.bias[1:]))
    assert head_digest(replace(card, calibration_map=other)) != card.certificate.head
    # how it was fitted decides nothing
    unfitted = replace(card, calibration_map=replace(card.calibration_map, fit=None))
    assert head_digest(unfitted) == card.certificate.head


def test_one_logit_and_labels_have_platts_map() -> None:
    random = np.random.default_rng(0)
    z = random.normal(size=(900, 3)) * 2.0
    truth = (random.uniform(size=z.shape) < 1.0 / (1.0 + np.exp(-z))).astype(np.float32)
    logits = ((z - np.array([1.0, -1.0, 0.5])) / np.array([2.0, 1.0, 0.5])).astype(np.float32)
    score = SoftmaxScore(task="multilabel", calibration="platt").fit(logits, truth)
    shares = 1.0 / (1.0 + np.exp(-z))
    assert np.abs(score.probabilities(logits) - shares).mean() < 0.03
    single = SoftmaxScore(task="binary", calibration="platt").fit(logits[:, 0], truth[:, 0])
    found = single.card.calibration_map
    assert found is not None
    assert found.scale is None
    expected = fit_map(logits[:, :1], truth[:, :1], kind="platt", family="bernoulli")
    assert expected.calibration_map is not None
    assert found.bias == expected.calibration_map.bias
    assert np.abs(single.probabilities(logits[:, 0]) - shares[:, 0]).mean() < 0.03
