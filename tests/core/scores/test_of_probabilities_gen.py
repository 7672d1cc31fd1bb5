"""GEN over the likeliest classes alone: its values, ties, masked classes, and what fit chooses."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support import reference
from support.score_cases import CASES, UNIT

from logitconf import GenScore, LogitconfError
from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.head import ConfidenceHead
from logitconf.metrics.selective import area_under_risk_coverage

# rounding of the terms, and what lies within the last halving
CLOSE = {torch.float32: 64.0 * UNIT[torch.float32], torch.float64: 1e-12}


def logits_of(classes: int, scale: float) -> NDArray[np.float32]:
    """Random rows; a flat one, one of ties at the top, one of whole numbers, three masked ones."""
    rows = CASES["ten classes"].logits(60 * classes // 10 + 60, scale=scale)
    rows = rows.reshape(-1)[: 60 * classes].reshape(60, classes)
    rows[0] = 1.0
    rows[1, :2] = rows[1].max() + 1.0
    rows[2] = np.round(rows[2])
    rows[3, 1:] = rows[4, : classes // 2] = rows[5, -1] = -np.inf
    return rows


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [0.1, 3.0, 30.0])
@pytest.mark.parametrize(("classes", "top"), [(3, 1), (3, 2), (10, 4), (10, 9), (200, 20)])
@pytest.mark.parametrize("gamma", [0.1, 0.01])
def test_only_the_likeliest_classes_count(
    classes: int, top: int, gamma: float, scale: float, dtype: torch.dtype
) -> None:
    rows = logits_of(classes, scale)
    score = GenScore(1.5, gamma=gamma, top=top)
    found = score.score(torch.from_numpy(rows).to(dtype)).numpy()
    exact = reference.score("gen", rows, 1.5, gamma=gamma, top=top)
    np.testing.assert_allclose(found, exact, rtol=CLOSE[dtype], atol=1e-37)
    score.card = replace(score.card, threshold=1.0)
    head = score.compile(n_classes=classes, runtime="onnxruntime")
    found = head(torch.from_numpy(rows))[0].numpy()
    np.testing.assert_allclose(found, exact, rtol=CLOSE[torch.float32], atol=1e-37)
    assert (exact < reference.score("gen", rows, 1.5, gamma=gamma))[6:].all()


@pytest.mark.parametrize("top", [10, 11, 1000])
def test_as_many_classes_as_there_are_is_all(top: int) -> None:
    logits = torch.from_numpy(CASES["ten classes"].logits(50))
    assert torch.equal(GenScore(top=top).score(logits), GenScore().score(logits))


def test_a_free_number_of_classes_is_taken_as_it_comes() -> None:
    parameters = {"gamma": 0.1, "top": 4.0}
    card = ScoreCard("gen", "multiclass", 1.5, 1.0, parameters=parameters)
    head = ConfidenceHead(card, HeadForm(None))
    for classes in (3, 10):
        rows = logits_of(classes, 3.0)
        exact = reference.score("gen", rows, 1.5, gamma=0.1, top=min(4, classes))
        found = head(torch.from_numpy(rows))[0].numpy()
        np.testing.assert_allclose(found, exact, rtol=CLOSE[torch.float32], atol=1e-37)


@pytest.mark.parametrize("bad", [[np.nan, 1, 2, 3], [1, 2, np.inf, 3], [-np.inf] * 4])
@pytest.mark.parametrize("runtime", ["any", "onnxruntime"])
def test_a_row_without_a_score_has_none_and_is_rejected(bad: list[float], runtime: str) -> None:
    score = GenScore(top=2)
    score.card = replace(score.card, threshold=100.0)
    rows = torch.tensor([[3.0, 1.0, 0.0, -1.0], bad])
    found, mask = score.compile(n_classes=4, runtime=runtime)(rows)
    assert torch.isnan(found).tolist() == [False, True]
    assert mask.tolist() == [True, False]


def test_labels_are_pairs_both_of_which_count() -> None:
    logits = torch.from_numpy(CASES["six labels"].logits(50))
    one = GenScore(task="multilabel", top=1).score(logits)
    assert torch.equal(one, GenScore(task="multilabel").score(logits))


def test_fit_chooses_among_the_numbers_of_classes_that_it_is_given() -> None:
    logits = CASES["ten classes"].logits(800)
    shares = reference.probabilities(logits)
    labels = (shares.cumsum(1) < np.random.default_rng(0).random((800, 1))).sum(1)
    score = GenScore(gamma=0.1, top=[2, 5, 0])
    assert score.card.parameters == {"gamma": 0.1, "top": 2.0}
    copy = pickle.loads(pickle.dumps(score))
    for fitted in (score.fit(logits, labels), copy.fit(logits, labels)):
        card = fitted.card
        wrong = logits.argmax(1) != labels
        areas = {
            top: area_under_risk_coverage(
                reference.score("gen", logits, card.temperature, gamma=0.1, top=top), wrong
            )
            for top in (2, 5, 0)
        }
        assert card.parameters["top"] == min(areas, key=lambda top: areas[top])
        assert card.parameter_fit is not None
        assert card.parameter_fit.tried == {"top": (2.0, 5.0, 0.0)}
        assert card.parameter_fit.value == pytest.approx(min(areas.values()), abs=1e-6)


def test_a_number_that_is_given_stays() -> None:
    logits = CASES["ten classes"].logits(200)
    labels = (logits / 1.7 + np.random.default_rng(5).gumbel(size=logits.shape)).argmax(axis=1)
    assert GenScore(top=3).fit(logits, labels).card.parameters["top"] == 3.0
    assert GenScore().fit(logits, labels).card.parameters["top"] == 0.0


@pytest.mark.parametrize("top", [-1, 2.5, [3, 2.5]])
def test_a_number_of_classes_is_whole(top: object) -> None:
    with pytest.raises(LogitconfError, match=r"top must be a (whole )?number"):
        GenScore(top=top)  # type: ignore[arg-type]
