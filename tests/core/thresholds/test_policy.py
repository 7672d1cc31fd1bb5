"""What all policies share: their numbers, the way to a card and back, and what they need."""

import json
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from logitconf.errors import LogitconfError
from logitconf.policy_table import POLICIES
from logitconf.scores.rounding import Rounding
from logitconf.thresholds.calibration_rows import CalibrationRows
from logitconf.thresholds.policies import Coverage, Quantile, Risk, Value
from logitconf.thresholds.policy import Policy, at_least, number, policy_class

ARGUMENTS: dict[str, dict[str, Any]] = {
    "quantile": {"q": 0.9},
    "coverage": {"coverage": 0.9},
    "risk": {"risk": 0.1, "confidence": 0.9},
    "cost": {"cost": (5, 1)},
    "fpr": {"fpr": 0.1},
    "tpr": {"tpr": 0.9},
    "confidence": {"min_confidence": 0.9},
    "value": {"value": -0.5},
}


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_is_the_same_after_a_way_through_json(name: str) -> None:
    policy = policy_class(name).from_arguments(**ARGUMENTS[name])
    card = json.loads(json.dumps(policy.to_card()))
    assert card.pop("name") == name
    assert policy_class(name).from_card(card) == policy
    assert policy_class(name).from_arguments(**policy.to_arguments()) == policy


@pytest.mark.parametrize("percent", range(1, 101))
def test_at_least_a_share_is_the_least_whole_number_of_rows_for_it(percent: int) -> None:
    for rows in (1, 3, 100, 997, 10_000):
        share = Fraction(percent, 100) * rows
        expected = max(1, -(-share.numerator // share.denominator))
        assert at_least(percent / 100, rows) == expected


@pytest.mark.parametrize("value", ["0.9", b"1", None, True, [0.5, 0.5]])
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(LogitconfError, match="coverage must be a number, got"):
        number(value, "coverage")
    with pytest.raises(LogitconfError, match="coverage must be a number, got"):
        Coverage(value)  # type: ignore[arg-type]


def test_numbers_of_numpy_become_those_of_python() -> None:
    policy = Coverage(np.float64(0.5))
    assert type(policy.coverage) is float


def test_a_name_that_is_none_is_refused_with_those_that_are() -> None:
    with pytest.raises(LogitconfError, match=r"one of \['quantile', .*\], got 'median'"):
        policy_class("median")


def test_a_card_without_a_number_of_its_policy_is_refused() -> None:
    with pytest.raises(LogitconfError, match=r"'risk' in a card must have \['confidence'\]"):
        policy_class("risk").from_card({"risk": 0.1})


@pytest.mark.parametrize("policy", [Quantile(), Coverage(0.9), Risk(0.1)], ids=str)
def test_a_policy_that_chooses_needs_rows(policy: Policy) -> None:
    with pytest.raises(LogitconfError, match=f"the policy {policy.keyword} needs the scores of"):
        policy.choose_from(None, Rounding("margin", 3))


def test_a_risk_needs_labels_and_a_value_nothing() -> None:
    rows, rounding = CalibrationRows(np.array([-1.0, -2.0], np.float32)), Rounding("margin", 3)
    with pytest.raises(LogitconfError, match="the policy risk needs labels, got scores alone"):
        Risk(0.1).choose_from(rows, rounding)
    assert Value(-0.5).choose_from(None, rounding).threshold == -0.5


def test_only_a_promise_can_be_shared_and_then_each_part_is_surer() -> None:
    with pytest.raises(LogitconfError, match="simultaneous is for a risk"):
        Coverage(0.9).shared(3)
    # Bonferroni: three parts that each fail one time in thirty fail together one time in ten
    assert Risk(0.1, 0.9).shared(3).confidence == pytest.approx(1 - 0.1 / 3)
