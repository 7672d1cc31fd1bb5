"""Finding the heads in a model, and taking them off."""

from collections.abc import Collection
from dataclasses import replace

import onnx

from logitconf.errors import LogitconfError
from logitconf_export.attachment.recognition import HeadPlace, drop, find_heads, remove_heads
from logitconf_export.heads.metadata import (
    METADATA_KEY,
    HeadsMetadata,
    has_metadata,
    read_heads,
    write_heads,
)
from logitconf_export.onnx_files.loading import (
    DEFAULT_DOMAINS,
    load_model,
    own_copy,
    uses_default_domain,
)
from logitconf_export.onnx_files.types import ModelSource


def detach(model: ModelSource) -> onnx.ModelProto:
    """The host without its heads, as it was before ``attach``; a model without a head as it is.

    What other tools did to the file since is followed: other names, casts, fused nodes, lost
    metadata.

    Args:
        model: a file, its bytes or a model; it is not changed.

    Raises:
        LogitconfError: if the model is a head that stands alone, or it is not certain what in it
            belongs to the heads.
    """
    host = own_copy(model)
    known = read_heads(host) if has_metadata(host) else None
    if known is not None and known.heads[0].attached is None:
        raise LogitconfError("the model must be a host with a head, got a head that stands alone")
    place = find_heads(host, known)
    if place is not None:
        remove_all(host, known, place)
    elif known is not None:
        raise LogitconfError(
            "the model says that it has a head, but none of its values and outputs is the head's; "
            "take the model as it was before"
        )
    return host


def remove_all(host: onnx.ModelProto, known: HeadsMetadata | None, place: HeadPlace) -> None:
    """Takes the heads off in place, and what the model says of them.

    Raises:
        LogitconfError: if the host reads what the heads compute.
    """
    remove_heads(host.graph, place)
    drop(host.metadata_props, [entry.key == METADATA_KEY for entry in host.metadata_props])
    if known is None:
        return
    if any(head.attached and head.attached.model_info is not None for head in known.heads):
        # few files have it, and `inspect` takes heads off
        from logitconf_export.heads.model_info import restore_model_info

        restore_model_info(host, known)
    if uses_default_domain(host):
        return
    if _added_import(known):
        drop(host.opset_import, [entry.domain in DEFAULT_DOMAINS for entry in host.opset_import])
    imports = [entry for entry in host.opset_import if entry.domain in DEFAULT_DOMAINS]
    raised = _raised_import(known)
    if imports and raised is not None:
        imports[-1].version = raised


def single_head(model: ModelSource, name: str) -> onnx.ModelProto:
    """The host with one of its heads, whose score and mask are outputs; the others are taken off.

    Args:
        model: a file, its bytes or a model; it is not changed.
        name: the host's output that the head judges, or the tensor that it reads.

    Raises:
        LogitconfError: if no head is called so.
    """
    host = own_copy(model)
    several = read_heads(host)
    return _only(host, several, several.named(name))


def each_head(model: onnx.ModelProto) -> tuple[onnx.ModelProto, ...]:
    """The host with its first head, with its second head, and so on."""
    several = read_heads(model)
    return tuple(_only(own_copy(model), several, place) for place in range(len(several.heads)))


def head_nodes(model: ModelSource) -> tuple[str, ...]:
    """Names of the heads' nodes, to leave out of a later quantisation or float16 conversion.

    Raises:
        LogitconfError: if the model has no head.
    """
    loaded = load_model(model)
    several = read_heads(loaded)
    prefixes, outputs = _prefixes(several), _outputs(several)
    return tuple(
        node.name
        for node in loaded.graph.node
        if node.name.startswith(prefixes) or (node.name in outputs and node.output[0] in outputs)
    )


def _only(host: onnx.ModelProto, several: HeadsMetadata, place: int) -> onnx.ModelProto:
    kept = several.heads[place]
    others = tuple(head for head in several.heads if head is not kept)
    rest = HeadsMetadata(others, several.joint)
    names = kept.outputs
    inner = {value.name: value for value in host.graph.value_info}
    shown = {value.name for value in host.graph.output}
    for name in names[:2]:
        if name not in shown and name in inner:
            host.graph.output.append(inner[name])
    drop(host.graph.value_info, [value.name in names for value in host.graph.value_info])
    _drop_named(host.graph, _prefixes(rest), _outputs(rest))
    if kept.attached is not None:
        attached = replace(
            kept.attached,
            added_import=_added_import(several),
            raised_import=_raised_import(several),
        )
        kept = replace(kept, attached=attached)
    write_heads(host, HeadsMetadata((kept,)))
    return host


def _prefixes(several: HeadsMetadata) -> tuple[str, ...]:
    prefixes = [head.prefix for head in several.heads]
    return tuple(prefixes if several.joint is None else [*prefixes, several.joint.prefix])


def _outputs(several: HeadsMetadata) -> set[str]:
    names = {name for head in several.heads for name in head.outputs}
    return names if several.joint is None else names | {*several.joint.outputs}


def _added_import(several: HeadsMetadata) -> bool:
    return any(head.attached and head.attached.added_import for head in several.heads)


def _raised_import(several: HeadsMetadata) -> int | None:
    versions = (head.attached.raised_import for head in several.heads if head.attached)
    return next((version for version in versions if version is not None), None)


def _drop_named(
    graph: onnx.GraphProto, prefixes: tuple[str, ...], outputs: Collection[str]
) -> None:
    drop(
        graph.node, [node.name.startswith(prefixes) or node.name in outputs for node in graph.node]
    )
    drop(graph.initializer, [tensor.name.startswith(prefixes) for tensor in graph.initializer])
    for values in (graph.input, graph.value_info):
        drop(values, [value.name.startswith(prefixes) for value in values])
    drop(graph.output, [value.name in outputs for value in graph.output])
