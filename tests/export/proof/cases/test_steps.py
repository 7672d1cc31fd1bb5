"""Sums and choices of what classes can be."""

from logitconf_export.proof.cases.kinds import ANY_FINITE, DOWN, NAN, ONE, UP, ZERO
from logitconf_export.proof.cases.steps import BOTH, Places, chosen, logic, moved, paired, sum_of


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
    assert sum_of(Places(DOWN, UP, 0)) == NAN
    assert sum_of(Places(ONE, DOWN, 0)) == DOWN
    # of more classes, others need not be there
    assert sum_of(Places(ONE, DOWN)).finite
