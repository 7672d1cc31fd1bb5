"""Putting heads back as their cards say, after another tool has changed the model around them."""

from dataclasses import replace
from pathlib import Path

import onnx

from logitconf.errors import LogitconfError
from logitconf.head import ConfidenceHead
from logitconf_export.attachment.detaching import detach
from logitconf_export.attachment.writing import write_each, write_joint, write_one
from logitconf_export.heads.metadata import Attachment, HeadMetadata, read_heads
from logitconf_export.hosts.candidates import Candidate, HostReading
from logitconf_export.hosts.reading import read_host
from logitconf_export.onnx_files.loading import load_model
from logitconf_export.onnx_files.saving import Destination
from logitconf_export.onnx_files.types import ModelSource


def reattach(
    model: ModelSource,
    path: str | Path | None = None,
    *,
    force: bool = False,
) -> onnx.ModelProto:
    """The model with its heads written anew from their cards, on the values that they sat on.

    For models whose heads another tool has rewired: static quantisation puts its nodes between the
    logits and the head, and onnxconverter-common's float16 conversion casts the score.

    Args:
        model: a host with heads; it is not changed.
        path: where to write the result too, whole or not at all.
        force: whether a file at ``path`` may be replaced.

    Raises:
        LogitconfError: if the model says of no head, or the values that the heads sat on are gone.
    """
    target = Destination.of(path, model, force=force)
    found = read_heads(load_model(model))
    host = detach(model)
    target.check(host)
    reading = read_host(host)
    places = [_place(reading, head, head.attached) for head in found.heads if head.attached]
    heads = [ConfidenceHead(head.card, head.form) for head in found.heads]
    if found.joint is not None:
        mask_type = found.joint.mask_type
        forms = [replace(head.form, mask_type=mask_type) for head in found.heads]
        heads = [ConfidenceHead(h.card, f) for h, f in zip(found.heads, forms, strict=True)]
        write_joint(host, heads, places)
    elif len(heads) > 1:
        write_each(host, heads, places)
    else:
        write_one(host, heads[0], places[0])
    target.save(host)
    return host


def _place(reading: HostReading, head: HeadMetadata, attached: Attachment) -> Candidate:
    """Where the head sat, as the changed host has it."""
    tensor = attached.tensor
    if tensor not in reading.values:
        raise LogitconfError(
            f"the head read '{tensor}', but the model has no such value any more; take the head "
            "off and attach it anew"
        )
    place = reading.choose(tensor, attached.kind, head.card.task, class_axis=head.form.class_axis)
    return replace(place, output=attached.output)
