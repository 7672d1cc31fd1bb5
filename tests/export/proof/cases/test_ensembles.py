"""What is not finite of one member, among others."""

import numpy as np

from logitconf_export.proof.cases.ensembles import among_members, of_several
from logitconf_export.proof.cases.kinds import ANY_FINITE, NAN, UP, Kinds
from logitconf_export.proof.cases.rules import Rules
from logitconf_export.proof.cases.steps import Places

RULES = Rules(None)


class Losing(Rules):
    """A runtime that was seen to lose a NaN in a sum."""

    def results(self, operation: str, *inputs: float) -> Kinds | None:
        del operation
        return ANY_FINITE if np.isnan(inputs).any() else None


def anything(value: object) -> bool:
    return isinstance(value, Kinds) and all((value.nan, value.up, value.down, value.finite))


def test_a_nan_stays_one_in_a_sum_over_members_and_nothing_else_is_known() -> None:
    assert among_members(RULES, "ReduceSum", NAN) == NAN
    assert among_members(RULES, "ReduceSum", Places(NAN, NAN)) == Places(NAN, NAN)
    for known in (UP, ANY_FINITE, NAN | ANY_FINITE):
        assert anything(among_members(RULES, "ReduceSum", known))
    # a maximum may drop it
    assert anything(among_members(RULES, "ReduceMax", NAN))


def test_a_runtime_that_loses_a_nan_loses_that_of_a_member_too() -> None:
    losing = Losing(None)
    losing.tables = object()  # type: ignore[assignment]
    made = among_members(losing, "ReduceSum", NAN)
    assert isinstance(made, Kinds)
    assert made.finite


def test_classes_of_which_some_are_nan_can_be_anything() -> None:
    assert of_several(Places(NAN, NAN)) == NAN
    assert anything(of_several(Places(NAN, ANY_FINITE)))
    assert anything(of_several(UP))
