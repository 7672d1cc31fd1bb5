"""Putting heads back as their cards say, after another tool has changed the model around them."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import onnx

from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.errors import LogitconfError
from logitconf.fitting.score_classes import from_card
from logitconf.head_spec import Head
from logitconf_export.attachment.detaching import remove_all
from logitconf_export.attachment.recognition import HeadPlace, find_heads, needed_by
from logitconf_export.attachment.writing import write_each, write_joint, write_one
from logitconf_export.heads.graph_writer import PREFIX
from logitconf_export.heads.metadata import (
    Attachment,
    HeadMetadata,
    HeadsMetadata,
    has_metadata,
    read_heads,
)
from logitconf_export.heads.model_info import write_model_info
from logitconf_export.hosts.candidates import Candidate, HostReading
from logitconf_export.hosts.reading import read_host
from logitconf_export.onnx_files.element_types import ELEMENT_TYPES
from logitconf_export.onnx_files.loading import own_copy
from logitconf_export.onnx_files.saving import Destination
from logitconf_export.onnx_files.types import ModelSource


def reattach(
    model: ModelSource,
    path: str | Path | None = None,
    *,
    card: ScoreCard | str | Path | None = None,
    force: bool = False,
) -> onnx.ModelProto:
    """The model with its heads written anew from their cards, on the values that they sat on.

    For models whose heads another tool has rewired: static quantisation puts its nodes between the
    logits and the head, onnxconverter-common's float16 conversion casts the score, optimisers fold
    constants. Values that were renamed since are followed; the outputs of a single head keep the
    names that they have now.

    Args:
        model: a host with heads; it is not changed.
        path: where to write the result too, whole or not at all.
        card: of the one head, or a file with it, where the model no longer says anything of it.
        force: whether a file at ``path`` may be replaced.

    Raises:
        LogitconfError: if the model says of no head and there is no card, the card is not the
            model's, or the values that the heads sat on are gone.
    """
    target = Destination.of(path, model, force=force)
    host = own_copy(model)
    given = card if card is None or isinstance(card, ScoreCard) else ScoreCard.load(card)
    known = read_heads(host) if given is None or has_metadata(host) else None
    if known is not None and given is not None and not _same_card(known, given):
        raise LogitconfError(
            "the card must be the one that the model holds, but they differ; leave it out, or take "
            "the head off and attach the other card"
        )
    place = find_heads(host, known, given)
    if place is None:
        raise LogitconfError(
            "the model must hold a value of the head to find it by, but holds none; attach it anew"
        )
    traits = None if known is not None else _traits(host.graph, place)
    remove_all(host, known, place)
    target.check(host)
    reading = read_host(host)
    if known is None:
        known = HeadsMetadata((_head_of_card(given, reading, place, traits),))
    spots = [_spot(reading, head, place) for head in known.heads]
    heads = [Head.of_card(head.card, _form(head, known)) for head in known.heads]
    if known.joint is not None:
        write_joint(host, heads, spots)
    elif len(heads) > 1:
        write_each(host, heads, spots)
    else:
        write_one(host, heads[0], spots[0], outputs=_names_now(known.heads[0], place))
        if known.heads[0].attached and known.heads[0].attached.model_info is not None:
            write_model_info(host)
    target.save(host)
    return host


def _same_card(known: HeadsMetadata, given: ScoreCard) -> bool:
    """Whether a card is the model's own, which may have the names that its host carries."""
    cards = [head.card for head in known.heads]
    if given.class_names is None:
        cards = [replace(card, class_names=None) for card in cards]
    return cards == [given]


def _form(head: HeadMetadata, known: HeadsMetadata) -> HeadForm:
    """How the head is to be written; the mask of a joint decision has the type of them all."""
    return head.form if known.joint is None else replace(head.form, mask_type=known.joint.mask_type)


def _spot(reading: HostReading, head: HeadMetadata, place: HeadPlace) -> Candidate:
    """Where the head sat, as the changed host has it."""
    attached = head.attached
    if attached is None:
        raise LogitconfError("the model must be a host with a head, got a head that stands alone")
    names = [attached.tensor, place.before + attached.tensor]
    names += place.reads if len(place.reads) == 1 else ()
    tensor = next((name for name in names if name in reading.values), None)
    if tensor is None:
        raise LogitconfError(
            f"the head read '{attached.tensor}', but the model has no such value any more; take "
            "the head off and attach it anew"
        )
    spot = reading.choose(tensor, attached.kind, head.card.task, class_axis=head.form.class_axis)
    judged = {name for candidate in reading.candidates for name in candidate.outputs}
    judged |= {refusal.output for refusal in reading.refused}
    for name in (attached.output, place.before + attached.output):
        if name in judged:
            return replace(spot, output=name)
    return spot


def _names_now(head: HeadMetadata, place: HeadPlace) -> tuple[str, ...]:
    """What the outputs of a single head are called by now, in our order."""
    for before in ("", place.before):
        names = tuple(before + name for name in head.outputs)
        if set(names) == set(place.outputs):
            return names
    return place.outputs


@dataclass(frozen=True, slots=True)
class _Traits:
    """What a graph tells of how its head was written."""

    precision: str
    mask_type: str
    outputs: tuple[str, ...]


def _traits(graph: onnx.GraphProto, place: HeadPlace) -> _Traits:
    types = {value.name: value.type.tensor_type.elem_type for value in graph.output}
    words = {element: word for word, element in ELEMENT_TYPES.items()}
    casts = {
        attribute.i
        for i, node in enumerate(graph.node)
        if i in place.nodes and node.op_type == "Cast"
        for attribute in node.attribute
    }
    is_double = ELEMENT_TYPES["float64"] in casts
    return _Traits(
        "float64" if is_double else "float32",
        words.get(types[place.outputs[1]], "bool"),
        ("score", "mask", *(_kind(graph, place, name) for name in place.outputs[2:])),
    )


def _kind(graph: onnx.GraphProto, place: HeadPlace, name: str) -> str:
    """Which output one beside score and mask is: a whole number, made of the score, or neither."""
    types = {value.name: value.type.tensor_type.elem_type for value in graph.output}
    if types[name] == onnx.TensorProto.INT64:
        return "label"
    makers = {i for i, node in enumerate(graph.node) if place.outputs[0] in node.output}
    return "confidence" if makers & needed_by(graph, name) else "probabilities"


def _head_of_card(
    card: ScoreCard | None, reading: HostReading, place: HeadPlace, traits: _Traits | None
) -> HeadMetadata:
    """What the model no longer says, from the card and what is left of the head."""
    if card is None or traits is None:
        raise LogitconfError("a head whose model says nothing of it needs its card")
    if len(place.reads) != 1:
        raise LogitconfError(
            f"the head must read one value of the host, but reads {list(place.reads)}; take it off "
            "and attach the card anew"
        )
    spot = reading.choose(place.reads[0], None, card.task)
    needs_columns = card.task == "binary" and card.n_classes is None
    made = from_card(card).compile(
        precision=traits.precision,
        mask_type=traits.mask_type,
        outputs=traits.outputs,
        n_classes=spot.n_classes if needs_columns else None,
    )
    form = replace(made.form, class_axis=spot.class_axis, rank=spot.rank, kind=spot.kind)
    names: dict[str, Any] = dict(zip(traits.outputs, place.outputs, strict=True))
    if tuple(names) != form.outputs:
        raise LogitconfError(
            f"what is left of the head must give score, mask and others in that order, got "
            f"{list(traits.outputs)}; attach the card to the model as it was before"
        )
    attached = Attachment(PREFIX, spot.tensor, spot.output, spot.kind, **names)
    return HeadMetadata(card, form, attached)
