"""One threshold for each predicted class, or for each label."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np

from logitconf.errors import LogitconfError
from logitconf.policy_table import POLICY_PARTS
from logitconf.scores.rounding import Rounding
from logitconf.thresholds.gaps import Note, NoteKind
from logitconf.thresholds.policy import Policy, ThresholdChoice, policy_class

if TYPE_CHECKING:
    from typing_extensions import Self

    from logitconf.thresholds.calibration_rows import CalibrationRows

Part = TypeVar("Part")

# Below every score, so that a class without a threshold of its own accepts nothing.
NEVER = float(np.finfo(np.float32).min)


@dataclass(frozen=True, slots=True)
class _InParts(Policy):
    """A policy that is followed on each part of the rows by itself.

    A part whose rows cannot carry the policy accepts nothing, with a note. A promise with a
    confidence holds for each part by itself: with 10 parts, one of them or all of them together may
    well break it more often. If simultaneous, each part is promised with 1 - (1 - confidence) / K,
    K being the number of parts, so that the promise holds for all of them at once with the
    confidence asked for, and therefore for all that is accepted.

    Attributes:
        policy: of each part.
        simultaneous: whether a promise holds for all parts at once.
    """

    policy: Policy
    simultaneous: bool = False

    def __post_init__(self) -> None:
        if self.simultaneous:
            # says so if there is no promise to share
            self.policy.shared(1)

    @property
    def promise(self) -> tuple[float, float] | None:
        """That of the policy: of each part, or of all at once."""
        return self.policy.promise

    def checked(self, rows: CalibrationRows | None) -> CalibrationRows:
        """The rows, if they have what the policy of the parts needs."""
        return self.policy.checked(rows)

    def to_card(self) -> dict[str, Any]:
        """Name, and the confidence that is shared if it is; the parts follow when it is chosen."""
        if not self.simultaneous or self.promise is None:
            return {"name": self.name}
        return {"name": self.name, "simultaneous": True, "confidence": self.promise[1]}

    @classmethod
    def from_card(cls, values: Mapping[str, Any]) -> Self:
        """The policy of the parts; those that accept nothing do not count."""
        key, word = POLICY_PARTS[cls.name]
        parts = values.get(key)
        made = [part for part in parts if part is not None] if isinstance(parts, Sequence) else []
        if not made or not isinstance(made[0], Mapping):
            raise LogitconfError(
                f"a policy per {word} in a card must list its {key}, got {parts!r}"
            )
        simultaneous = values.get("simultaneous", False) is True
        own = dict(made[0])
        if simultaneous:
            own["confidence"] = values.get("confidence")
        return cls(policy_class(str(own.get("name"))).from_card(own), simultaneous)

    def to_arguments(self) -> dict[str, Any]:
        """Those of the policy, and whether they are simultaneous."""
        own = self.policy.to_arguments()
        return {**own, "simultaneous": True} if self.simultaneous else own

    def joined(
        self, parts: Sequence[Part], choose: Callable[[Policy, Part], ThresholdChoice]
    ) -> ThresholdChoice:
        """The choices of all parts as one, which does not say how many rows there are.

        Args:
            parts: the rows of each class or label.
            choose: follows the policy of a part on its rows.

        Raises:
            LogitconfError: where no part can carry the policy (the error of the last).
        """
        key, word = POLICY_PARTS[self.name]
        policy = self.policy.shared(len(parts)) if self.simultaneous else self.policy
        choices: list[ThresholdChoice | None] = []
        notes: list[Note] = []
        failure: LogitconfError | None = None
        for k, part in enumerate(parts):
            try:
                choice = choose(policy, part)
            except LogitconfError as error:
                failure = error
                choices.append(None)
                notes.append(Note(NoteKind.REFUSED, part=f"{word} {k}", reason=str(error)))
            else:
                choices.append(choice)
                notes.extend(replace(note, part=f"{word} {k}") for note in choice.notes)
        made = [choice for choice in choices if choice is not None]
        if not made:
            raise failure or LogitconfError(f"there must be at least one {word}, got none")
        errors = [choice.errors for choice in made if choice.errors is not None]
        return ThresholdChoice(
            threshold=tuple(NEVER if c is None else _single(c) for c in choices),
            policy={**self.to_card(), key: [None if c is None else _own(c) for c in choices]},
            rows=0,
            accepted=sum(choice.accepted for choice in made),
            errors=sum(errors) if len(errors) == len(made) else None,
            notes=tuple(notes),
        )

    def _chosen(
        self, parts: Sequence[CalibrationRows], rows: CalibrationRows, rounding: Rounding
    ) -> ThresholdChoice:
        choice = self.joined(parts, lambda policy, part: policy.choose(part, rounding))
        return replace(choice, rows=len(rows.scores))


@dataclass(frozen=True, slots=True)
class PerClass(_InParts):
    """One threshold for each predicted class, each by the same policy on that class's rows.

    >>> from logitconf.thresholds.calibration_rows import CalibrationRows
    >>> from logitconf.thresholds.policies import Quantile
    >>> scores, predicted = np.float32([-3, -2, -1, 0]), np.array([0, 0, 1, 1])
    >>> rows = CalibrationRows(scores, predicted=predicted, n_classes=2)
    >>> PerClass(Quantile(0.5)).choose(rows, Rounding("margin", 2)).threshold
    (-2.5, -0.5)
    """

    name: ClassVar[str] = "per class"

    def choose(self, rows: CalibrationRows, rounding: Rounding) -> ThresholdChoice:
        """One threshold for each of the K classes.

        Raises:
            LogitconfError: for rows without predicted classes, or where no class can carry the
                policy (its own error).
        """
        predicted = np.asarray([] if rows.predicted is None else rows.predicted)
        self.check_competing(rows.predicted is not None)
        known = np.isin(predicted, np.arange(rows.n_classes)).all()
        if predicted.shape != rows.scores.shape or not known:
            raise LogitconfError(
                f"predicted must be integers of shape {rows.scores.shape} in "
                f"[0, {rows.n_classes}), got shape {predicted.shape}"
            )
        return self._chosen([*rows.by_class()], rows, rounding)

    @staticmethod
    def check_competing(competing: bool) -> None:
        """Checks that there are predicted classes.

        Raises:
            LogitconfError: if the columns are no classes that compete in one model.
        """
        if not competing:
            raise LogitconfError(
                "per_class needs classes that compete in one model, got one logit, labels (make "
                "the score with per_label=True) or members"
            )

    def to_arguments(self) -> dict[str, Any]:
        """Those of the policy, and ``per_class``."""
        return {**_InParts.to_arguments(self), "per_class": True}


@dataclass(frozen=True, slots=True)
class PerLabel(_InParts):
    """One threshold for each label, each by the same policy on that label's scores of all rows.

    What is accepted or not is a decision: one label of one row. A promise of risk is about the
    accepted decisions of each label by itself, since those of one row are not independent. The
    choice counts N rows, and decisions where it counts what is accepted.

    >>> from logitconf.thresholds.calibration_rows import CalibrationRows
    >>> from logitconf.thresholds.policies import Quantile
    >>> rows = CalibrationRows(np.float32([[-3, -1], [-2, 0]]), n_classes=2)
    >>> choice = PerLabel(Quantile(0.5)).choose(rows, Rounding("margin", 1))
    >>> choice.threshold, choice.accepted
    ((-2.5, -0.5), 2)
    """

    name: ClassVar[str] = "per label"

    def choose(self, rows: CalibrationRows, rounding: Rounding) -> ThresholdChoice:
        """One threshold for each of the L labels.

        Raises:
            LogitconfError: where no label can carry the policy (its own error).
        """
        return self._chosen([*rows.by_label()], rows, rounding)


PART_POLICIES: Mapping[str, type[PerClass] | type[PerLabel]] = {
    each.name: each for each in (PerClass, PerLabel)
}


def _own(choice: ThresholdChoice) -> dict[str, Any]:
    """The policy of one part with the counts of its rows."""
    counts = {"rows": choice.rows, "accepted": choice.accepted, "errors": choice.errors}
    return {**choice.policy, **counts}


def _single(choice: ThresholdChoice) -> float:
    if isinstance(choice.threshold, tuple):
        raise LogitconfError("the policy of each part must give one threshold, got several")
    return choice.threshold
