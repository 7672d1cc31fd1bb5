"""Finding a head in a model and taking it off."""

from pathlib import Path

import onnx

from logitconf.errors import LogitconfError
from logitconf_export.loading import DEFAULT_DOMAINS, load_model
from logitconf_export.metadata import METADATA_KEY, has_metadata, read_metadata
from logitconf_export.opsets import PREFIX


def detach(model: str | Path | bytes | onnx.ModelProto) -> onnx.ModelProto:
    """The host without its head, as it was before ``attach``; a model without a head as it is.

    Args:
        model: a file, its bytes or a model; it is not changed.

    Raises:
        LogitconfError: if the model is a head that stands alone.
    """
    host = load_model(model)
    if isinstance(model, onnx.ModelProto):
        host = onnx.ModelProto()
        host.CopyFrom(model)
    if not has_metadata(host):
        return host
    attached = read_metadata(host).attached
    if attached is None:
        raise LogitconfError("the model must be a host with a head, got a head that stands alone")
    prefix = attached["prefix"]
    outputs = {attached[name] for name in ("score", "mask", "probabilities") if name in attached}
    graph = host.graph
    _drop(graph.node, [node.name.startswith(prefix) or node.name in outputs for node in graph.node])
    _drop(graph.initializer, [tensor.name.startswith(prefix) for tensor in graph.initializer])
    _drop(graph.input, [value.name.startswith(prefix) for value in graph.input])
    _drop(graph.output, [value.name in outputs for value in graph.output])
    _drop(host.metadata_props, [entry.key == METADATA_KEY for entry in host.metadata_props])
    if attached.get("added_import"):
        _drop(host.opset_import, [entry.domain in DEFAULT_DOMAINS for entry in host.opset_import])
    return host


def head_nodes(model: str | Path | bytes | onnx.ModelProto) -> tuple[str, ...]:
    """Names of the head's nodes, to leave out of a later quantisation or float16 conversion.

    Raises:
        LogitconfError: if the model has no head.
    """
    loaded = load_model(model)
    attached = read_metadata(loaded).attached or {}
    prefix = attached.get("prefix", PREFIX)
    outputs = {attached.get(name, name) for name in ("score", "mask", "probabilities")}
    return tuple(
        node.name
        for node in loaded.graph.node
        if node.name.startswith(prefix) or (node.name in outputs and node.output[0] in outputs)
    )


def _drop(items: "object", unwanted: list[bool]) -> None:
    for index in reversed(range(len(unwanted))):
        if unwanted[index]:
            del items[index]  # type: ignore[attr-defined]
