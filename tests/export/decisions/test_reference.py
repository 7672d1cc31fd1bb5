"""The reference of verification: eager torch and the same head in double."""

import numpy as np
import pytest
from support import head_cases, head_models, reference

from logitconf.card.score_card import HeadForm
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf_export.decisions.hard_rows import random_rows
from logitconf_export.decisions.reference import Reference, same_head

ROWS = random_rows(300, 10, seed=4)


@pytest.mark.parametrize("score", head_cases.SCORES)
def test_the_truth_is_the_definition_rounded_once(score: str) -> None:
    found = Reference(head_models.make_head(score)).truth(ROWS)
    exact = reference.score(score, ROWS, 1.5).astype(np.float32)
    # an entropy near 0 is what is left of two terms, each rounded in double
    close = reference.ulp_distance(found.score, exact) <= 1
    assert np.all(close | (np.abs(found.score - exact.astype(np.float64)) < 1e-15))


def test_rows_are_accepted_alike_in_every_layout() -> None:
    laid = Reference(head_models.make_head(form=HeadForm(10, rank=3, class_axis=1)))
    flat = Reference(head_models.make_head())
    np.testing.assert_array_equal(laid.accepts(ROWS), flat.decisions(ROWS).mask)


def test_a_row_has_the_threshold_of_its_predicted_class() -> None:
    limits = tuple((np.arange(10) / 10 - 1).tolist())
    found = Reference(head_models.make_head(threshold=limits)).thresholds(ROWS)
    np.testing.assert_array_equal(found, np.array(limits, dtype=np.float32)[ROWS.argmax(axis=1)])


def test_the_band_grows_with_the_columns_that_the_rows_have() -> None:
    free = Reference(head_models.make_head(n_classes=None))
    values = np.array([-0.7])
    assert free.allowed(values, 1000) > free.allowed(values, 10)


@pytest.mark.parametrize("name", ["softmax", "entropy", "energy", "margin"])
def test_a_placed_threshold_is_farther_from_every_row_than_the_difference_allowed(
    name: str,
) -> None:
    """One meaning of the band: fitting keeps what verification allows away from both sides."""
    rng = np.random.default_rng(5)
    logits = rng.normal(0, 2, (300, 10)).astype(np.float32)
    score = SCORE_CLASSES[name](temperature=1.5).fit(logits)
    score.set_threshold(coverage=0.8)
    reference_of = Reference(score.compile())
    assert score.scores is not None
    assert isinstance(score.threshold, float)
    distance = np.abs(score.scores.astype(np.float64) - score.threshold)
    nearest = score.scores[[distance.argmin()]]
    step = np.spacing(np.abs(nearest))
    assert distance.min() >= reference_of.allowed(nearest) - step


def test_heads_that_decide_otherwise_are_told_apart() -> None:
    head = head_models.make_head()
    assert same_head(head, head_models.make_head()) == ()
    assert "threshold is" in same_head(head, head_models.make_head(threshold=-0.5))[0]
    assert "score is 'margin'" in same_head(head, head_models.make_head("margin"))[0]
