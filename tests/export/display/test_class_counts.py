"""Accepted and rejected by class."""

import numpy as np

import logitconf
from logitconf_export.display.class_counts import ByClass, ClassCounts
from logitconf_export.display.judged import judge

CARD = logitconf.MarginScore().set_threshold(value=-1.0).card
LOGITS = np.array([[3, 0, 0], [0.5, 0, 0], [0, 2, 0], [0, 0, 9], [0, 4, 0]], np.float32)


def test_rows_are_counted_by_their_true_class_where_it_is_known() -> None:
    by = ByClass.of(judge(CARD, LOGITS, np.array([0, 0, 0, 2, 1])), ["cat", "dog"])
    assert by == ByClass(
        "true class",
        (
            ClassCounts("cat", 3, 2, 1, 1),
            ClassCounts("dog", 1, 1, 0, 0),
            ClassCounts("2", 1, 1, 0, 0),
        ),
    )


def test_without_labels_they_are_counted_by_what_is_predicted() -> None:
    by = ByClass.of(judge(CARD, LOGITS[:3]))
    assert by == ByClass(
        "predicted class", (ClassCounts("0", 2, 1, None, None), ClassCounts("1", 1, 1, None, None))
    )


def test_labels_that_are_judged_one_by_one_are_counted_each() -> None:
    card = logitconf.MarginScore(task="multilabel", per_label=True).set_threshold(value=-1.0).card
    labels = np.array([[1, 1, 1], *[[0, 0, 0]] * 4], np.float32)
    by = ByClass.of(judge(card, LOGITS, labels))
    assert by == ByClass(
        "label",
        (ClassCounts("0", 5, 1, 1, 0), ClassCounts("1", 5, 2, 3, 2), ClassCounts("2", 5, 1, 2, 1)),
    )


def test_multilabel_rows_have_no_class() -> None:
    card = logitconf.MarginScore(task="multilabel").set_threshold(value=-1.0).card
    assert ByClass.of(judge(card, LOGITS)) is None
