"""What a score card says of how it was made: frozen values, each with the checks of its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from logitconf.errors import LogitconfError
from logitconf.notebook.brief import brief
from logitconf.policy_table import POLICIES, POLICY_PARTS
from logitconf.typed_json import LARGEST_INTEGER, check_count, check_number, check_text, shown


@dataclass(frozen=True, slots=True)
class Split:
    """How rows were held out.

    Attributes:
        holdout: share of the rows, in (0, 1).
        seed: of the draw.
        stratified: whether the draw balanced the labels; only older versions did.
    """

    holdout: float
    seed: int
    stratified: bool = False

    def __post_init__(self) -> None:
        check_number(self.holdout, "holdout", 0.0, 1.0, open_=True)
        check_count(self.seed, "seed", most=LARGEST_INTEGER)


@dataclass(frozen=True, slots=True)
class RowCounts:
    """What a card says of the rows behind its threshold: numbers and a digest, never the rows.

    Attributes:
        rows: how many, N.
        not_finite: scores that are not finite; of labels that are judged one by one, over all N·L.
        errors: wrong predictions, counted likewise; None without labels.
        sha256: digest of the rows; None where they came in chunks, which have no common order.
        split: how they were held out; None if they were not.
    """

    rows: int
    not_finite: int
    errors: int | None
    sha256: str | None = None
    split: Split | None = None

    def __post_init__(self) -> None:
        check_count(self.rows, "rows")
        check_count(self.not_finite, "not_finite")
        if self.errors is not None:
            check_count(self.errors, "errors")


@dataclass(frozen=True, slots=True)
class ParameterFit:
    """How the parameters of a score were chosen.

    Attributes:
        measure: what was least, ``"AURC"``.
        value: of the measure.
        tried: the values that were tried, by parameter.
    """

    measure: str
    value: float
    tried: Mapping[str, tuple[float, ...]]

    __repr__ = brief


@dataclass(frozen=True, slots=True)
class Certificate:
    """The promise of a risk policy and the counts that prove it.

    Attributes:
        promise: in words.
        risk: promised, in (0, 1).
        confidence: of the promise, in (0, 1).
        bound: upper bound on the risk; None where each class or label has its own.
        rows: calibration rows, N.
        accepted: how many of them, or of their labels, the threshold accepts.
        errors: how many of those are wrong.
        score: that was certified.
        temperature: that was certified.
        policy: the card's, without its counts.
        data: the card's rows.
        fitted_rows: how many of the rows were fitted on too; None if that is not known.
        head: SHA-256 of all that decides.
        sha256: the seal, over everything else here.
    """

    promise: str
    risk: float
    confidence: float
    bound: float | None
    rows: int
    accepted: int
    errors: int
    score: str
    temperature: float
    policy: Mapping[str, Any]
    data: RowCounts
    fitted_rows: int | None
    head: str
    sha256: str = ""

    __repr__ = brief

    def __post_init__(self) -> None:
        check_number(self.risk, "risk", 0.0, 1.0, open_=True)
        check_number(self.confidence, "confidence", 0.0, 1.0, open_=True)
        if self.bound is not None:
            check_number(self.bound, "bound", 0.0, 1.0)
        for name in ("rows", "accepted", "errors"):
            check_count(getattr(self, name), name)
        if self.fitted_rows is not None:
            check_count(self.fitted_rows, "fitted_rows")
        check_policy(self.policy)


def check_policy(policy: Mapping[str, Any]) -> None:
    """Checks that a policy, as JSON values, has the keys and numbers that its name stands for.

    Raises:
        LogitconfError: if it has not.
    """
    name = policy.get("name") if isinstance(policy, Mapping) else None
    check_text(name, "name of a policy", [*POLICIES, *POLICY_PARTS])
    counts = [key for key in _COUNTS if key in policy]
    if name in POLICY_PARTS:
        key, _ = POLICY_PARTS[str(name)]
        _check_simultaneous(policy)
        shared = {"simultaneous", "confidence"} & set(policy)
        _check_policy_keys(policy, {"name", key, *shared, *counts}, {"name", key})
        parts = policy[key]
        if not isinstance(parts, (list, tuple)):
            raise LogitconfError(f"'{key}' of a policy must be a list, got {shown(parts)}")
        for part in parts:
            if part is not None:
                check_policy(part)
                check_text(part["name"], f"name of a policy in {key}", list(POLICIES))
    else:
        row = POLICIES[str(name)]
        numbers = row.numbers
        needed = {"name", *numbers} - row.optional
        _check_policy_keys(policy, {"name", *numbers, *counts}, needed)
        for key, (low, high, whole) in numbers.items():
            if key in policy and whole:
                check_count(policy[key], key)
            elif key in policy:
                check_number(policy[key], key, low, high)
    for key in counts:
        if key != "errors" or policy[key] is not None:
            check_count(policy[key], key)


def _check_simultaneous(policy: Mapping[str, Any]) -> None:
    """Checks how a promise for all parts at once is told: true, beside its confidence."""
    if "simultaneous" not in policy and "confidence" not in policy:
        return
    if policy.get("simultaneous") is not True or "confidence" not in policy:
        raise LogitconfError(
            "'simultaneous' of a policy must be true and stand beside 'confidence', got "
            f"{shown(policy.get('simultaneous'))}"
        )
    check_number(policy["confidence"], "confidence", 0.0, 1.0)


def _check_policy_keys(policy: Mapping[str, Any], known: set[str], needed: set[str]) -> None:
    if not needed <= set(policy) <= known:
        raise LogitconfError(
            f"a policy {policy['name']!r} must have the keys {sorted(needed)}, "
            f"got {shown(list(policy))}"
        )


_COUNTS = ("rows", "accepted", "errors")
