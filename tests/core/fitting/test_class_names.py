"""Labels that are names become the columns that they name, or an error that says which is none."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import logitconf
from logitconf.errors import LogitconfError
from logitconf.fitting.class_names import check_names, numbered_labels
from logitconf.fitting.comparison import compare_scores
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf.tasks import Layout

THREE = Layout("multiclass", 3)
NAMES = ("cat", "dog", "eel")


@pytest.mark.parametrize(
    "labels",
    [
        ["dog", "cat", "eel", "dog"],
        np.array(["dog", "cat", "eel", "dog"]),
        np.array(["dog", "cat", "eel", "dog"], dtype=object),
        np.array([["dog"], ["cat"], ["eel"], ["dog"]]),
    ],
    ids=["list", "text", "object", "column"],
)
def test_names_are_numbered_in_sorted_order_as_scikit_learn_does(labels: Any) -> None:
    numbers, names = numbered_labels(labels, None, THREE)
    assert np.asarray(numbers).tolist() == [1, 0, 2, 1]
    assert names == NAMES


def test_data_frames_and_categories_are_read() -> None:
    pandas = pytest.importorskip("pandas")
    column = pandas.Series(["dog", "cat", "eel"])
    for labels in (column, column.astype("category"), column.astype("string")):
        assert np.asarray(numbered_labels(labels, None, THREE)[0]).tolist() == [1, 0, 2]


def test_an_order_that_is_given_counts() -> None:
    numbers, names = numbered_labels(["dog", "cat"], ["eel", "dog", "cat"], THREE)
    assert np.asarray(numbers).tolist() == [1, 2]
    assert names == ("eel", "dog", "cat")


def test_numbers_stay_what_they_are_and_keep_the_names() -> None:
    labels = np.array([2, 0])
    numbers, names = numbered_labels(labels, NAMES, THREE)
    assert numbers is labels
    assert names == NAMES
    assert numbered_labels(None, None, THREE) == (None, None)


def test_one_logit_has_the_names_of_its_two_sides() -> None:
    one = Layout("binary", 1)
    numbers, names = numbered_labels(["spam", "ham", "spam"], None, one)
    assert np.asarray(numbers).tolist() == [1, 0, 1]
    assert names == ("ham", "spam")
    assert numbered_labels(["ham"], ["spam", "ham"], one)[0] == np.array([1])


@pytest.mark.parametrize(
    ("labels", "names", "message"),
    [
        (["a", "elefant"], ("a", "b", "elephant"), "got 'elefant' in row 1; did you mean 'elep"),
        (["cat", "zebra"], NAMES, "labels must be names of classes ('cat', 'dog', 'eel'), got"),
        (
            ["cat", "dog"],
            None,
            "labels must name 3 classes, as many as there are columns, got 2 ('cat', 'dog')",
        ),
        (["a", "b", "c", "d"], None, "as many as there are columns, got 4 ('a', 'b', 'c', 'd')"),
        (["cat", None, "dog"], NAMES, "got None among names"),
        (["cat", 3], NAMES, "got 3 among names"),
        (
            [0, 1],
            ("cat", "dog"),
            "class_names (--names) must name each of 3 columns in their order, got 2: 'cat', 'dog'",
        ),
        ([0, 1], ("cat", "dog", "cat"), "class_names (--names) must be different texts"),
        ([0, 1], (0, 1, 2), "class_names (--names) must be different texts"),
        ([0, 1], "cat", "class_names (--names) must be a sequence of names, got the text 'cat'"),
    ],
)
def test_what_does_not_fit_is_named(labels: Any, names: Any, message: str) -> None:
    if labels == ["cat", 3]:
        labels = np.array(labels, dtype=object)
    with pytest.raises(LogitconfError, match=re.escape(message)):
        numbered_labels(labels, names, THREE)


def test_labels_of_several_each_are_not_names() -> None:
    with pytest.raises(LogitconfError, match="multilabel labels must be 0 or 1 for each of 3"):
        numbered_labels(["cat"], None, Layout("multilabel", 3))
    assert check_names(NAMES, Layout("multilabel", 3)) == NAMES
    with pytest.raises(LogitconfError, match="each of 2 sides of one logit"):
        check_names(NAMES, Layout("binary", 1))


def rows() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (600, 3))
    # the largest of logits with Gumbel noise is a draw from their softmax
    return logits, (logits + rng.gumbel(size=(600, 3))).argmax(axis=1)


def test_a_fit_on_names_is_the_fit_on_their_numbers() -> None:
    logits, labels = rows()
    by_number = SCORE_CLASSES["softmax"]().fit(logits, labels)
    by_name = SCORE_CLASSES["softmax"]().fit(logits, np.array(NAMES)[labels])
    assert by_name.card == replace(by_number.card, class_names=NAMES)
    assert by_name.class_names == NAMES
    assert by_number.class_names is None
    order = ("eel", "cat", "dog")
    given = SCORE_CLASSES["softmax"]().fit(
        logits, np.array(order)[labels], class_names=order, holdout=0.5
    )
    assert given.class_names == order
    assert given.card.temperature_fit is not None
    other = given.calibrate(logits, np.array(order)[labels])
    assert other.card.rows is not None
    assert other.card.rows.errors == int((logits.argmax(axis=1) != labels).sum())


def test_names_stay_with_a_score_that_is_pickled_and_go_with_a_new_fit() -> None:
    import pickle

    logits, labels = rows()
    score = logitconf.fit(logits, np.array(NAMES)[labels])
    assert pickle.loads(pickle.dumps(score)).class_names == NAMES
    assert score.fit(logits, labels).class_names is None


def test_names_that_are_refused_leave_the_score_as_it_was() -> None:
    logits, labels = rows()
    score = logitconf.fit(logits, np.array(NAMES)[labels])
    card = score.card
    with pytest.raises(LogitconfError, match="got 'dgo'"):
        score.fit(logits, ["dgo"] * 600, class_names=NAMES)
    assert score.card == card
    assert score.class_names == NAMES


def test_scores_are_compared_on_names_as_on_numbers() -> None:
    logits, labels = rows()
    by_name = compare_scores(logits, np.array(NAMES)[labels], draws=100)
    by_number = compare_scores(logits, labels, draws=100)
    assert [s.aurc for s in by_name.standings] == [s.aurc for s in by_number.standings]
    with pytest.raises(LogitconfError, match="got 'cat' in row 0"):
        compare_scores(logits, ["cat"] * 600, class_names=("a", "b", "c"))


def test_numbers_written_as_text_are_no_names() -> None:
    for texts in (["0", "1", "2"], ["1.0", "2.0", "-3"]):
        with pytest.raises(LogitconfError, match="got numbers written as text such as"):
            numbered_labels(texts, None, THREE)
    numbers, _ = numbered_labels(["10", "2", "1"], ("1", "2", "10"), THREE)
    assert np.asarray(numbers).tolist() == [2, 1, 0]


def test_a_single_label_has_a_single_name_and_a_single_logit_two() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (300, 1))
    yes = (logits + rng.logistic(size=logits.shape) > 0).astype(float)
    label = logitconf.fit(logits, yes, task="multilabel", class_names=["dog"])
    assert label.class_names == label.card.class_names == ("dog",)
    logit = logitconf.fit(logits, np.array(["no", "yes"])[yes.astype(int)[:, 0]], task="binary")
    assert logit.class_names == logit.card.class_names == ("no", "yes")
