"""The options of ``fit`` become the arguments of ``set_threshold``, and those of one policy."""

from pathlib import Path
from typing import Any

import pytest

from logitconf.errors import LogitconfError
from logitconf.policy_table import POLICIES
from logitconf.thresholds.lookup import policy_asked
from logitconf.thresholds.policies import Cost, Coverage, Quantile, Risk, Value
from logitconf_export.cli.common.fit_options import PolicyOptions


def arguments(**options: Any) -> dict[str, Any]:
    """What the options ask for; type checkers do not see those that come from the table."""
    made: Any = PolicyOptions
    return dict(made(**options).arguments())


@pytest.mark.parametrize(
    ("options", "policy"),
    [
        ({}, Quantile(0.99)),
        ({"q": 0.5}, Quantile(0.5)),
        ({"coverage": 0.9}, Coverage(0.9)),
        ({"risk": 0.05}, Risk(0.05, 0.95)),
        ({"risk": 0.05, "confidence": 0.9}, Risk(0.05, 0.9)),
        ({"cost": "5,1.5"}, Cost(5.0, 1.5)),
        ({"threshold": -0.5}, Value(-0.5)),
    ],
    ids=str,
)
def test_options_ask_for_the_policy_of_their_name(options: dict[str, Any], policy: object) -> None:
    assert policy_asked(**arguments(**options)) == policy


def test_how_a_threshold_is_parted_goes_along_only_where_it_is_asked_for() -> None:
    asked = arguments(risk=0.1, per_class=True, simultaneous=True, ood=Path("other.npz"))
    assert asked == {"risk": 0.1, "per_class": True, "simultaneous": True}


def test_several_policies_are_refused_by_the_flags_that_a_user_types() -> None:
    with pytest.raises(
        LogitconfError,
        match="--tpr, --min-confidence and --threshold, got --coverage and --threshold",
    ):
        arguments(coverage=0.9, threshold=-0.5)


def test_a_confidence_without_a_risk_is_refused() -> None:
    with pytest.raises(LogitconfError, match="--confidence belongs to --risk, got no --risk"):
        arguments(coverage=0.9, confidence=0.9)


@pytest.mark.parametrize("cost", ["5", "5,1,2", "five,1", ""])
def test_a_cost_is_two_numbers_with_a_comma_between(cost: str) -> None:
    with pytest.raises(LogitconfError, match=f"--cost must be ERROR,REJECT, .* got '{cost}'"):
        arguments(cost=cost)


def test_every_argument_of_the_table_is_an_option() -> None:
    names = set(PolicyOptions.__dataclass_fields__)
    for row in POLICIES.values():
        for argument in (row.argument, *row.further):
            assert (argument.option or argument.name) in names
