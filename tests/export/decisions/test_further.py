"""What a run gives beside score and mask is judged value by value, and every fault is seen."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.errors import LogitconfError
from logitconf.head_spec import Head
from logitconf_export.decisions.further import (
    RightValues,
    agreement,
    agreements,
    where_there_is_a_score,
)
from logitconf_export.decisions.reference import Reference

TINY = float(np.finfo(np.float32).smallest_subnormal)


def right(*values: int) -> RightValues:
    wide = np.array(values, dtype=np.float64)
    return RightValues(np.array(values), wide, wide)


def labels_of(rows: npt.NDArray[Any], **form: Any) -> RightValues:
    task = form.pop("task", "multiclass")
    members = form.get("members")
    card = ScoreCard("softmax", task, 1.0, -0.6, members=members)
    head = Reference(Head.of_card(card, HeadForm(rows.shape[1], outputs=("label",), **form)))
    return head.right(rows, head.decisions(rows))["label"]


def test_a_value_is_right_between_its_ends_and_any_will_do_where_there_are_none() -> None:
    value = np.array([0.5, 0.5, 0.5], np.float32)
    given = RightValues(value, np.array([0.4, 0.4, np.nan]), np.array([0.6, 0.6, np.nan]))
    seen = agreement("probabilities", given, np.array([0.55, 0.7, 9.0], np.float32))
    assert (seen.values, seen.judged, seen.wrong) == (3, 2, 1)
    assert seen.largest_difference == pytest.approx(0.2)
    lost = agreement("probabilities", given, np.full(3, np.nan, np.float32))
    assert (lost.wrong, lost.largest_difference) == (2, np.inf)


def test_another_type_or_shape_and_a_missing_output_are_errors() -> None:
    with pytest.raises(LogitconfError, match=r"label must be int64 \(2,\), got float32 \(2,\)"):
        agreement("label", right(0, 1), np.zeros(2, np.float32))
    with pytest.raises(LogitconfError, match=r"label must be int64 \(2,\), got int64 \(1,\)"):
        agreement("label", right(0, 1), np.zeros(1, np.int64))
    with pytest.raises(LogitconfError, match=r"must give \['label'\], got no \['label'\]"):
        agreements({"label": right(0)}, {})


def test_a_label_must_be_right_but_where_subnormal_numbers_decide() -> None:
    rows = np.array(
        [[1.0, 1.0, 0.0], [0.0, TINY, -1.0], [TINY, TINY, 0.0], [-0.0, 0.0, -1.0], [np.nan, 1, 2]],
        np.float32,
    )
    label = labels_of(rows)
    assert label.value.tolist() == [0, 1, 0, 0, -1]
    assert np.isnan(label.low).tolist() == [False, True, True, False, False]
    yes = labels_of(np.array([[0.0, TINY, -TINY, 1.0]], np.float32), task="multilabel")
    assert (yes.value.tolist(), np.isnan(yes.low).tolist()) == (
        [[0, 1, 0, 1]],
        [[False, True, True, False]],
    )


def test_means_of_members_that_nearly_tie_may_go_either_way() -> None:
    rows = np.zeros((3, 2, 2), np.float32)
    rows[0] = [[3.0, -3.0], [-3.0, 3.0]]
    rows[1, 0] = 1e-3
    rows[2, 0] = 1.0
    label = labels_of(rows, members=2)
    assert np.isnan(label.low).tolist() == [True, False, False]


def test_where_a_runtime_gives_scores_to_rows_without_one_their_labels_do_not_count() -> None:
    lenient = where_there_is_a_score("label", right(2, -1))
    assert np.isnan(lenient.low).tolist() == [False, True]
    assert where_there_is_a_score("probabilities", right(2, -1)).low.tolist() == [2, -1]
