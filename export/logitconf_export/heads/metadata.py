"""The score card inside a model: written to and read from its metadata."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import onnx

from logitconf.card import HeadForm, ScoreCard
from logitconf.errors import LogitconfError

METADATA_KEY = "logitconf"
METADATA_SCHEMA = 1
SEVERAL_SCHEMA = 2


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
    attached: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class HeadsMetadata:
    """What a model says of all its heads.

    Attributes:
        heads: one or more.
        joint: names and mask type of the one decision of several heads, None if each has its own.
    """

    heads: tuple[HeadMetadata, ...]
    joint: Mapping[str, str] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The host's output that each head judges; empty for a head that stands alone."""
        return tuple(str(head.attached["output"]) for head in self.heads if head.attached)

    def named(self, name: str) -> int:
        """The place of a head by the host's output that it judges, or the tensor that it reads.

        Raises:
            LogitconfError: if no head is called so.
        """
        for key in ("output", "tensor"):
            for place, head in enumerate(self.heads):
                if head.attached and head.attached[key] == name:
                    return place
        raise LogitconfError(f"no head is called {name!r}; the heads are {list(self.names)}")


def head_metadata(card: ScoreCard, form: HeadForm, attached: dict[str, Any] | None = None) -> str:
    """The JSON of one head that goes into ``metadata_props["logitconf"]``."""
    values = {"schema": METADATA_SCHEMA, **_values(HeadMetadata(card, form, attached))}
    return json.dumps(values, allow_nan=False)


def _values(head: HeadMetadata) -> dict[str, Any]:
    values: dict[str, Any] = {"card": head.card.to_dict(), "head": asdict(head.form)}
    return values if head.attached is None else {**values, "attached": head.attached}


def write_heads(model: onnx.ModelProto, found: HeadsMetadata) -> None:
    """Sets the entry in place, for one head or several."""
    if len(found.heads) == 1:
        head = found.heads[0]
        write_metadata(model, head_metadata(head.card, head.form, head.attached))
        return
    values = {
        "schema": SEVERAL_SCHEMA,
        "heads": [_values(head) for head in found.heads],
        "joint": None if found.joint is None else dict(found.joint),
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
    if joint is not None:
        _check_words(joint, _JOINT_WORDS)
    return HeadsMetadata(found, joint)


_ATTACHED_WORDS = ("prefix", "tensor", "output", "kind", "score", "mask")
_JOINT_WORDS = ("prefix", "score", "mask", "mask_type")


def _head(values: object) -> HeadMetadata:
    form = values.get("head") if isinstance(values, dict) else None
    known = {field.name for field in fields(HeadForm)}
    if not isinstance(values, dict) or not isinstance(form, dict) or not set(form) <= known:
        raise LogitconfError(f"the metadata 'logitconf' must have a head with {sorted(known)}")
    attached = values.get("attached")
    if attached is not None:
        _check_words(attached, _ATTACHED_WORDS)
    return HeadMetadata(ScoreCard.from_dict(values.get("card")), HeadForm(**form), attached)


def _check_words(values: object, names: tuple[str, ...]) -> None:
    if not isinstance(values, dict) or not all(isinstance(values.get(n), str) for n in names):
        raise LogitconfError(f"the metadata 'logitconf' must have the texts {list(names)}")
