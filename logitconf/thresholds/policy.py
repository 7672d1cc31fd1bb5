"""What every policy is: how it chooses, what a card keeps of it, and how it is asked for."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from logitconf.errors import LogitconfError, not_among, share_hint
from logitconf.notebook.brief import brief
from logitconf.policy_table import POLICIES

if TYPE_CHECKING:
    from logitconf.scores.rounding import Rounding
    from logitconf.thresholds.calibration_rows import CalibrationRows
    from logitconf.thresholds.gaps import GapThreshold, Note, Ranked

Own = TypeVar("Own", bound="Policy")


@dataclass(frozen=True, slots=True)
class ThresholdChoice:
    """A threshold and what it does on the calibration rows.

    Attributes:
        threshold: exactly a float32 value; or one for each predicted class.
        policy: name and parameters, as JSON values.
        rows: calibration rows.
        accepted: how many of them the threshold accepts.
        errors: how many of the accepted are wrong; None without labels.
        notes: what the user should know.
    """

    threshold: float | tuple[float, ...]
    policy: dict[str, Any]
    rows: int
    accepted: int
    errors: int | None
    notes: tuple[Note, ...] = ()

    __repr__ = brief

    @property
    def counted_policy(self) -> dict[str, Any]:
        """The policy with its counts, as a card keeps it."""
        return {**self.policy, "accepted": self.accepted, "errors": self.errors}


@dataclass(frozen=True, slots=True)
class Policy(ABC):
    """How a threshold is chosen; the fields of a policy are its numbers, named as in a card.

    Attributes:
        name: in a card.
        needs_labels: whether it counts errors.
        needs_outliers: whether it counts out-of-distribution rows.
        certifies: whether it promises something of new rows.
        needs_confidence: whether it asks how sure a score is.
        is_given: whether the threshold itself is given, so that there is nothing to choose.
    """

    name: ClassVar[str]
    needs_labels: ClassVar[bool] = False
    needs_outliers: ClassVar[bool] = False
    certifies: ClassVar[bool] = False
    needs_confidence: ClassVar[bool] = False
    is_given: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for each in fields(self):
            object.__setattr__(self, each.name, number(getattr(self, each.name), each.name))

    @abstractmethod
    def choose(self, rows: CalibrationRows, rounding: Rounding) -> ThresholdChoice:
        """The threshold on these rows, placed for a score that is computed so.

        Raises:
            LogitconfError: for a number out of range, or rows that cannot carry the policy.
        """

    def choose_from(self, rows: CalibrationRows | None, rounding: Rounding) -> ThresholdChoice:
        """`choose`, if the rows have what the policy needs.

        Raises:
            LogitconfError: without rows, or without labels where they are needed.
        """
        return self.choose(self.checked(rows), rounding)

    def checked(self, rows: CalibrationRows | None) -> CalibrationRows:
        """The rows, if they have what the policy needs.

        Raises:
            LogitconfError: if they do not.
        """
        if rows is None:
            raise LogitconfError(
                f"the policy {self.keyword} needs the scores of calibration rows, got none; call "
                "fit(...) first (a loaded score keeps no rows) or set_threshold(value=...)"
            )
        if self.needs_labels and rows.wrong is None:
            raise LogitconfError(
                f"the policy {self.keyword} needs labels, got scores alone; fit with labels"
            )
        return rows

    @property
    def keyword(self) -> str:
        """The first argument that asks for it."""
        return next(iter(self.to_arguments()))

    @property
    def promise(self) -> tuple[float, float] | None:
        """The risk and the confidence that are certified; None if nothing is."""
        return None

    def shared(self: Own, parts: int) -> Own:
        """The policy for each of several parts that keeps a promise for all of them at once.

        Raises:
            LogitconfError: if nothing is promised.
        """
        del parts
        raise LogitconfError(f"simultaneous is for a risk, which is promised, got {self.keyword}")

    def to_card(self) -> dict[str, Any]:
        """Name and numbers as JSON values."""
        return {"name": self.name, **{each.name: getattr(self, each.name) for each in fields(self)}}

    @classmethod
    def from_card(cls: type[Own], values: Mapping[str, Any]) -> Own:
        """The policy that a card names; what came out of it is not looked at.

        Raises:
            LogitconfError: if a number is missing.
        """
        missing = [each.name for each in fields(cls) if each.name not in values]
        if missing:
            raise LogitconfError(f"a policy {cls.name!r} in a card must have {missing}, got none")
        return cls(**{each.name: values[each.name] for each in fields(cls)})

    def to_arguments(self) -> dict[str, Any]:
        """The arguments of ``set_threshold`` that ask for it."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @classmethod
    def from_arguments(cls: type[Own], **given: Any) -> Own:
        """The policy that arguments of ``set_threshold`` ask for."""
        return cls(**given)


def policy_class(name: str) -> type[Policy]:
    """The class of a policy by its name in a card.

    Raises:
        LogitconfError: if there is none.
    """
    if name not in POLICIES:
        raise not_among("a policy", name, POLICIES)
    module, own = POLICIES[name].home
    own_class = getattr(import_module(f"logitconf.thresholds.{module}"), own)
    return cast("type[Policy]", own_class)


def number(value: object, what: str) -> float:
    """The value as a float.

    Raises:
        LogitconfError: if it is not a number.
    """
    if isinstance(value, (bool, str, bytes)) or value is None:
        raise LogitconfError(f"{what} must be a number, got {value!r}")
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise LogitconfError(f"{what} must be a number, got {value!r}") from error


def check_accepted_share(value: float, what: str) -> None:
    """Checks a share of rows that is to be accepted.

    Raises:
        LogitconfError: unless it lies in (0, 1].
    """
    if not 0.0 < value <= 1.0:
        raise LogitconfError(f"{what} must lie in (0, 1], got {value}{share_hint(value)}")


def at_least(share: float, rows: int) -> int:
    """The fewest rows that are a share of `rows`; at least one."""
    # A product such as 0.07 * 100 lies a rounding above the 7 that is meant.
    return max(1, math.ceil(share * rows - 1e-9 * rows))


def choice_of(ranked: Ranked, placement: GapThreshold, policy: dict[str, Any]) -> ThresholdChoice:
    """A placement on the ranked rows as the result of a policy."""
    return ThresholdChoice(
        threshold=placement.threshold,
        policy=policy,
        rows=ranked.rows,
        accepted=placement.accepted,
        errors=ranked.errors_among(placement.accepted),
        notes=placement.notes,
    )
