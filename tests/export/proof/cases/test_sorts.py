"""The sorts of rows that no head may accept."""

from logitconf_export.proof.cases.kinds import DOWN, NAN, UP
from logitconf_export.proof.cases.sorts import NAN_ROWS, cases_of, rows_like


def test_one_logit_is_not_finite_in_three_ways() -> None:
    assert [case.logits.one for case in cases_of(n_classes=1, margin=True)] == [NAN, UP, DOWN]


def test_a_class_that_is_left_has_no_margin() -> None:
    names = [case.name for case in cases_of(n_classes=10, margin=True)]
    assert names == ["a NaN", "a +inf", "no finite value", "one class left"]
    assert len(cases_of(n_classes=10, margin=False)) == 3


def test_of_two_classes_each_can_be_the_one() -> None:
    cases = cases_of(n_classes=2, margin=False)
    assert [case.logits.at for case in cases] == [frozenset({0}), frozenset({1})] * 3


def test_tables_know_rows_with_a_nan_in_every_place() -> None:
    case = cases_of(n_classes=10, margin=False)[0]
    assert rows_like(case.logits) == NAN_ROWS
