"""The score card inside a model: written to and read from its metadata."""

import json
import re
from collections.abc import Callable
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

import numpy as np
import onnx

from logitconf.card.score_card import KINDS, MASK_TYPES, OUTPUTS, HeadForm, ScoreCard
from logitconf.errors import LogitconfError
from logitconf.notebook.brief import brief
from logitconf.typed_json import (
    MOST_BYTES,
    check_count,
    check_text,
    json_values,
    parse_json,
    shown,
    value_of,
)
from logitconf_export.heads.graph_writer import PREFIX

METADATA_KEY = "logitconf"
METADATA_SCHEMA = 1
SEVERAL_SCHEMA = 2
MODEL_INFO = "model_info "
"""How keys start of the metadata that OpenVINO's model API reads."""
# beyond any that there will be; the field of a file holds 64 bits
_NEWEST_IMPORT = 10_000
_LARGEST = float(np.finfo(np.float32).max)
_WHAT = "the metadata 'logitconf'"
# of a card, float32 values, which a file holds as short as they are read back
_SINGLE = (
    ("temperature",),
    ("threshold",),
    ("confidence", "scores"),
    ("confidence", "values"),
    ("sketch", "cutoffs"),
)
# tools put prefixes of their own before ours; an empty one would take the whole host for the head
_PREFIX = re.compile(rf".*{PREFIX[:-1]}\d*/((\d+|joint)/)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Attachment:
    """Where a head sits in a host, and how its outputs are called there.

    Attributes:
        prefix: of its nodes, values and initializers.
        tensor: the value that it reads.
        output: the host's output that it judges.
        kind: what the value holds: ``"logits"``, ``"probabilities"`` or ``"log-probabilities"``.
        score: name of the value that is its score.
        mask: name of its mask.
        probabilities: name of the calibrated probabilities, None where they were not asked for.
        label: name of the predicted class or labels, likewise.
        confidence: name of the probability that the label is right, likewise.
        model_info: the metadata that the head's own took the place of, by its keys; None where the
            host had none of that key. None in all where a head writes none.
        added_import: whether the host had no default-domain import and was given one.
        raised_import: the version that the host imported of it, too old for a head but used by
            nothing, so that it was raised.
    """

    prefix: str
    tensor: str
    output: str
    kind: str
    score: str
    mask: str
    probabilities: str | None = None
    added_import: bool = False
    raised_import: int | None = None
    label: str | None = None
    confidence: str | None = None
    model_info: tuple[tuple[str, str | None], ...] | None = None

    def __post_init__(self) -> None:
        _check_prefix(self.prefix)
        check_text(self.kind, "kind", KINDS)
        for key, _ in self.model_info or ():
            if not key.startswith(MODEL_INFO):
                raise LogitconfError(f"model_info must have keys of its own, got {shown(key)}")
        if self.raised_import is not None:
            check_count(self.raised_import, "raised_import", least=1, most=_NEWEST_IMPORT)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of score, mask and what else was asked for, in the order of `OUTPUTS`."""
        return tuple(self.names.values())

    @property
    def names(self) -> dict[str, str]:
        """What each output is called here."""
        given = {output: getattr(self, output) for output in OUTPUTS}
        return {output: name for output, name in given.items() if name is not None}


@dataclass(frozen=True, slots=True)
class JointDecision:
    """The one decision of several heads: how its values are called.

    Attributes:
        prefix: of its nodes, values and initializers.
        score: name of the output that is the largest of the heads' scores.
        mask: name of the output that accepts what every head accepts.
        mask_type: ``"bool"``, ``"uint8"`` or ``"float32"``.
    """

    prefix: str
    score: str
    mask: str
    mask_type: str

    def __post_init__(self) -> None:
        _check_prefix(self.prefix)
        check_text(self.mask_type, "mask_type", MASK_TYPES)

    @property
    def outputs(self) -> tuple[str, str]:
        """Names of score and mask."""
        return self.score, self.mask


@dataclass(frozen=True, slots=True)
class HeadMetadata:
    """What a model says of its head.

    Attributes:
        card: the score card.
        form: how the head is written.
        attached: where the head sits in a host, None for a head that stands alone.
    """

    card: ScoreCard
    form: HeadForm
    attached: Attachment | None = None

    __repr__ = brief

    def __post_init__(self) -> None:
        if self.card.threshold is None:
            raise LogitconfError("the card of a head must have a threshold, got none")
        if self.attached is None:
            return
        outputs = tuple(self.attached.names)
        if self.attached.kind != self.form.kind or outputs != self.form.outputs:
            raise LogitconfError(
                f"a head must be attached as it is written, got one for {self.form.kind} with "
                f"{list(self.form.outputs)} attached to {self.attached.kind} with {list(outputs)}"
            )

    @property
    def prefix(self) -> str:
        """Start of the names of the head's nodes, values and initializers."""
        return PREFIX if self.attached is None else self.attached.prefix

    @property
    def tensor(self) -> str:
        """The value that the head reads."""
        return "logits" if self.attached is None else self.attached.tensor

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of score, mask and what else was asked for, in the order of `OUTPUTS`."""
        return self.form.outputs if self.attached is None else self.attached.outputs


@dataclass(frozen=True, slots=True)
class HeadsMetadata:
    """What a model says of all its heads.

    Attributes:
        heads: one or more.
        joint: the one decision of several heads, None if each has its own.
    """

    heads: tuple[HeadMetadata, ...]
    joint: JointDecision | None = None

    __repr__ = brief

    def __post_init__(self) -> None:
        if len(self.heads) > 1 and not all(head.attached for head in self.heads):
            raise LogitconfError("each of several heads must say where it is attached")

    @property
    def names(self) -> tuple[str, ...]:
        """The host's output that each head judges; empty for a head that stands alone."""
        return tuple(head.attached.output for head in self.heads if head.attached)

    def named(self, name: str) -> int:
        """The place of a head by the host's output that it judges, or the tensor that it reads.

        Raises:
            LogitconfError: if no head is called so.
        """
        attached = [head.attached for head in self.heads if head.attached]
        for names in ([one.output for one in attached], [one.tensor for one in attached]):
            if name in names:
                return names.index(name)
        raise LogitconfError(f"no head is called {name!r}; the heads are {list(self.names)}")


def _check_prefix(prefix: str) -> None:
    if _PREFIX.fullmatch(prefix) is None:
        raise LogitconfError(f"prefix must be one of ours, such as {PREFIX!r}, got {shown(prefix)}")


def head_metadata(card: ScoreCard, form: HeadForm, attached: Attachment | None = None) -> str:
    """The JSON of one head that goes into ``metadata_props["logitconf"]``."""
    return _text({"schema": METADATA_SCHEMA, **_values(HeadMetadata(card, form, attached))})


def _values(head: HeadMetadata) -> dict[str, Any]:
    values: dict[str, Any] = {
        "card": _with_singles(_without_defaults(ScoreCard, head.card.to_dict()), _shortest),
        "head": _without_defaults(HeadForm, asdict(head.form)),
    }
    if head.attached is not None:
        values["attached"] = _without_defaults(Attachment, json_values(head.attached))
    return values


def _without_defaults(kind: type, values: dict[str, Any]) -> dict[str, Any]:
    """What a reader would not fill in by itself; every version does that."""
    usual = {
        f.name: f.default if f.default_factory is MISSING else f.default_factory()
        for f in fields(kind)
    }
    return {name: value for name, value in values.items() if usual.get(name, MISSING) != value}


def _with_singles(card: dict[str, Any], change: Callable[[float], float]) -> dict[str, Any]:
    """The card with its float32 values changed."""
    made = dict(card)
    for first, *rest in _SINGLE:
        part = made.get(first)
        if rest and isinstance(part, dict) and rest[0] in part:
            made[first] = {**part, rest[0]: _each(part[rest[0]], change)}
        elif not rest and part is not None:
            made[first] = _each(part, change)
    return made


def _each(value: object, change: Callable[[float], float]) -> object:
    if isinstance(value, (list, tuple)):
        return [_each(item, change) for item in value]
    return change(value) if isinstance(value, float) else value


def _shortest(value: float) -> float:
    """The number with the fewest digits that is this one in float32; itself if it is none there."""
    return float(str(np.float32(value))) if _rounded(value) == value else value


def _rounded(value: float) -> float:
    """The nearest float32; numbers beyond all of them stay, for others to refuse."""
    return float(np.float32(value)) if abs(value) <= _LARGEST else value


def _text(values: dict[str, Any]) -> str:
    text = json.dumps(values, allow_nan=False, separators=(",", ":"))
    if len(text) > MOST_BYTES:
        raise LogitconfError(
            f"{_WHAT} must have at most {MOST_BYTES} bytes, got {len(text)}; give all classes one "
            "threshold"
        )
    return text


def write_heads(model: onnx.ModelProto, several: HeadsMetadata) -> None:
    """Sets the entry in place, for one head or several."""
    if len(several.heads) == 1:
        head = several.heads[0]
        write_metadata(model, head_metadata(head.card, head.form, head.attached))
        return
    values: dict[str, Any] = {
        "schema": SEVERAL_SCHEMA,
        "heads": [_values(head) for head in several.heads],
        "joint": None if several.joint is None else asdict(several.joint),
    }
    write_metadata(model, _text(values))


def write_metadata(model: onnx.ModelProto, text: str) -> None:
    """Sets the entry in place; other entries stay."""
    for entry in model.metadata_props:
        if entry.key == METADATA_KEY:
            entry.value = text
            return
    model.metadata_props.add(key=METADATA_KEY, value=text)


def has_metadata(model: onnx.ModelProto) -> bool:
    """Whether the model says that it has a head."""
    return any(entry.key == METADATA_KEY for entry in model.metadata_props)


def read_metadata(model: onnx.ModelProto) -> HeadMetadata:
    """What the model says of its head.

    Raises:
        LogitconfError: if it says nothing, nothing that this version understands, or has several.
    """
    several = read_heads(model)
    if len(several.heads) > 1:
        raise LogitconfError(
            f"the model has the heads {list(several.names)}, and this works on one; take it out "
            "with logitconf_export.single_head(model, name)"
        )
    return several.heads[0]


def read_heads(model: onnx.ModelProto) -> HeadsMetadata:
    """What the model says of its heads, one or several.

    Raises:
        LogitconfError: if it says nothing, or nothing that this version understands.
    """
    texts = [entry.value for entry in model.metadata_props if entry.key == METADATA_KEY]
    if not texts:
        raise LogitconfError(
            "the model must have a head (metadata 'logitconf'), got none; attach one first"
        )
    if len(texts) > 1:
        raise LogitconfError(f"a model must have one entry of {_WHAT}, got {len(texts)}")
    values = parse_json(texts[0], _WHAT)
    schema = values.get("schema") if isinstance(values, dict) else None
    if not isinstance(values, dict) or schema not in (METADATA_SCHEMA, SEVERAL_SCHEMA):
        raise LogitconfError(
            f"{_WHAT} must have schema {METADATA_SCHEMA} or {SEVERAL_SCHEMA}, got {shown(schema)}"
        )
    if schema == METADATA_SCHEMA:
        return HeadsMetadata((_head(values),))
    if not {"schema", "heads"} <= set(values) <= {"schema", "heads", "joint"}:
        raise LogitconfError(f"{_WHAT} must have heads and joint, got {shown(list(values))}")
    heads, joint = values["heads"], values.get("joint")
    if not isinstance(heads, list) or len(heads) < 2:
        raise LogitconfError(f"{_WHAT} must list two heads or more, got {shown(heads)}")
    return HeadsMetadata(
        tuple(_head(head) for head in heads),
        None if joint is None else value_of(JointDecision, joint, f"'joint' in {_WHAT}"),
    )


def _head(values: object) -> HeadMetadata:
    parts = dict(values) if isinstance(values, dict) else {}
    parts.pop("schema", None)
    if not {"card", "head"} <= set(parts) <= {"card", "head", "attached"}:
        raise LogitconfError(
            f"{_WHAT} must have a card, a head and where it is attached, got {shown(list(parts))}"
        )
    attached, card = parts.get("attached"), parts["card"]
    return HeadMetadata(
        ScoreCard.from_dict(_with_singles(card, _rounded) if isinstance(card, dict) else card),
        value_of(HeadForm, _form_of_today(parts["head"]), f"'head' in {_WHAT}"),
        None if attached is None else value_of(Attachment, attached, f"'attached' in {_WHAT}"),
    )


def _form_of_today(values: object) -> object:
    """The form of a head; 0.1 knew one further output, and said whether it was asked for."""
    if not isinstance(values, dict) or "probabilities" not in values or "outputs" in values:
        return values
    rest = {name: value for name, value in values.items() if name != "probabilities"}
    return {**rest, "outputs": ["probabilities"] if values["probabilities"] is True else []}
