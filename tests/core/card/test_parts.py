"""What a card says of its making: numbers out of range and keys of other policies are refused."""

from dataclasses import replace
from typing import Any

import pytest

from logitconf.card.parts import Certificate, RowCounts, Split, check_policy
from logitconf.errors import LogitconfError

RISK = {
    "name": "risk",
    "risk": 0.1,
    "confidence": 0.9,
    "bound": 0.05,
    "candidates": 10,
    "tested": 2,
}
CERTIFICATE = Certificate(
    promise="few are wrong",
    risk=0.1,
    confidence=0.9,
    bound=0.05,
    rows=300,
    accepted=200,
    errors=5,
    score="margin",
    temperature=1.5,
    policy=RISK,
    data=RowCounts(300, 0, 20),
    fitted_rows=None,
    head="0" * 64,
)


@pytest.mark.parametrize(
    ("part", "changes", "words"),
    [
        (Split(0.5, 3), {"holdout": 1.0}, r"'holdout' .* \(0, 1\), got 1.0"),
        (Split(0.5, 3), {"seed": -1}, "'seed' must be a count"),
        (RowCounts(3, 0, None), {"not_finite": 1.5}, "'not_finite' must be a count"),
        (RowCounts(3, 0, None), {"errors": -1}, "'errors' must be a count .* got -1"),
        (CERTIFICATE, {"risk": 0.0}, r"'risk' .* \(0, 1\), got 0.0"),
        (CERTIFICATE, {"confidence": 1.0}, r"'confidence' .* \(0, 1\), got 1.0"),
        (CERTIFICATE, {"bound": 1.5}, r"'bound' .* \[0, 1\], got 1.5"),
        (CERTIFICATE, {"accepted": True}, "'accepted' must be a count .* got True"),
        (CERTIFICATE, {"fitted_rows": 2**60}, "'fitted_rows' must be a count"),
        (CERTIFICATE, {"policy": {}}, "name of a policy' must be a text, got None"),
    ],
)
def test_numbers_out_of_range_are_refused(part: Any, changes: Any, words: str) -> None:
    with pytest.raises(LogitconfError, match=words):
        replace(part, **changes)


@pytest.mark.parametrize(
    "policy",
    [
        {"name": "value"},
        {"name": "value", "value": -0.5, "accepted": 3, "errors": None},
        {"name": "quantile", "q": 0.99, "accepted": 3, "errors": 0},
        {"name": "per class", "classes": [None, {**RISK, "rows": 9, "accepted": 8, "errors": 0}]},
        {"name": "per label", "labels": ({"name": "coverage", "coverage": 1},), "accepted": 0},
    ],
    ids=str,
)
def test_policies_have_the_keys_of_their_name(policy: dict[str, Any]) -> None:
    check_policy(policy)
    with pytest.raises(LogitconfError, match="must have the keys"):
        check_policy({**policy, "colour": "red"})


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ([], "name of a policy' must be a text, got None"),
        ({"name": ["risk"]}, r"must be a text, got \['risk'\]"),
        ({"name": "luck"}, "must be one of .*'per label'.*, got 'luck'"),
        ({"name": "risk", "risk": 0.1}, "'risk' must have the keys"),
        ({**RISK, "tested": 2.0}, "'tested' must be a count"),
        ({**RISK, "risk": "0.1"}, "'risk' must be a finite number"),
        ({**RISK, "errors": "none"}, "'errors' must be a count"),
        ({**RISK, "accepted": None}, "'accepted' must be a count"),
        ({"name": "per class"}, "'per class' must have the keys"),
        ({"name": "per class", "classes": {}}, "'classes' of a policy must be a list"),
        ({"name": "per class", "classes": [5]}, "name of a policy' must be a text"),
        ({"name": "per label", "labels": [{"name": "per label", "labels": []}]}, "in labels' must"),
    ],
)
def test_what_is_no_policy_is_refused(policy: Any, words: str) -> None:
    with pytest.raises(LogitconfError, match=words):
        check_policy(policy)
