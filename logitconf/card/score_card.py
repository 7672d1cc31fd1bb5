"""The score card: everything about a fitted score that may leave memory, as plain values."""

import json
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

from logitconf.calibration.maps.calibration_map import CalibrationMap, check_map
from logitconf.calibration.temperature.outcome import TemperatureFit
from logitconf.card.choice import ScoreChoice
from logitconf.card.confidence import ConfidenceMap
from logitconf.card.modes import LabelMap, Modes, check_chosen, check_names
from logitconf.card.numbers import check_temperature, check_threshold
from logitconf.card.parts import Certificate, ParameterFit, RowCounts, check_policy
from logitconf.card.sketch import ScoreSketch
from logitconf.errors import LogitconfError, not_among
from logitconf.files import write_atomically
from logitconf.notebook.brief import brief, brief_table
from logitconf.scores.table import SCORES, check_parameters
from logitconf.typed_json import (
    MOST_BYTES,
    check_count,
    check_text,
    json_values,
    read_json,
    shown,
    value_of,
)

CARD_SCHEMA = 2
_TASKS = ("multiclass", "binary", "multilabel")


@dataclass(frozen=True, slots=True)
class ScoreCard:
    """A fitted score as plain values.

    Attributes:
        score: name of the score, such as ``"energy"``.
        task: ``"multiclass"``, ``"binary"`` or ``"multilabel"``.
        temperature: divides the logits; a float32 value > 0.
        threshold: accept below; float32 value, or one for each class or label; None if not set.
        n_classes: columns of the logits; 1 for one-logit binary; None if unknown.
        policy: how the threshold was chosen, as JSON values.
        temperature_fit: how T was fitted, None if it was given.
        rows: counts of the rows that the threshold was chosen on.
        certificate: the promise that the threshold keeps, if one was certified.
        parameters: further numbers of the score, by name.
        members: how many members of an ensemble the logits have along their last axis; 0 if that is
            not known yet, None for a single model.
        parameter_fit: how these were fitted, None if they were given or are the defaults.
        per_label: whether each label is scored and accepted by itself; thresholds are then one for
            all labels or one for each.
        score_choice: how the score was chosen among all; None if it was named.
        calibration_map: what is done to the logits before they are divided by T, None if nothing.
        confidence: the probability that the label is right, by the score; None without labels.
        class_names: what labels stand for, by their numbers; None if nobody said.
        modes: further thresholds under names; None if there are none.
        label_map: which label stands for each class; None where each class is a label.
        sketch: counts of the calibration scores, for a monitor; None if there are none.

    Raises:
        LogitconfError: for a score or task that there is not, or a number out of range.
    """

    score: str
    task: str
    temperature: float = 1.0
    threshold: float | tuple[float, ...] | None = None
    n_classes: int | None = None
    policy: Mapping[str, Any] | None = None
    temperature_fit: TemperatureFit | None = None
    rows: RowCounts | None = None
    certificate: Certificate | None = None
    parameters: Mapping[str, float] = field(default_factory=dict)
    parameter_fit: ParameterFit | None = None
    members: int | None = None
    per_label: bool = False
    score_choice: ScoreChoice | None = None
    calibration_map: CalibrationMap | None = None
    confidence: ConfidenceMap | None = None
    class_names: tuple[str, ...] | None = None
    modes: Modes | None = None
    label_map: LabelMap | None = None
    sketch: ScoreSketch | None = None

    __repr__ = brief
    _repr_html_ = brief_table

    def __post_init__(self) -> None:
        check_text(self.score, "score", SCORES)
        check_text(self.task, "task", _TASKS)
        object.__setattr__(self, "temperature", check_temperature(self.temperature))
        object.__setattr__(self, "threshold", check_threshold(self.threshold))
        if self.n_classes is not None:
            # the tie count of the margin is a float32, exact up to 2^24
            check_count(self.n_classes, "n_classes", least=1, most=_MOST_CLASSES)
            if isinstance(self.threshold, tuple) and len(self.threshold) != self.n_classes:
                raise LogitconfError(
                    f"a vector of thresholds must hold one for each of {self.n_classes} columns, "
                    f"got {len(self.threshold)}"
                )
        check_chosen(self.modes, self.threshold)
        one_logit = self.task == "binary" and self.n_classes == 1
        check_names(self.class_names, self.label_map, self.n_classes, one_logit=one_logit)
        if self.members is not None:
            check_count(self.members, "members", most=_MOST_CLASSES)
        if self.policy is not None:
            check_policy(self.policy)
        if self.calibration_map is not None:
            _check_mapped(self)
        checked = check_parameters(self.score, self.parameters)
        object.__setattr__(self, "parameters", {name: checked[name] for name in self.parameters})

    def __setstate__(self, state: Sequence[Any]) -> None:
        """Takes what pickle kept, by older versions too: the fields in order, parts as mappings."""
        values = dict(zip((f.name for f in fields(self)), state, strict=False))
        for name, kind in _PARTS.items():
            if isinstance(values.get(name), Mapping):
                values[name] = value_of(kind, dict(values[name]), f"'{name}' of a score card")
        made = type(self)(**values)
        for f in fields(self):
            object.__setattr__(self, f.name, getattr(made, f.name))

    def to_dict(self) -> dict[str, Any]:
        """The card as JSON values, schema number first."""
        values = {f.name: deepcopy(getattr(self, f.name)) for f in fields(self)}
        return {
            "schema": CARD_SCHEMA,
            **{
                name: json_values(value)
                if is_dataclass(value) and not isinstance(value, type)
                else value
                for name, value in values.items()
                # cards without them are as they were before there were any
                if name not in _YOUNG or value is not None
            },
        }

    def to_json(self) -> str:
        """The card as readable JSON; numbers are exact to the last bit.

        Raises:
            LogitconfError: if it were too long to be read again, above 16 MiB.
        """
        text = json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"
        if len(text) > MOST_BYTES:
            raise LogitconfError(
                f"a score card must have at most {MOST_BYTES} bytes of JSON, got {len(text)}; give "
                "all classes one threshold"
            )
        return text

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Writes the card as JSON, whole or not at all.

        Raises:
            LogitconfError: if the file exists and ``force`` is not given, or as :meth:`to_json`.
        """
        write_atomically(path, self.to_json().encode(), force=force)

    @classmethod
    def from_dict(cls, values: object) -> "ScoreCard":
        """The card that :meth:`to_dict` wrote, by this version or an older one.

        ``card.schema.json`` describes it.

        Raises:
            LogitconfError: if it is not a card, or one of a newer schema.
        """
        if not isinstance(values, dict) or "score" not in values or "task" not in values:
            raise LogitconfError("a score card must be a JSON object with 'score' and 'task'")
        rest = dict(values)
        schema = rest.pop("schema", None)
        if type(schema) is not int or not 1 <= schema <= CARD_SCHEMA:
            raise LogitconfError(
                f"this version reads score cards of schema 1 to {CARD_SCHEMA}, got {shown(schema)}"
            )
        if schema == 1 and "rows" in rest:
            raise LogitconfError("a score card of schema 1 must have 'calibration', got 'rows'")
        if schema == 1:
            rest = {"rows" if name == "calibration" else name: v for name, v in rest.items()}
        return value_of(cls, rest, "a score card")

    @classmethod
    def load(cls, path: str | Path) -> "ScoreCard":
        """The card in a JSON file.

        Raises:
            LogitconfError: if there is none, or it is not a card.
        """
        values = read_json(path, "a score card")
        try:
            return cls.from_dict(values)
        except LogitconfError as error:
            raise LogitconfError(f"{path}: {error}") from error


_YOUNG = ("calibration_map", "confidence", "class_names", "modes", "label_map", "sketch")
_PARTS = {
    "temperature_fit": TemperatureFit,
    "rows": RowCounts,
    "certificate": Certificate,
    "parameter_fit": ParameterFit,
    "score_choice": ScoreChoice,
    "calibration_map": CalibrationMap,
    "confidence": ConfidenceMap,
    "modes": Modes,
    "label_map": LabelMap,
    "sketch": ScoreSketch,
}


def _check_mapped(card: ScoreCard) -> None:
    """Checks that a card's score is defined on mapped logits, and that the map fits its columns."""
    calibration_map = card.calibration_map
    if calibration_map is None:
        return
    reason = refusal_of_maps(card.score, members=card.members is not None)
    if reason:
        raise LogitconfError(reason)
    if card.n_classes is not None:
        check_map(calibration_map, card.n_classes)


def refusal_of_maps(score: str, *, members: bool = False) -> str:
    """Why a score takes no calibration map; empty if it does."""
    use = "use calibration='temperature' (--calibration temperature)"
    if SCORES[score].learned:
        return f"a learned confidence has logits of its own, which no class or label maps; {use}"
    if members or SCORES[score].over_members:
        return f"a calibration map is for the logits of one model, got members; {use}"
    if SCORES[score].band.of_shift is None:
        return f"{score} has no bound for what rounding does to it behind a calibration map; {use}"
    return ""


@dataclass(frozen=True, slots=True)
class HeadForm:
    """How a head is written: hints that change the graph, never what it means.

    Attributes:
        n_classes: columns along the class axis; None if free.
        rank: number of axes of the input; None stands for 2.
        class_axis: the axis of the classes, counted from the front; for one logit an element the
            rank itself.
        runtime: ``"any"``, ``"onnxruntime"`` or ``"cuda"``.
        precision: ``"float32"``, or ``"float64"`` to compute in double and round once.
        mask_type: ``"bool"``, ``"uint8"`` or ``"float32"``.
        kind: what the input holds: ``"logits"``, ``"probabilities"`` or ``"log-probabilities"``.
        outputs: what the head gives, of `OUTPUTS` and in that order; score and mask always.
        members: how many members of an ensemble lie along the last axis; None for a single model.
        tunable: whether callers may give other thresholds and temperatures, as optional inputs.

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
    outputs: tuple[str, ...] = ("score", "mask")
    members: int | None = None
    tunable: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "outputs", check_outputs(self.outputs))
        for name, allowed in _HEAD_WORDS.items():
            value = getattr(self, name)
            if value not in allowed:
                raise not_among(name, value, allowed, _HEAD_SYNONYMS.get(name, {}))
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
OUTPUTS = ("score", "mask", "label", "confidence", "probabilities")
"""What a head can give, in this order."""
MASK_TYPES = ("bool", "uint8", "float32")
KINDS = ("logits", "probabilities", "log-probabilities")
RUNTIMES = ("any", "onnxruntime", "cuda")
"""Which forms a head may take: right everywhere, fastest on a CPU, fewest nodes for a GPU."""
_HEAD_WORDS = {
    "runtime": RUNTIMES,
    "precision": ("float32", "float64"),
    "mask_type": MASK_TYPES,
    "kind": KINDS,
}
# other runtimes are right with the form that is right everywhere
_HEAD_SYNONYMS = {
    "runtime": {
        "ort": "onnxruntime",
        "gpu": "cuda",
        "all": "any",
        **dict.fromkeys(("openvino", "tract", "tensorrt", "opencv", "tflite", "web"), "any"),
    },
    "precision": {"fp32": "float32", "single": "float32", "fp64": "float64", "double": "float64"},
    "mask_type": {"boolean": "bool", "byte": "uint8", "int8": "uint8", "fp32": "float32"},
}


def check_outputs(names: Iterable[str]) -> tuple[str, ...]:
    """The outputs of a head in their order, with score and mask, which each has.

    >>> check_outputs(["probabilities", "label"])
    ('score', 'mask', 'label', 'probabilities')

    Raises:
        LogitconfError: for a name that is none.
    """
    if isinstance(names, str):
        raise LogitconfError(f"outputs must be a sequence of names, got the text {names!r}")
    asked = {"score", "mask", *names}
    unknown = sorted(str(name) for name in asked if name not in OUTPUTS)
    if unknown:
        raise LogitconfError(f"outputs must be some of {list(OUTPUTS)}, got {unknown} too")
    return tuple(name for name in OUTPUTS if name in asked)
