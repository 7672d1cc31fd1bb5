"""What the commands say of a model: its inputs and outputs, and its heads."""

import onnx

from logitconf.card.score_card import ScoreCard
from logitconf_export.cli.common.output import Facts
from logitconf_export.heads.metadata import HeadMetadata, has_metadata, read_heads
from logitconf_export.hosts.candidates import HostReading
from logitconf_export.onnx_files.loading import host_inputs


def told_task(reading: HostReading, logits: str | None = None) -> str | None:
    """The task that the graph tells of the place to take, None if it tells none.

    Args:
        reading: of the host.
        logits: name of the place, if it is named.
    """
    if logits is None:
        return None if reading.chosen is None else reading.chosen.task
    tasks = {c.task for c in reading.candidates if logits in (c.tensor, *c.outputs)}
    return tasks.pop() if len(tasks) == 1 else None


def port_facts(model: onnx.ModelProto) -> Facts:
    """Inputs and outputs of a model with their types and dims."""
    return [
        ("inputs", ", ".join(_port(value) for value in host_inputs(model))),
        ("outputs", ", ".join(_port(value) for value in model.graph.output)),
    ]


def _port(value: onnx.ValueInfoProto) -> str:
    if not value.type.HasField("tensor_type"):
        return value.name
    tensor = value.type.tensor_type
    known = tensor.elem_type in onnx.TensorProto.DataType.values()
    element = (
        onnx.TensorProto.DataType.Name(tensor.elem_type).lower()
        if known
        else f"type {tensor.elem_type}"
    )
    dims = ", ".join(
        str(dim.dim_value) if dim.HasField("dim_value") else dim.dim_param or "?"
        for dim in tensor.shape.dim
    )
    return f"{value.name} {element} [{dims}]"


def head_facts(model: onnx.ModelProto) -> Facts:
    """Where every head of the model sits, and its numbers; nothing without a head."""
    heads = read_heads(model).heads if has_metadata(model) else ()
    return [
        fact
        for head in heads
        for fact in (("attached to", place_words(head)), *number_facts(head.card))
    ]


def number_facts(card: ScoreCard) -> Facts:
    """Score, temperature and threshold of a card."""
    return [
        ("score", card.score),
        ("temperature", f"{card.temperature:.9g}"),
        ("threshold", f"{card.threshold}"),
    ]


def place_words(head: HeadMetadata) -> str:
    """Where a head sits: what it reads, and the host's output that it judges."""
    attached = head.attached
    if attached is None:
        return f"nothing, it stands alone and reads {head.form.kind}"
    axis, n_classes = head.form.class_axis, head.form.n_classes
    count = "a free number of columns" if n_classes is None else f"{n_classes} columns"
    *names, last = attached.outputs
    renamed = [
        f"the host has a {output} of its own, so the head's is {name}"
        for output, name in attached.names.items()
        if name == f"{attached.prefix}{output}"
    ]
    words = (
        f"{attached.tensor}, which holds {attached.kind}, {count} on axis {axis}; "
        f"judges the output {attached.output} by {', '.join(names)} and {last}"
    )
    return "; ".join([words, *renamed])
