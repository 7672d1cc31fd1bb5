"""The counts of the slider, against ``select`` at the same thresholds."""

from dataclasses import replace

import numpy as np
import pytest
from support.display_rows import labelled

import logitconf
from logitconf.card.modes import Modes
from logitconf.fitting.score_classes import SCORE_CLASSES, from_card
from logitconf_export.display.judged import judge
from logitconf_export.display.slider import SliderCounts

LOGITS, LABELS = labelled(900)


@pytest.mark.filterwarnings("ignore:no row is accepted")
@pytest.mark.parametrize("name", ["softmax", "entropy", "energy", "margin", "gen"])
def test_every_position_counts_what_select_accepts_there(name: str) -> None:
    logits = LOGITS.copy()
    logits[5], logits[6, 0], logits[7] = np.nan, np.inf, -np.inf
    score = SCORE_CLASSES[name]().fit(LOGITS, LABELS).set_threshold(coverage=0.85)
    counts = SliderCounts.of(judge(score.card, logits, LABELS), positions=60)
    assert counts is not None
    assert counts.shipped is not None
    assert counts.errors is not None
    wrong = logits.argmax(1) != LABELS
    assert counts.values[counts.shipped] == np.asarray(score.threshold, np.float32)
    assert 55 < len(counts.values) <= 61
    for value, accepted, errors in zip(counts.values, counts.accepted, counts.errors, strict=True):
        score.set_threshold(value=float(value))
        selected = score.select(logits)["selected"]
        assert (accepted, errors) == (selected.sum(), (selected & wrong).sum())
    assert counts.accepted[0] == 0
    assert counts.accepted[-1] == 897
    assert (np.diff(counts.values) > 0).all()


def test_few_rows_have_a_position_for_each_of_their_scores() -> None:
    logits = np.array([[1, 0], [1, 0], [2, 0], [0, 0]], np.float32)
    score = logitconf.MarginScore().set_threshold(value=-0.5)
    counts = SliderCounts.of(judge(score.card, logits))
    assert counts is not None
    np.testing.assert_array_equal(
        counts.values,
        np.array([-2, -1, -0.5, 0, np.nextafter(np.float32(0), np.float32(1))], np.float32),
    )
    np.testing.assert_array_equal(counts.accepted, [0, 1, 3, 3, 4])
    assert (counts.errors, counts.wrong, counts.shipped) == (None, None, 2)


def test_several_thresholds_move_together() -> None:
    thresholds = tuple(float(np.float32(t)) for t in (-0.9, -0.5, -0.7, -0.6))
    card = replace(logitconf.SoftmaxScore().card, n_classes=4, threshold=thresholds)
    counts = SliderCounts.of(judge(card, LOGITS, LABELS), positions=40)
    assert counts is not None
    assert counts.moves_all
    assert counts.shipped is not None
    assert counts.values[counts.shipped] == 0.0
    wrong = LOGITS.argmax(1) != LABELS
    assert counts.errors is not None
    for value, accepted, errors in zip(counts.values, counts.accepted, counts.errors, strict=True):
        moved = tuple(float(np.float32(t) + value) for t in thresholds)
        selected = from_card(replace(card, threshold=moved)).select(LOGITS)["selected"]
        assert (accepted, errors) == (selected.sum(), (selected & wrong).sum())
    assert (counts.accepted[0], counts.accepted[-1]) == (0, 900)


def test_a_class_that_accepts_nothing_stays_closed() -> None:
    score = logitconf.SoftmaxScore().fit(LOGITS, LABELS)
    never = float(np.float32(-3.4028235e38))
    card = replace(score.card, threshold=(-0.5, never, -0.5, -0.5))
    counts = SliderCounts.of(judge(card, LOGITS, LABELS))
    assert counts is not None
    assert counts.accepted[-1] == (LOGITS.argmax(1) != 1).sum()


def test_modes_are_positions_of_their_own() -> None:
    modes = Modes(("strict", "default"), (-0.95, -0.5), "default")
    card = replace(logitconf.SoftmaxScore().card, threshold=-0.5, modes=modes)
    counts = SliderCounts.of(judge(card, LOGITS, LABELS), positions=30)
    assert counts is not None
    places = dict(counts.modes)
    assert places["default"] == counts.shipped
    assert counts.values[places["strict"]] == np.float32(-0.95)
    strict = from_card(replace(card, threshold=-0.95, modes=None)).select(LOGITS)["selected"]
    assert counts.accepted[places["strict"]] == strict.sum()


def test_without_a_score_there_is_no_slider() -> None:
    rows = judge(logitconf.SoftmaxScore().card, np.full((3, 2), np.nan, np.float32))
    assert SliderCounts.of(rows) is None
