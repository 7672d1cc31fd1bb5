"""The score card inside a model: written to and read from its metadata."""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

import onnx

from logitconf.card import HeadForm, ScoreCard
from logitconf.errors import LogitconfError

METADATA_KEY = "logitconf"
METADATA_SCHEMA = 1


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


def head_metadata(card: ScoreCard, form: HeadForm, attached: dict[str, Any] | None = None) -> str:
    """The JSON that goes into ``metadata_props["logitconf"]``."""
    values: dict[str, Any] = {
        "schema": METADATA_SCHEMA,
        "card": card.to_dict(),
        "head": asdict(form),
    }
    if attached is not None:
        values["attached"] = attached
    return json.dumps(values, allow_nan=False)


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
        LogitconfError: if it says nothing, or nothing that this version understands.
    """
    text = next((e.value for e in model.metadata_props if e.key == METADATA_KEY), None)
    if text is None:
        raise LogitconfError(
            "the model must have a head (metadata 'logitconf'), got none; attach one first"
        )
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise LogitconfError(f"the metadata 'logitconf' must be JSON: {error}") from error
    if not isinstance(values, dict) or values.get("schema") != METADATA_SCHEMA:
        raise LogitconfError(f"the metadata 'logitconf' must have schema {METADATA_SCHEMA}")
    form = values.get("head")
    known = {field.name for field in fields(HeadForm)}
    if not isinstance(form, dict) or not set(form) <= known:
        raise LogitconfError(f"the metadata 'logitconf' must have a head with {sorted(known)}")
    card = ScoreCard.from_dict(values.get("card"))
    return HeadMetadata(card, HeadForm(**form), values.get("attached"))
