"""Sums and choices of what classes can be."""

from logitconf_export.proof.cases.kinds import ANY_FINITE, DOWN, NAN, ONE, UP, ZERO
from logitconf_export.proof.cases.steps import (
    Places,
    TruthPlaces,
    chosen,
    logic,
    moved,
    paired,
    sum_of,
    whether,
)

FALSE, TRUE, BOTH = frozenset((False,)), frozenset((True,)), frozenset((False, True))


def test_a_sum_carries_a_nan_and_loses_no_infinity() -> None:
    assert sum_of(Places(NAN, ANY_FINITE)) == NAN
    assert sum_of(Places(UP, DOWN | ANY_FINITE)).nan
    assert not sum_of(Places(UP, DOWN | ANY_FINITE)).finite
    assert sum_of(Places(DOWN, DOWN)) == DOWN


def test_a_sum_of_zeros_is_zero() -> None:
    assert sum_of(Places(ZERO, ZERO)) == ZERO


def test_a_piece_need_not_hold_the_class_that_is_known() -> None:
    assert moved("Split", [Places(NAN, ONE)], by_class=True) == Places(None, NAN | ONE)


def test_a_condition_that_is_known_takes_one_side() -> None:
    assert chosen(frozenset((True,)), ONE, NAN) == ONE
    assert chosen(BOTH, ONE, NAN) == ONE | NAN
    assert logic("And", [frozenset((False,)), BOTH]) == frozenset((False,))


def test_classes_are_paired_with_their_own() -> None:
    made = paired(lambda a, b: a | b, Places(NAN, ONE), Places(UP, ZERO))
    assert made == Places(NAN | UP, ONE | ZERO)


def test_a_sum_of_two_is_of_both() -> None:
    assert sum_of(Places(DOWN, UP, frozenset({0})), two=True) == NAN
    assert sum_of(Places(ONE, DOWN, frozenset({0})), two=True) == DOWN
    # of more classes, others that can be something are there
    assert sum_of(Places(ONE, DOWN)) == DOWN
    assert sum_of(Places(ONE, None)).finite
    assert sum_of(Places(None, ONE | DOWN)).finite


def test_a_choice_by_class_is_another_for_each() -> None:
    is_nan = whether(lambda a: a.nan, Places(NAN, NAN | ONE))
    assert is_nan == TruthPlaces(TRUE, BOTH)
    assert chosen(is_nan, DOWN, Places(NAN, NAN | ONE)) == Places(DOWN, DOWN | NAN | ONE)
    assert logic("Not", [is_nan]) == TruthPlaces(FALSE, BOTH)
    assert logic("And", [is_nan, FALSE]) == TruthPlaces(FALSE, FALSE)


def test_what_is_chosen_for_every_class_is_still_of_each() -> None:
    assert chosen(TRUE, ONE, Places(NAN, ONE)) == Places(ONE, ONE)


def test_two_classes_that_are_known_are_not_taken_for_one() -> None:
    made = paired(
        lambda a, b: a | b, Places(NAN, ONE, frozenset({0})), Places(UP, ZERO, frozenset({1}))
    )
    assert made == Places(None, NAN | ONE | UP | ZERO)


def test_numbers_side_by_side_are_not_the_same_number() -> None:
    assert moved("Concat", [NAN, ONE], by_class=True) == Places(None, NAN | ONE)
