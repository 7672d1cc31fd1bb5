"""Reductions over classes that are not finite."""

import math

import pytest
from support.proved_forms import measured

from logitconf_export.proof.cases.kinds import ANY_FINITE, DOWN, NAN, UP
from logitconf_export.proof.cases.reductions import extreme_of, shares_of, total_of
from logitconf_export.proof.cases.rules import Rules
from logitconf_export.proof.cases.steps import Places
from logitconf_export.proof.composing.tensors import CannotProveError

BLIND = Rules(None)


def test_without_tables_a_maximum_may_drop_a_nan() -> None:
    largest = extreme_of(BLIND, "ReduceMax", Places(NAN, ANY_FINITE))
    assert largest.nan
    assert largest.finite


def test_a_maximum_of_nothing_may_be_the_lowest_float() -> None:
    largest = extreme_of(BLIND, "ReduceMax", Places(DOWN, DOWN))
    assert largest.down
    assert largest.low == pytest.approx(-3.4e38, rel=0.01)
    assert extreme_of(BLIND, "ReduceMin", Places(UP, UP)).up


def test_a_sum_of_two_places_is_of_both() -> None:
    first = frozenset((0,))
    assert total_of(BLIND, "ReduceSum", Places(UP, ANY_FINITE, first), two=True) == UP
    assert total_of(BLIND, "ReduceSum", Places(NAN, ANY_FINITE), two=False).nan


def test_shares_of_a_nan_are_none_where_that_was_seen() -> None:
    row = Places(NAN, ANY_FINITE)
    assert shares_of(Rules(measured().tables), "Softmax", row) == Places(NAN, NAN)
    blind = shares_of(BLIND, "Softmax", row)
    assert isinstance(blind, Places)
    assert blind.any().high == 1.0
    with pytest.raises(CannotProveError, match="no row of classes"):
        shares_of(BLIND, "Softmax", NAN)
    assert math.isinf(NAN.low)
