"""The figures of a fit, against counts made apart from it."""

import json
from pathlib import Path

import numpy as np
import pytest
from support import reference

from logitconf.card.score_card import ScoreCard
from logitconf.fitting.logit_score import LogitScore
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf_export.cli.results.fits import figure_facts, figures_of, fit_result, title_of
from logitconf_export.display.judged import judge

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 3, (400, 4)).astype(np.float32)
LABELS = (LOGITS + 2 * RNG.gumbel(size=LOGITS.shape)).argmax(axis=1)


@pytest.fixture(scope="module")
def fitted() -> LogitScore:
    return SCORE_CLASSES["softmax"]().fit(LOGITS, LABELS).set_threshold(coverage=0.8)


def calibration_error(temperature: float) -> float:
    """In 15 bins of equal width, of float64 probabilities."""
    z = LOGITS.astype(np.float64) / temperature
    sure = (np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)).max(axis=1)
    right = LOGITS.argmax(axis=1) == LABELS
    bins = np.ceil(sure * 15) - 1
    return float(
        sum(
            abs(right[bins == b].mean() - sure[bins == b].mean()) * np.mean(bins == b)
            for b in np.unique(bins)
        )
    )


def test_figures_are_those_of_the_formula_in_float64(fitted: LogitScore) -> None:
    figures = figures_of(judge(fitted.card, LOGITS, LABELS))
    right = LOGITS.argmax(axis=1) == LABELS
    scores = reference.score("softmax", LOGITS, fitted.temperature)
    accepted = scores < np.asarray(fitted.threshold, np.float64)
    assert figures.accuracy == pytest.approx(right.mean(), abs=1e-12)
    assert figures.coverage == pytest.approx(accepted.mean(), abs=1e-12)
    assert figures.accuracy_accepted == pytest.approx(right[accepted].mean(), abs=1e-12)
    assert figures.errors_accepted == np.count_nonzero(accepted & ~right)
    # float32 probabilities, averaged in bins
    assert figures.calibration_before == pytest.approx(calibration_error(1.0), abs=1e-5)
    assert figures.calibration_after == pytest.approx(
        calibration_error(fitted.temperature), abs=1e-5
    )


def test_the_rows_that_figures_are_measured_on_are_named(fitted: LogitScore) -> None:
    assert title_of(fitted.card) == "Measured on the 400 rows that it was fitted on"
    held = SCORE_CLASSES["softmax"]().fit(LOGITS, LABELS, holdout=0.25)
    assert title_of(held.card) == "Measured on the 100 held-out rows"


def test_a_card_that_accepts_nothing_has_no_accuracy_of_the_accepted(fitted: LogitScore) -> None:
    none = SCORE_CLASSES["softmax"](fitted.temperature).set_threshold(value=-1.0)
    figures = figures_of(judge(none.card, LOGITS, LABELS))
    assert figures.accuracy_accepted is None
    assert "of the accepted" not in dict(figure_facts(figures))["accuracy"]


def test_the_json_has_card_and_figures(fitted: LogitScore) -> None:
    figures = figures_of(judge(fitted.card, LOGITS, LABELS))
    values = fit_result(fitted.card, figures, Path("-"), ["fit with: logitconf fit a"]).values()
    assert ScoreCard.from_dict(json.loads(json.dumps(values["card"]))) == fitted.card
    assert values["figures"]["measured_on"] == "the rows that it was fitted on"
    assert values["figures"]["accepted"] == figures.accepted
    assert values["next"] == [{"what": "fit", "command": "logitconf fit a"}]
