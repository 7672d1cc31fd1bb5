"""The rows that a page shows, and their labels."""

from dataclasses import replace
from typing import Any

import numpy as np
from support import report_models

import logitconf
from logitconf.card.modes import LabelMap
from logitconf_export.display.page import evidence
from logitconf_export.display.page.given_rows import GivenRows


def given(**arrays: Any) -> GivenRows:
    return GivenRows.of(arrays)


def test_names_come_from_the_user_or_from_the_card() -> None:
    logits, labels = report_models.rows()
    card = replace(report_models.fitted().card, class_names=("a", "b", "c", "d"))
    (head,) = evidence.of_card(card, given(logits=logits, labels=labels)).heads
    assert head.names == ("a", "b", "c", "d")
    texts = np.array(["a", "b", "c", "d"])[labels]
    (named,) = evidence.of_card(card, given(logits=logits, labels=texts)).heads
    np.testing.assert_array_equal(named.judged.wrong, head.judged.wrong)
    rows = GivenRows.of({"logits": logits, "labels": labels}, names=["w", "x", "y", "z"])
    assert evidence.of_card(card, rows).heads[0].names == ("w", "x", "y", "z")
    mapped = LabelMap((2, 0, 1, 1), (3, 3, 3, 3))
    several = replace(card, label_map=mapped)
    (head,) = evidence.of_card(several, given(logits=logits, labels=labels)).heads
    assert head.names == ("c", "a", "b", "b")


def test_a_learned_confidence_is_wrong_where_the_classes_beside_it_are() -> None:
    logits, labels = report_models.rows(50)
    confidence = np.linspace(-2, 2, 50, dtype=np.float32)
    score = logitconf.LearnedConfidenceScore().set_threshold(value=0.0)
    made = evidence.of_card(score, given(confidence=confidence, logits=logits, labels=labels))
    np.testing.assert_array_equal(made.heads[0].judged.wrong, logits.argmax(1) != labels)
    bare = evidence.of_card(score, given(confidence=confidence, labels=labels))
    assert bare.heads[0].judged.wrong is None
    assert "predicts nothing itself" in bare.heads[0].notes[0]


def test_labels_that_are_texts_or_left_out_are_not_plain() -> None:
    assert given(labels=np.arange(3)).plain
    assert given(logits=np.zeros(3)).plain
    assert not given(labels=np.array(["a", "b"])).plain
    assert not GivenRows.of({"labels": np.arange(3)}, [1]).plain
