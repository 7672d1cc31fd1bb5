"""What a file says to OpenVINO's model API: entries of its metadata, made of a card.

The names and their meanings are those of openvino-model-api 0.4.7: its classification wrapper takes
the first output for the logits or probabilities of the classes, reads names with blanks between,
and compares probabilities with ``confidence_threshold`` by ``>``, as a softmax score does.
"""

from dataclasses import replace

import onnx

from logitconf.errors import LogitconfError
from logitconf.scores.table import SCORES
from logitconf_export.heads.metadata import (
    MODEL_INFO,
    HeadMetadata,
    HeadsMetadata,
    read_heads,
    write_heads,
)


def entries_of(head: HeadMetadata) -> dict[str, str]:
    """The entries that a head's card stands for, by their keys.

    ``confidence_threshold`` is there where it is the least probability that the head accepts: for
    classes, a softmax score and one threshold. Of several labels the reader lists those above it,
    so that the reader's own 0.5 must stay.

    Raises:
        LogitconfError: for a head that the reader's classification wrapper cannot stand for.
    """
    card, reason = head.card, _refusal(head)
    if reason:
        raise LogitconfError(
            "model_info (--model-info) is for OpenVINO's classification wrapper, which takes rows "
            f"of classes, got {reason}; leave it out"
        )
    entries = {"model_type": "Classification"}
    if card.task == "multilabel":
        entries["multilabel"] = "True"
    names = card.class_names
    if names is not None:
        if card.label_map is not None:
            names = tuple(names[label] for label in card.label_map.accepted)
        entries["labels"] = " ".join("_".join(name.split()) for name in names)
    probability = card.score == "softmax" and card.task != "multilabel"
    if probability and isinstance(card.threshold, float):
        entries["confidence_threshold"] = f"{-card.threshold!r}"
    return {MODEL_INFO + name: text for name, text in entries.items()}


def write_model_info(host: onnx.ModelProto) -> None:
    """Adds the entries of its one head in place, and to the head what the host said before.

    Raises:
        LogitconfError: as :func:`entries_of`, for several heads, or where the reader would take
            another output for the classes.
    """
    several = read_heads(host)
    head, attached = several.heads[0], several.heads[0].attached
    if len(several.heads) > 1 or attached is None:
        raise LogitconfError(
            "model_info (--model-info) tells of one decision, got the heads "
            f"{list(several.names)}; leave it out"
        )
    first = host.graph.output[0].name
    if first not in (attached.output, attached.tensor):
        raise LogitconfError(
            "model_info (--model-info) is read by what takes a model's first output for its "
            f"classes, but that is {first!r} and the head judges {attached.output!r}; leave it out"
        )
    before = tuple((key, _value(host, key)) for key in entries_of(head))
    renew_model_info(host, head)
    written = replace(head, attached=replace(attached, model_info=before))
    write_heads(host, HeadsMetadata((written,)))


def renew_model_info(host: onnx.ModelProto, head: HeadMetadata) -> None:
    """Sets the entries of a head in place to what its card says now."""
    for key, text in entries_of(head).items():
        _set(host, key, text)


def restore_model_info(host: onnx.ModelProto, several: HeadsMetadata) -> None:
    """Puts back in place what the host said before the heads' entries; what it did not say goes."""
    for head in several.heads:
        for key, text in (head.attached and head.attached.model_info) or ():
            _set(host, key, text)


def other_model_info(model: onnx.ModelProto, several: HeadsMetadata) -> list[str]:
    """The keys of entries that no longer say what the cards do."""
    return [
        key
        for head in several.heads
        if head.attached is not None and head.attached.model_info is not None
        for key, text in ({head.prefix: ""} if _refusal(head) else entries_of(head)).items()
        if _value(model, key) != text
    ]


def _refusal(head: HeadMetadata) -> str:
    """Why the reader's classification wrapper cannot stand for a head; empty if it can."""
    form = head.form
    if SCORES[head.card.score].learned:
        return "a learned confidence, which has no classes"
    if form.members is not None:
        return "an ensemble's members"
    if form.n_classes == 1:
        return "one column, where it wants one for each class"
    return "" if form.rank in (None, 2) else f"{form.rank} axes, so one value for each position"


def _value(model: onnx.ModelProto, key: str) -> str | None:
    return next((str(entry.value) for entry in model.metadata_props if entry.key == key), None)


def _set(model: onnx.ModelProto, key: str, text: str | None) -> None:
    """Sets one entry, where it stands or at the end; None deletes it."""
    for place, entry in enumerate(model.metadata_props):
        if entry.key == key:
            if text is None:
                del model.metadata_props[place]
            else:
                entry.value = text
            return
    if text is not None:
        model.metadata_props.add(key=key, value=text)
