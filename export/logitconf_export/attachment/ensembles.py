"""Joins several exported hosts with equal inputs into one model, their logits stacked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import onnx
from onnx import helper

from logitconf.errors import LogitconfError
from logitconf_export.attachment.attaching import attach
from logitconf_export.attachment.detaching import detach
from logitconf_export.heads.conversion import value_of
from logitconf_export.heads.sources import HeadSource, card_of, head_of
from logitconf_export.hosts.candidates import Candidate
from logitconf_export.hosts.reading import read_host
from logitconf_export.onnx_files.element_types import ELEMENT_TYPES
from logitconf_export.onnx_files.loading import (
    DEFAULT_DOMAINS,
    LARGEST_PROTOBUF,
    host_inputs,
    host_opset,
    scopes_below,
)
from logitconf_export.onnx_files.saving import Destination, source_path
from logitconf_export.onnx_files.types import ModelSource
from logitconf_export.onnx_files.weights import embed_weights, embedded_size

STACKED = "member_logits"
"""The output that holds the logits of all members, the members last."""
_PREFIX = "ensemble/"


def ensemble(
    models: Sequence[ModelSource],
    head: HeadSource | None = None,
    path: str | Path | None = None,
    *,
    logits: str | None = None,
    kind: str | None = None,
    class_axis: int | None = None,
    task: str | None = None,
    force: bool = False,
) -> onnx.ModelProto:
    """One model that runs every member on the same inputs, and a head on their stacked logits.

    The outputs of member m, counted from 1, are called ``member<m>/<name>`` and are bit-identical
    to what it gave alone; ``member_logits`` stacks the logits with the members last, (N, K, M),
    one logit a row as (N, 1, M). Weights in other files go into the result.

    Args:
        models: two members or more, as files, their bytes or models; they are not changed. Heads of
            their own are taken off.
        head: a score of that many members, its card, the path of a card, or a compiled head;
            without one there is neither score nor mask.
        path: where to write the result too, whole or not at all.
        logits: name of the logits in every member; found in each graph unless given.
        kind: what they hold, as for ``attach``.
        class_axis: where their classes are, as for ``attach``.
        task: what their columns mean, where neither graph nor head tells.
        force: whether a file at ``path`` may be replaced.

    Raises:
        LogitconfError: if the members differ in inputs, opset, IR version, or the form of their
            logits, if these are not certain, or the head is for another number of members.
    """
    if isinstance(models, str | bytes | Path | onnx.ModelProto) or len(models) < 2:
        raise LogitconfError("an ensemble must have at least 2 members, got one model; list them")
    made = None
    if head is not None:
        made = head_of(head, members=len(models) if card_of(head).members == 0 else None)
    if made is not None and made.form.members != len(models):
        raise LogitconfError(
            f"the head must be for {len(models)} members, got one for "
            f"{made.form.members or 'a single model'}; fit a per_member score on logits with as "
            "many members"
        )
    target = Destination.of(path, force=force)
    members = _members(models, target)
    for count, member in enumerate(members[1:], 2):
        _check_alike(members[0], member, count)
    if made is not None and task not in {None, made.card.task}:
        raise LogitconfError(f"the task must be the head's, {made.card.task}, got {task}")
    task = task if made is None else made.card.task
    places = []
    for count, member in enumerate(members, 1):
        try:
            places.append(read_host(member).choose(logits, kind, task, class_axis=class_axis))
        except LogitconfError as error:
            raise LogitconfError(f"in member {count} {error}") from error
    rank, axis = _common_form(places)
    joined = _joined(members)
    _stack(joined, members[0], places, rank)
    if made is not None:
        joined = attach(joined, made, logits=STACKED, kind=places[0].kind, class_axis=axis)
    target.save(joined)
    return joined


def _members(models: Sequence[ModelSource], target: Destination) -> list[onnx.ModelProto]:
    """Copies of the hosts without heads and with their weights inside.

    Raises:
        LogitconfError: if these would not fit into one file; nothing of them has been read then.
    """
    hosts = [detach(model) for model in models]
    sources = [source_path(model) for model in models]
    for host, source in zip(hosts, sources, strict=True):
        replace(target, source=source).check(host, embedded=True)
    size = sum(embedded_size(host, source) for host, source in zip(hosts, sources, strict=True))
    if size > LARGEST_PROTOBUF:
        raise LogitconfError(
            f"one ONNX file holds less than 2 GiB, but the members with their weights have {size} "
            "bytes; run them apart and score their stacked logits with a head that stands alone"
        )
    for host, source in zip(hosts, sources, strict=True):
        embed_weights(host, source)
    return hosts


def _check_alike(first: onnx.ModelProto, other: onnx.ModelProto, count: int) -> None:
    """Checks that one graph can hold both."""
    ours = {i.name: i.type.SerializeToString(deterministic=True) for i in host_inputs(first)}
    theirs = {i.name: i.type.SerializeToString(deterministic=True) for i in host_inputs(other)}
    if ours != theirs:
        unlike = sorted(n for n in {*ours, *theirs} if ours.get(n) != theirs.get(n))
        raise LogitconfError(
            f"all members must have equal inputs (name, type and dims), but those of member 1 and "
            f"{count} differ in {unlike}; export them with one signature"
        )
    opsets = [{i.domain: i.version for i in model.opset_import} for model in (first, other)]
    if opsets[0] != opsets[1]:
        raise LogitconfError(
            f"all members must import the same opsets, got {opsets[0]} in member 1 and {opsets[1]} "
            f"in member {count}; export them at one opset"
        )
    if first.ir_version != other.ir_version:
        raise LogitconfError(
            f"all members must have one IR version, got {first.ir_version} in member 1 and "
            f"{other.ir_version} in member {count}; export them with one exporter"
        )
    known = {(f.domain, f.name): f for f in first.functions}
    clashing = [f.name for f in other.functions if known.get((f.domain, f.name), f) != f]
    if clashing:
        raise LogitconfError(
            f"functions of one name must be equal in all members, but {clashing} of member "
            f"{count} differ from those of member 1; export them with functions inlined"
        )


def _common_form(places: Sequence[Candidate]) -> tuple[int, int]:
    """Rank and class axis of the members' logits, which must have one form."""
    forms = [(p.kind, p.dtype, p.rank, p.class_axis, p.n_classes) for p in places]
    for count, form in enumerate(forms[1:], 2):
        if form != forms[0]:
            raise LogitconfError(
                "all members must have logits of one form (kind, dtype, rank, class axis, "
                f"classes), got {forms[0]} in member 1 and {form} in member {count}"
            )
    rank = places[0].rank
    if rank is None:
        raise LogitconfError(
            f"the rank of '{places[0].tensor}' must be known to stack it, but the graph does not "
            "tell; export the members with shapes"
        )
    return rank, min(places[0].class_axis, rank)


def _joined(members: Sequence[onnx.ModelProto]) -> onnx.ModelProto:
    """The members side by side, all their names but the inputs' under ``member<m>/``."""
    first = members[0]
    joined = onnx.ModelProto(ir_version=first.ir_version, producer_name="logitconf")
    joined.opset_import.extend(first.opset_import)
    joined.graph.name = "ensemble"
    joined.graph.input.extend(host_inputs(first))
    for count, member in enumerate(members, 1):
        prefix = f"member{count}/"
        shown = [value.name for value in member.graph.output]
        kept = {value.name for value in host_inputs(member)}
        dims = {d.dim_param for v in host_inputs(member) for d in v.type.tensor_type.shape.dim}
        if kept & {*shown}:
            raise LogitconfError(
                f"no output of a member may be an input too, got {sorted(kept & {*shown})} in "
                f"member {count}; put an Identity between them"
            )
        _prefix_names(member, prefix, kept, dims)
        graph = member.graph
        joined.graph.input.extend(value for value in graph.input if value.name not in kept)
        for name in ("node", "initializer", "sparse_initializer", "value_info", "output"):
            getattr(joined.graph, name).extend(getattr(graph, name))
        joined.graph.quantization_annotation.extend(graph.quantization_annotation)
        for pair in member.metadata_props:
            joined.metadata_props.add(key=prefix + pair.key, value=pair.value)
        known = {(f.domain, f.name) for f in joined.functions}
        joined.functions.extend(f for f in member.functions if (f.domain, f.name) not in known)
    return joined


def _prefix_names(model: onnx.ModelProto, prefix: str, kept: set[str], kept_dims: set[str]) -> None:
    """Renames every value, node and free dim of the graph and below, in place.

    A function's names are its own. A dim of the same name in two members need not be the same, and
    runtimes plan memory by these names.
    """

    def renamed(name: str) -> str:
        return prefix + name if name and name not in kept else name

    for scope in scopes_below([model.graph]):
        for node in scope.node:
            node.name = prefix + node.name if node.name else ""
            node.input[:] = [renamed(name) for name in node.input]
            node.output[:] = [renamed(name) for name in node.output]
        for tensor in scope.initializer:
            tensor.name = renamed(tensor.name)
        for sparse in scope.sparse_initializer:
            sparse.values.name = renamed(sparse.values.name)
        for note in scope.quantization_annotation:
            note.tensor_name = renamed(note.tensor_name)
            for pair in note.quant_parameter_tensor_names:
                pair.value = renamed(pair.value)
        for value in (*scope.input, *scope.output, *scope.value_info):
            value.name = renamed(value.name)
            for dim in value.type.tensor_type.shape.dim:
                if dim.dim_param and dim.dim_param not in kept_dims:
                    dim.dim_param = prefix + dim.dim_param


def _stack(
    joined: onnx.ModelProto, first: onnx.ModelProto, places: Sequence[Candidate], rank: int
) -> None:
    """Adds the output of all logits, the members last, in place.

    Args:
        joined: the members side by side.
        first: the first member with its names prefixed.
        places: the logits of each member, by their old names.
        rank: of these.
    """
    taken = {value.name for value in joined.graph.input}
    if STACKED in taken:
        raise LogitconfError(f"no input may be called '{STACKED}', as the stacked logits are")
    opset = host_opset(joined)
    domain = next((i.domain for i in joined.opset_import if i.domain in DEFAULT_DOMAINS), "")
    # one logit a row without an axis of its own gets one
    flat = places[0].class_axis >= rank
    axes = [rank, rank + 1] if flat else [rank]
    parts = []
    for count, place in enumerate(places, 1):
        part = f"{_PREFIX}{count}"
        node = helper.make_node(
            "Unsqueeze", [f"member{count}/{place.tensor}"], [part], part, domain=domain
        )
        if opset >= 13:
            node.input.append(_PREFIX + "axes")
        else:
            node.attribute.append(helper.make_attribute("axes", axes))
        parts.append(part)
        joined.graph.node.append(node)
    if opset >= 13:
        tensor = helper.make_tensor(_PREFIX + "axes", onnx.TensorProto.INT64, [len(axes)], axes)
        joined.graph.initializer.append(tensor)
        if joined.ir_version < 4:
            joined.graph.input.append(value_of(tensor))
    last = axes[-1]
    joined.graph.node.append(
        helper.make_node("Concat", parts, [STACKED], _PREFIX + "stack", domain=domain, axis=last)
    )
    value = joined.graph.output.add(name=STACKED)
    value.type.tensor_type.elem_type = ELEMENT_TYPES[places[0].dtype]
    dims = value.type.tensor_type.shape.dim
    known = _declared_dims(first.graph, f"member1/{places[0].tensor}")
    for position in range(rank):
        dim = dims.add()
        if position == places[0].class_axis and places[0].n_classes:
            dim.dim_value = places[0].n_classes
        elif known is not None and len(known) == rank:
            dim.CopyFrom(known[position])
    if flat:
        dims.add(dim_value=1)
    dims.add(dim_value=len(places))


def _declared_dims(
    graph: onnx.GraphProto, name: str
) -> list[onnx.TensorShapeProto.Dimension] | None:
    for value in (*graph.output, *graph.value_info):
        if value.name == name and value.type.tensor_type.HasField("shape"):
            return list(value.type.tensor_type.shape.dim)
    return None
