"""Columns by name and by pattern, in the order of the classes, or which there are."""

import pytest

from logitconf.distributed.engines.columns import Columns, matching
from logitconf.errors import LogitconfError


def test_numbered_columns_come_in_the_order_of_their_numbers() -> None:
    names = ["y", *(f"z{number}" for number in (10, 9, 1, 2, 3, 4, 5, 6, 7, 8))]
    assert Columns.among(names, "z*", "y").logits == tuple(f"z{k}" for k in range(1, 11))


def test_labels_that_name_the_classes_of_the_logits_come_in_their_order() -> None:
    names = ["is_cat", "is_dog", "logit_dog", "logit_cat"]
    columns = Columns.among(names, "logit_*", "is_*")
    assert columns == Columns(("logit_dog", "logit_cat"), ("is_dog", "is_cat"))
    assert columns.all == ["logit_dog", "logit_cat", "is_dog", "is_cat"]


def test_names_can_be_listed_and_labels_left_out() -> None:
    assert Columns.among(["b", "a", "c"], ["a", "b"], None) == Columns(("a", "b"), ())


@pytest.mark.parametrize(
    ("logits", "message"),
    [
        ("logit", r"the dataset must have the column 'logit', its columns are 'logits', 'y'; did "),
        ("z*", r"the dataset must have columns that match 'z\*', its columns are 'logits', 'y'$"),
        (["logits", "x"], r"the dataset must have the column 'x', its columns are 'logits', 'y'$"),
    ],
)
def test_columns_that_miss_are_answered_with_those_there_are(logits: str, message: str) -> None:
    with pytest.raises(LogitconfError, match=message):
        Columns.among(["logits", "y"], logits, "y")


def test_numbers_without_gaps_are_asked_for() -> None:
    with pytest.raises(LogitconfError, match=r"numbered without gaps, got 0, 2$"):
        matching("z*", ["z2", "z0"], "a.csv")
