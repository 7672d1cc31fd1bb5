"""The score card: everything about a fitted score that may leave memory, as plain values."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from logitconf.errors import LogitconfError
from logitconf.files import write_atomically

CARD_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class ScoreCard:
    """A fitted score as plain values.

    Attributes:
        score: name of the score, such as ``"energy"``.
        task: ``"multiclass"``, ``"binary"`` or ``"multilabel"``.
        temperature: divides the logits; a float32 value > 0.
        threshold: accept below; float32 value, or one for each class or label; None if not set.
        n_classes: columns of the logits; 1 for one-logit binary; None if unknown.
        policy: how the threshold was chosen.
        temperature_fit: how T was fitted, None if it was given.
        calibration: counts of the rows that were fitted on.
        certificate: the promise that the threshold keeps, if one was certified.
        parameters: further numbers of the score, by name.
        members: how many members of an ensemble the logits have along their last axis; 0 if that is
            not known yet, None for a single model.
        parameter_fit: how they were fitted, None if they were given or are the defaults.
        per_label: whether each label is scored and accepted by itself; thresholds are then one for
            all labels or one for each.
    """

    score: str
    task: str
    temperature: float = 1.0
    threshold: float | tuple[float, ...] | None = None
    n_classes: int | None = None
    policy: Mapping[str, Any] | None = None
    temperature_fit: Mapping[str, Any] | None = None
    calibration: Mapping[str, Any] | None = None
    certificate: Mapping[str, Any] | None = None
    parameters: Mapping[str, float] = field(default_factory=dict)
    parameter_fit: Mapping[str, Any] | None = None
    members: int | None = None
    per_label: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "temperature", check_temperature(self.temperature))
        object.__setattr__(self, "threshold", check_threshold(self.threshold))

    def to_dict(self) -> dict[str, Any]:
        """The card as JSON values, schema number first."""
        return {"schema": CARD_SCHEMA, **asdict(self)}

    def to_json(self) -> str:
        """The card as readable JSON; numbers are exact to the last bit."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Writes the card as JSON, whole or not at all.

        Raises:
            LogitconfError: if the file exists and ``force`` is not given.
        """
        write_atomically(path, self.to_json().encode(), force=force)

    @classmethod
    def from_dict(cls, values: object) -> "ScoreCard":
        """The card that :meth:`to_dict` wrote.

        Raises:
            LogitconfError: if it is not a card, or one of a newer schema.
        """
        if not isinstance(values, dict) or "score" not in values or "task" not in values:
            raise LogitconfError("a score card must be a JSON object with 'score' and 'task'")
        schema = values.get("schema")
        if schema != CARD_SCHEMA:
            raise LogitconfError(
                f"this version reads score cards of schema {CARD_SCHEMA}, got {schema!r}"
            )
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(values) - known - {"schema"})
        if unknown:
            raise LogitconfError(f"a score card has the fields {sorted(known)}, got {unknown} too")
        return cls(**{name: value for name, value in values.items() if name in known})

    @classmethod
    def load(cls, path: str | Path) -> "ScoreCard":
        """The card in a JSON file.

        Raises:
            LogitconfError: if there is none, or it is not a card.
        """
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise LogitconfError(f"{path} must be a score card in JSON: {error}") from error
        return cls.from_dict(values)


@dataclass(frozen=True, slots=True)
class HeadForm:
    """How a head is written: hints that change the graph, never what it means.

    Attributes:
        n_classes: columns along the class axis; None if free.
        rank: number of axes of the input; None stands for 2.
        class_axis: the axis of the classes, counted from the front; for one logit an element the
            rank itself.
        runtime: ``"any"`` or ``"onnxruntime"``.
        precision: ``"float32"``, or ``"float64"`` to compute in double and round once.
        mask_type: ``"bool"``, ``"uint8"`` or ``"float32"``.
        kind: what the input holds: ``"logits"``, ``"probabilities"`` or ``"log-probabilities"``.
        probabilities: whether the calibrated probabilities are a third output.
        members: how many members of an ensemble lie along the last axis; None for a single model.

    Raises:
        LogitconfError: for a word that is none of these, or an axis that does not fit the rank.
    """

    n_classes: int | None = None
    rank: int | None = None
    class_axis: int = 1
    runtime: str = "any"
    precision: str = "float32"
    mask_type: str = "bool"
    kind: str = "logits"
    probabilities: bool = False
    members: int | None = None

    def __post_init__(self) -> None:
        for name, allowed in _HEAD_WORDS.items():
            value = getattr(self, name)
            if value not in allowed:
                raise LogitconfError(f"{name} must be one of {list(allowed)}, got {value!r}")
        if self.rank is not None and not 1 <= self.rank <= 8:
            raise LogitconfError(f"rank must be in 1..8, got {self.rank}")
        # the tie count of the margin is a float32, exact up to 2^24
        if self.n_classes is not None and not 1 <= self.n_classes <= _MOST_CLASSES:
            raise LogitconfError(f"n_classes must be in 1..{_MOST_CLASSES}, got {self.n_classes}")
        if self.members is not None and self.members < 1:
            raise LogitconfError(f"members must be at least 1, got {self.members}")
        if self.members is not None and self.class_axis == self.input_rank - 1:
            raise LogitconfError(
                f"members lie along the last axis, so class_axis must not be {self.class_axis}"
            )
        # one logit an element has no class axis: it is said to lie behind the others
        elementwise = self.n_classes == 1 and self.class_axis == self.rank
        if not 0 <= self.class_axis < (self.rank or 8) and not elementwise:
            raise LogitconfError(
                f"class_axis must be in 0..{(self.rank or 8) - 1} for rank {self.rank}, "
                f"got {self.class_axis}"
            )

    @property
    def input_rank(self) -> int:
        """The number of axes of the input, 2 unless given, and one more for members."""
        if self.rank is not None:
            return self.rank
        return max(2, self.class_axis + 1) + (self.members is not None)

    def dropped_axes(self, *, per_label: bool) -> tuple[int, ...]:
        """The axes of the input that score and mask lack: that of members, and of the classes.

        Args:
            per_label: whether each label is judged by itself, so that their axis stays.
        """
        members = () if self.members is None else (self.input_rank - 1,)
        return members if per_label else (self.class_axis, *members)


_MOST_CLASSES = 2**24
_HEAD_WORDS = {
    "runtime": ("any", "onnxruntime"),
    "precision": ("float32", "float64"),
    "mask_type": ("bool", "uint8", "float32"),
    "kind": ("logits", "probabilities", "log-probabilities"),
}


def check_temperature(value: object) -> float:
    """The temperature as an exact float32 value.

    >>> check_temperature(1.1)
    1.100000023841858

    Raises:
        LogitconfError: unless it is in [1e-30, 1e30].
    """
    number = _number(value, "temperature")
    if not 1e-30 <= number <= 1e30:
        raise LogitconfError(f"temperature must be in [1e-30, 1e30], got {value!r}")
    return float(np.float32(number))


def check_threshold(value: object) -> float | tuple[float, ...] | None:
    """The threshold, or one for each class, as exact float32 values.

    Raises:
        LogitconfError: unless every value is finite in float32.
    """
    if value is None:
        return None
    if isinstance(value, (list, tuple, np.ndarray)):
        if not len(value):
            raise LogitconfError("a vector of thresholds must hold one for each class, got none")
        return tuple(_finite_float32(item) for item in value)
    return _finite_float32(value)


def _finite_float32(value: object) -> float:
    number = _number(value, "threshold")
    if not abs(number) <= float(np.finfo(np.float32).max):
        raise LogitconfError(f"threshold must be finite in float32, got {value!r}")
    return float(np.float32(number))


def _number(value: object, what: str) -> float:
    if isinstance(value, (bool, str, bytes)):
        raise LogitconfError(f"{what} must be a number, got {value!r}")
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise LogitconfError(f"{what} must be a number, got {value!r}") from error
    if math.isnan(number):
        raise LogitconfError(f"{what} must be a number, got NaN")
    return number
