"""Attaching a head to a host model, and taking it off again.

The host's nodes, names, weights, metadata, dims, imports and IR version stay as they are; the head
is written at the host's opset. Nothing is run, and weights in other files are only referred to.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
from onnx import helper

from logitconf.errors import LogitconfError
from logitconf.files import check_writable, write_atomically
from logitconf.head import ConfidenceHead
from logitconf.scores import SCORES
from logitconf_export.conversion import OUTPUTS, head_graph, value_of
from logitconf_export.hosts import Candidate, read_host
from logitconf_export.loading import DEFAULT_DOMAINS
from logitconf_export.metadata import head_metadata, write_metadata
from logitconf_export.opsets import PREFIX
from logitconf_export.removal import detach
from logitconf_export.weights import check_weights_folder, copy_weights_beside

# the newest opset that a host without the default domain may be given, by its IR version
_OPSET_BY_IR = {3: 8, 4: 9, 5: 10, 6: 11, 7: 14}


def attach(
    model: str | Path | bytes | onnx.ModelProto,
    head: ConfidenceHead,
    path: str | Path | None = None,
    *,
    logits: str | None = None,
    kind: str | None = None,
    class_axis: int | None = None,
    copy_weights: bool = False,
    force: bool = False,
) -> onnx.ModelProto:
    """The host with the outputs ``score`` and ``mask`` of the head.

    Args:
        model: the host, as a file, its bytes or a model; it is not changed. An older head on it is
            replaced.
        head: the compiled score. Where the classes lie is read from the host.
        path: where to write the result too, whole or not at all.
        logits: name of the tensor to attach to; found in the graph unless given. A learned
            confidence needs it.
        kind: ``"logits"``, ``"probabilities"`` or ``"log-probabilities"``; with ``logits``, when
            the graph does not tell.
        class_axis: where the classes are, when the graph does not tell.
        copy_weights: whether weights in other files may be copied to another folder.
        force: whether a file at ``path`` may be replaced.

    Returns:
        The model.

    Raises:
        LogitconfError: if the logits are not certain, do not fit the score, or the head cannot be
            written at the host's opset.
    """
    source = None if isinstance(model, bytes | onnx.ModelProto) else Path(model)
    if path is not None:
        check_writable(path, force=force)
    host = detach(model)
    reading = read_host(host)
    if SCORES[head.card.score].learned and logits is None:
        raise LogitconfError(
            "the graph does not tell a learned confidence from other logits; name its tensor "
            f"with logits=... (--logits):\n{reading.listing()}"
        )
    if path is not None:
        check_weights_folder(host, source, Path(path), copy=copy_weights)
    candidate = reading.choose(logits=logits, kind=kind, task=head.card.task, class_axis=class_axis)
    _check_declared(host.graph, candidate)
    result = _with_head(host, _fitted_to(head, candidate), candidate)
    if path is not None:
        content = result.SerializeToString(deterministic=True)
        if copy_weights and source is not None:
            copy_weights_beside(host, source.parent, Path(path).parent, force=force)
        write_atomically(path, content, force=force)
    return result


def _check_declared(graph: onnx.GraphProto, candidate: Candidate) -> None:
    declared = _shape_of(graph, candidate.tensor)
    if declared is not None and candidate.rank not in (None, len(declared)):
        raise LogitconfError(
            f"'{candidate.tensor}' has {candidate.rank} axes but is declared with {len(declared)}, "
            "so runtimes would refuse a head on it; correct the declared shape first"
        )


def _fitted_to(head: ConfidenceHead, candidate: Candidate) -> ConfidenceHead:
    """The head with its form taken from where the host keeps its classes."""
    columns = candidate.n_classes
    expected = head.form.n_classes
    if columns is not None and expected is not None and columns != expected:
        raise LogitconfError(
            f"the score was made for {expected} columns, but '{candidate.tensor}' has {columns}; "
            "fit it on this model's logits or name another tensor"
        )
    axis = candidate.class_axis
    if expected == 1 and columns is None and candidate.rank == 1:
        # each element is one logit, as where a column was picked
        axis = 1
    form = replace(
        head.form,
        n_classes=expected if columns is None else columns,
        rank=candidate.rank,
        class_axis=axis,
        kind=candidate.kind,
    )
    fitted = ConfidenceHead(head.card, form)
    fitted.load_state_dict(head.state_dict())
    return fitted


def _with_head(
    host: onnx.ModelProto, head: ConfidenceHead, candidate: Candidate
) -> onnx.ModelProto:
    taken = _names(host.graph)
    prefix = _free_prefix(taken)
    domain, opset, added_import = _default_domain(host)
    graph = head_graph(head, opset=opset, logits_dtype=candidate.dtype)
    outputs = {name: name if name not in taken else f"{prefix}{name}" for name in OUTPUTS}
    rename = {"logits": candidate.tensor, **outputs}
    _apply_names(graph, rename, prefix)
    for node in graph.node:
        node.domain = domain
    if added_import:
        host.opset_import.append(helper.make_opsetid(domain, opset))
    if host.ir_version < 4:
        host.graph.input.extend(value_of(tensor) for tensor in graph.initializer)
    host.graph.node.extend(graph.node)
    host.graph.initializer.extend(graph.initializer)
    _take_dims(graph.output, host.graph, candidate)
    host.graph.output.extend(graph.output)
    written = [outputs[name] for name in OUTPUTS[: len(graph.output)]]
    attached: dict[str, Any] = {
        "prefix": prefix,
        "tensor": candidate.tensor,
        "output": candidate.output,
        "kind": candidate.kind,
        **dict(zip(OUTPUTS, written, strict=False)),
        "added_import": added_import,
    }
    write_metadata(host, head_metadata(head.card, head.form, attached))
    return host


def _names(graph: onnx.GraphProto) -> set[str]:
    """Every name in the graph and below."""
    names: set[str] = set()
    pending = [graph]
    while pending:
        scope = pending.pop()
        names.update(tensor.name for tensor in scope.initializer)
        names.update(value.name for value in (*scope.input, *scope.output, *scope.value_info))
        for node in scope.node:
            names.update((node.name, *node.input, *node.output))
            for attribute in node.attribute:
                pending += [attribute.g] if attribute.HasField("g") else []
                pending += attribute.graphs
    return names


def _free_prefix(taken: set[str]) -> str:
    prefix, count = PREFIX, 1
    while any(name.startswith(prefix) for name in taken):
        count += 1
        prefix = f"logitconf{count}/"
    return prefix


def _default_domain(host: onnx.ModelProto) -> tuple[str, int, bool]:
    """Spelling and version of the host's default domain, and whether it must be added."""
    for entry in host.opset_import:
        if entry.domain in DEFAULT_DOMAINS:
            return entry.domain, entry.version, False
    return "", _OPSET_BY_IR.get(host.ir_version, 17), True


def _apply_names(graph: onnx.GraphProto, rename: dict[str, str], prefix: str) -> None:
    def new(name: str) -> str:
        return rename.get(name) or prefix + name.removeprefix(PREFIX)

    for node in graph.node:
        node.name = new(node.name)
        node.input[:] = [new(name) for name in node.input]
        node.output[:] = [new(name) for name in node.output]
    for value in (*graph.initializer, *graph.output):
        value.name = new(value.name)


def _take_dims(
    outputs: Iterable[onnx.ValueInfoProto], graph: onnx.GraphProto, candidate: Candidate
) -> None:
    """Gives the outputs the host's own names for the dims that they share with the logits.

    Where the host does not declare the logits' shape, that of the output behind them counts if it
    has as many axes.
    """
    known = _shape_of(graph, candidate.tensor) or _shape_of(graph, candidate.output) or []
    axis = candidate.class_axis
    if len(known) > axis and known[axis].dim_value not in (0, candidate.n_classes or 0):
        known = []
    for value in outputs:
        dims = value.type.tensor_type.shape.dim
        axes = list(range(len(known)))
        if len(axes) == len(dims) + 1:
            axes.remove(candidate.class_axis)
        for i, dim in enumerate(dims):
            if dim.HasField("dim_value"):
                continue
            shared = known[axes[i]] if len(axes) == len(dims) else None
            if shared is not None and shared.WhichOneof("value"):
                dim.CopyFrom(shared)
            else:
                dim.dim_param = f"logitconf_{dim.dim_param}"


def _shape_of(graph: onnx.GraphProto, name: str) -> list[onnx.TensorShapeProto.Dimension] | None:
    for value in (*graph.value_info, *graph.output, *graph.input):
        if value.name == name and value.type.tensor_type.HasField("shape"):
            return list(value.type.tensor_type.shape.dim)
    return None
