"""Fitting a card to rows, against counts and minimisers computed apart from it."""

import itertools
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from support import reference

from logitconf.card.score_card import ScoreCard
from logitconf.errors import LogitconfError, LogitconfWarning
from logitconf.fitting.calibrated_rows import rows_right
from logitconf.fitting.fit import (
    calibrate_card,
    card_with_threshold,
    fit_card,
    fitted_rows,
    given_or_extracted,
    rounding_of,
    with_fitted_parameters,
)
from logitconf.metrics.selective import area_under_risk_coverage
from logitconf.rows import Rows
from logitconf.thresholds.policies import Coverage

TEMPERATURE_TOLERANCE = 1e-5
"""Relative: Brent's method stops at 1e-8 of T, float32 rounds at 6e-8, its NLL is flat."""


def made(rows: int = 400, seed: int = 0) -> tuple[Any, Any]:
    """Logits (N, 4) and labels drawn from their softmax at T = 2."""
    random = np.random.default_rng(seed)
    logits = (3 * random.normal(size=(rows, 4))).astype(np.float32)
    return logits, (logits / 2 + random.gumbel(size=logits.shape)).argmax(axis=1)


def nll(temperature: float, logits: Any, labels: Any) -> float:
    z = logits.astype(np.float64) / temperature
    return float((logsumexp(z, axis=1) - z[np.arange(len(z)), labels]).mean())


def test_the_temperature_is_scipys_minimiser_and_the_counts_are_those_of_the_rows() -> None:
    logits, labels = made()
    card, calibration = fit_card(
        ScoreCard("margin", "multiclass"), Rows.checked(logits, labels, "multiclass")
    )
    best = minimize_scalar(nll, (0.5, 2.0), args=(logits, labels), tol=1e-10)
    assert card.temperature == pytest.approx(best.x, rel=TEMPERATURE_TOLERANCE)
    assert card.rows is not None
    assert (card.rows.rows, card.rows.not_finite) == (400, 0)
    assert card.rows.errors == int((logits.argmax(axis=1) != labels).sum())
    assert card.threshold is None
    expected = reference.score("margin", logits, card.temperature)
    np.testing.assert_allclose(calibration.scores, expected, rtol=1e-5)


def test_held_out_rows_do_not_move_the_temperature_and_certify_without_overlap() -> None:
    logits, labels = made()
    rows = Rows.checked(logits, labels, "multiclass")
    card, calibration = fit_card(ScoreCard("margin", "multiclass"), rows, holdout=0.25, seed=3)
    assert len(calibration.scores) == 100
    held = np.random.default_rng(3).permutation(400)[300:]
    fitted_on = np.setdiff1d(np.arange(400), held)
    best = minimize_scalar(nll, (0.5, 2.0), args=(logits[fitted_on], labels[fitted_on]), tol=1e-10)
    assert card.temperature == pytest.approx(best.x, rel=TEMPERATURE_TOLERANCE)
    assert fitted_rows(card, calibration) == 0
    whole, of_whole = fit_card(ScoreCard("margin", "multiclass"), rows)
    assert fitted_rows(whole, of_whole) == 400
    assert fitted_rows(whole, None) == 400


def test_without_labels_nothing_is_fitted_and_a_holdout_is_refused() -> None:
    logits, _ = made()
    rows = Rows.checked(logits, None, "multiclass")
    card, calibration = fit_card(ScoreCard("entropy", "multiclass", 1.5), rows)
    assert (card.temperature, card.temperature_fit, calibration.wrong) == (1.5, None, None)
    assert fitted_rows(card, calibration) == 0
    with pytest.raises(LogitconfError, match="a holdout is for rows with labels"):
        fit_card(ScoreCard("entropy", "multiclass"), rows, holdout=0.5)


def test_other_calibration_rows_take_the_threshold_away() -> None:
    logits, labels = made()
    card, calibration = fit_card(
        ScoreCard("margin", "multiclass"), Rows.checked(logits, labels, "multiclass")
    )
    placed, notes = card_with_threshold(card, calibration, Coverage(0.5))
    assert isinstance(placed.threshold, float)
    assert int((calibration.scores < placed.threshold).sum()) == 200
    assert notes == ()
    other, again = calibrate_card(placed, Rows.checked(logits[:50], labels[:50], "multiclass"))
    assert (other.threshold, other.policy, other.temperature) == (None, None, card.temperature)
    assert len(again.scores) == 50


def test_parameters_are_those_of_least_area_among_the_tried() -> None:
    logits, labels = made(150)
    rows = Rows.checked(logits, labels, "multiclass")
    tried = {"gamma": (0.05, 0.3, 0.9), "top": (0.0, 2.0)}
    card, scores = with_fitted_parameters(ScoreCard("gen", "multiclass"), rows, tried)
    p = np.exp(logits.astype(np.float64))
    p = np.sort(p / p.sum(axis=1, keepdims=True), axis=1)[:, ::-1]
    wrong = logits.argmax(axis=1) != labels
    areas = {
        (gamma, top): area_under_risk_coverage(
            ((p * (1 - p)) ** gamma)[:, : int(top) or None].sum(axis=1), wrong
        )
        for gamma, top in itertools.product(*tried.values())
    }
    assert (card.parameters["gamma"], card.parameters["top"]) == min(areas, key=lambda k: areas[k])
    assert card.parameter_fit is not None
    assert card.parameter_fit.value == pytest.approx(min(areas.values()), abs=1e-4)
    assert scores is not None


def test_rows_that_are_all_right_choose_no_parameters() -> None:
    logits, _ = made(50)
    rows = Rows.checked(logits, logits.argmax(axis=1), "multiclass")
    card = ScoreCard("gen", "multiclass")
    with pytest.warns(LogitconfWarning, match="all right or all wrong cannot choose"):
        assert with_fitted_parameters(card, rows) == (card, None)


def test_members_predict_by_the_mean_of_their_probabilities() -> None:
    logits = (2 * np.random.default_rng(4).normal(size=(200, 3, 5))).astype(np.float32)
    labels = np.random.default_rng(5).integers(0, 3, 200)
    rows = Rows.checked(logits, labels, "multiclass", per_member=True)
    powers = np.exp(logits.astype(np.float64) / 0.5)
    mean = (powers / powers.sum(axis=1, keepdims=True)).mean(axis=2)
    right = rows_right("softmax", rows, 0.5)
    np.testing.assert_array_equal(right, mean.argmax(axis=1) == labels)
    assert (logits.mean(axis=2).argmax(axis=1) != mean.argmax(axis=1)).any()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "either logits X or model and loader, got neither"),
        ({"logits": [[1.0]], "loader": []}, "either logits X or model and loader, got both"),
        ({"logits": [[1.0]], "outdir": "."}, "outdir and prefix need model and loader"),
        ({"loader": []}, "must be given together, got one of them"),
        ({"loader": [], "model": object(), "labels": [1]}, "labels come from the loader, got Y"),
    ],
)
def test_rows_come_from_one_place(arguments: dict[str, Any], words: str) -> None:
    names = ("logits", "labels", "model", "loader", "outdir", "prefix")
    with pytest.raises(LogitconfError, match=words):
        given_or_extracted(**{name: arguments.get(name) for name in names})


@pytest.mark.parametrize(
    ("card", "n_classes"),
    [
        (ScoreCard("energy", "multilabel", n_classes=6), 6),
        (ScoreCard("margin", "multilabel", n_classes=6), 1),
        (ScoreCard("energy", "multilabel", n_classes=6, per_label=True), 1),
        (ScoreCard("energy", "multiclass", n_classes=6), 6),
    ],
)
def test_rounding_grows_with_what_is_added_up(card: ScoreCard, n_classes: int) -> None:
    assert rounding_of(card).n_classes == n_classes
