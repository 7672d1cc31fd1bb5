"""The score card inside a model: written to and read from its metadata."""

import json
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, TypeVar

import onnx

from logitconf.card import HeadForm, ScoreCard
from logitconf.errors import LogitconfError
from logitconf_export.heads.graph_writer import PREFIX

METADATA_KEY = "logitconf"
METADATA_SCHEMA = 1
SEVERAL_SCHEMA = 2
OUTPUTS = ("score", "mask", "probabilities")


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
        added_import: whether the host had no default-domain import and was given one.
    """

    prefix: str
    tensor: str
    output: str
    kind: str
    score: str
    mask: str
    probabilities: str | None = None
    added_import: bool = False

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of score, mask and, where asked for, probabilities."""
        names = (self.score, self.mask, self.probabilities)
        return tuple(name for name in names if name is not None)

    def to_dict(self) -> dict[str, Any]:
        """JSON values; what is not set is left out."""
        return {name: value for name, value in asdict(self).items() if value is not None}


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
        """Names of score, mask and, where asked for, probabilities."""
        if self.attached is not None:
            return self.attached.outputs
        return OUTPUTS if self.form.probabilities else OUTPUTS[:2]


@dataclass(frozen=True, slots=True)
class HeadsMetadata:
    """What a model says of all its heads.

    Attributes:
        heads: one or more.
        joint: the one decision of several heads, None if each has its own.
    """

    heads: tuple[HeadMetadata, ...]
    joint: JointDecision | None = None

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


def head_metadata(card: ScoreCard, form: HeadForm, attached: Attachment | None = None) -> str:
    """The JSON of one head that goes into ``metadata_props["logitconf"]``."""
    values = {"schema": METADATA_SCHEMA, **_values(HeadMetadata(card, form, attached))}
    return json.dumps(values, allow_nan=False)


def _values(head: HeadMetadata) -> dict[str, Any]:
    values: dict[str, Any] = {"card": head.card.to_dict(), "head": asdict(head.form)}
    return values if head.attached is None else {**values, "attached": head.attached.to_dict()}


def write_heads(model: onnx.ModelProto, found: HeadsMetadata) -> None:
    """Sets the entry in place, for one head or several."""
    if len(found.heads) == 1:
        head = found.heads[0]
        write_metadata(model, head_metadata(head.card, head.form, head.attached))
        return
    values = {
        "schema": SEVERAL_SCHEMA,
        "heads": [_values(head) for head in found.heads],
        "joint": None if found.joint is None else asdict(found.joint),
    }
    write_metadata(model, json.dumps(values, allow_nan=False))


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
    found = read_heads(model)
    if len(found.heads) > 1:
        raise LogitconfError(
            f"the model has the heads {list(found.names)}, and this works on one; take it out with "
            "logitconf_export.single_head(model, name)"
        )
    return found.heads[0]


def read_heads(model: onnx.ModelProto) -> HeadsMetadata:
    """What the model says of its heads, one or several.

    Raises:
        LogitconfError: if it says nothing, or nothing that this version understands.
    """
    text = next((e.value for e in model.metadata_props if e.key == METADATA_KEY), None)
    if text is None:
        raise LogitconfError(
            "the model must have a head (metadata 'logitconf'), got none; attach one first"
        )
    try:
        values = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise LogitconfError(f"the metadata 'logitconf' must be JSON: {error}") from error
    schema = values.get("schema") if isinstance(values, dict) else None
    if schema == METADATA_SCHEMA:
        return HeadsMetadata((_head(values),))
    if schema != SEVERAL_SCHEMA:
        raise LogitconfError(
            f"the metadata 'logitconf' must have schema {METADATA_SCHEMA} or {SEVERAL_SCHEMA}"
        )
    heads, joint = values.get("heads"), values.get("joint")
    if not isinstance(heads, list) or len(heads) < 2:
        raise LogitconfError("the metadata 'logitconf' must list two heads or more")
    found = tuple(_head(head) for head in heads)
    if any(head.attached is None for head in found):
        raise LogitconfError("the metadata 'logitconf' must say where each head is attached")
    return HeadsMetadata(found, None if joint is None else _record(JointDecision, joint))


_Record = TypeVar("_Record", Attachment, JointDecision)


def _head(values: object) -> HeadMetadata:
    form = values.get("head") if isinstance(values, dict) else None
    known = {field.name for field in fields(HeadForm)}
    if not isinstance(values, dict) or not isinstance(form, dict) or not set(form) <= known:
        raise LogitconfError(f"the metadata 'logitconf' must have a head with {sorted(known)}")
    attached = values.get("attached")
    return HeadMetadata(
        ScoreCard.from_dict(values.get("card")),
        HeadForm(**form),
        None if attached is None else _record(Attachment, attached),
    )


def _record(kind: type[_Record], values: object) -> _Record:
    """The record that these JSON values describe."""
    needed = [f.name for f in fields(kind) if f.default is MISSING]
    known = {f.name for f in fields(kind)}
    if not isinstance(values, dict) or not all(isinstance(values.get(n), str) for n in needed):
        raise LogitconfError(f"the metadata 'logitconf' must have the texts {needed}")
    if not set(values) <= known:
        raise LogitconfError(
            f"the metadata 'logitconf' must have only {sorted(known)}, got {sorted(values)}"
        )
    return kind(**values)
