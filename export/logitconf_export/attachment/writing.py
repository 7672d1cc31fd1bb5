"""Writing heads into a host: their names, the host's opset, and the dims that they share."""

import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import onnx
from onnx import helper

from logitconf.card.score_card import OUTPUTS
from logitconf.errors import LogitconfError, LogitconfWarning
from logitconf.head_spec import Head, dropped_axes
from logitconf_export.attachment.declarations import declared_dims, misdeclared
from logitconf_export.heads.conversion import head_graph, optional_inputs_of, value_of
from logitconf_export.heads.graph_writer import PREFIX, apply_names
from logitconf_export.heads.joint import JOINT_OUTPUTS, check_joinable, joint_nodes
from logitconf_export.heads.metadata import (
    Attachment,
    HeadMetadata,
    HeadsMetadata,
    JointDecision,
    write_heads,
)
from logitconf_export.hosts.candidates import Candidate
from logitconf_export.onnx_files.element_types import ELEMENT_TYPES
from logitconf_export.onnx_files.loading import (
    DEFAULT_DOMAINS,
    scopes_below,
    uses_default_domain,
)
from logitconf_export.onnx_files.opsets import OLDEST_OPSET

# the newest opset that a host without the default domain may be given, by its IR version
_OPSET_BY_IR = {3: 8, 4: 9, 5: 10, 6: 11, 7: 14}


@dataclass(frozen=True, slots=True)
class Names:
    """How the values of one head are called.

    Attributes:
        prefix: of its nodes, values and initializers.
        outputs: names of score, mask and what else it gives.
        shown: those of them that become outputs of the model.
    """

    prefix: str
    outputs: Mapping[str, str]
    shown: tuple[str, ...] = OUTPUTS


def write_one(
    host: onnx.ModelProto, head: Head, place: Candidate, outputs: Sequence[str] = ()
) -> None:
    """Adds one head, with the outputs ``score`` and ``mask``, to a host in place.

    Args:
        host: without heads.
        head: to be written.
        place: where.
        outputs: what score, mask and the others in their order are to be called, as they are unless
            given; what the host has is called ``logitconf/score`` and so on.
    """
    taken = _names(host.graph)
    prefix = _free_prefix(taken)
    wanted = zip(head.form.outputs, outputs or head.form.outputs, strict=True)
    names = Names(prefix, {n: text if text not in taken else prefix + n for n, text in wanted})
    write_heads(host, HeadsMetadata((_write(host, _fitted_to(head, place), place, names),)))


def write_each(host: onnx.ModelProto, heads: Iterable[Head], places: Iterable[Candidate]) -> None:
    """Adds several heads, each with outputs named after the output that it judges, in place."""
    taken = _names(host.graph)
    root = _free_prefix(taken)
    written = []
    for count, (head, place) in enumerate(zip(heads, places, strict=True), 1):
        prefix = f"{root}{count}/"
        wanted = {name: f"{name}_{place.output}" for name in head.form.outputs}
        names = {n: text if text not in taken else prefix + n for n, text in wanted.items()}
        written.append(_write(host, _fitted_to(head, place), place, Names(prefix, names)))
    write_heads(host, HeadsMetadata(tuple(written)))


def write_joint(host: onnx.ModelProto, heads: Iterable[Head], places: Iterable[Candidate]) -> None:
    """Adds several heads with one decision, the outputs ``score`` and ``mask``, in place.

    Raises:
        LogitconfError: if the heads do not share score and threshold, or do not give one score for
            the same rows.
    """
    taken = _names(host.graph)
    root = _free_prefix(taken)
    pairs = [(_fitted_to(h, p), p) for h, p in zip(heads, places, strict=True)]
    check_joinable([head for head, _ in pairs])
    if any(head.form.tunable for head, _ in pairs):
        raise LogitconfError(
            "heads that decide jointly share one threshold, so none of them can be tunable; attach "
            "them each with its own outputs"
        )
    mask_type = pairs[0][0].form.mask_type
    written = []
    for count, (head, place) in enumerate(pairs, 1):
        prefix = f"{root}{count}/"
        outputs = {name: prefix + name for name in head.form.outputs}
        for name in head.form.outputs[2:]:
            own = f"{name}_{place.output}"
            outputs[name] = own if own not in taken else outputs[name]
        plain = head.with_form(replace(head.form, mask_type="bool"))
        written.append(_write(host, plain, place, Names(prefix, outputs, OUTPUTS[2:])))
    values = {value.name: value for value in host.graph.value_info}
    shapes = [values[one.outputs[0]].type.tensor_type.shape for one in written]
    _check_same_rows(shapes, [place for _, place in pairs])
    score, mask = (name if name not in taken else f"{root}joint/{name}" for name in JOINT_OUTPUTS)
    joint = JointDecision(f"{root}joint/", score, mask, mask_type)
    several = HeadsMetadata(tuple(written), joint)
    domain, opset = _default_domain(host)
    _append(host, joint_nodes(several, opset=opset), domain)
    for name, element in zip(
        joint.outputs, (onnx.TensorProto.FLOAT, ELEMENT_TYPES[mask_type]), strict=True
    ):
        value = host.graph.output.add(name=name)
        value.type.tensor_type.elem_type = element
        value.type.tensor_type.shape.CopyFrom(shapes[0])
    write_heads(host, several)


def _check_same_rows(shapes: list[onnx.TensorShapeProto], places: list[Candidate]) -> None:
    """Refuses scores of different shapes, which a runtime would stretch over each other."""
    for shape, place in zip(shapes, places, strict=True):
        pairs = list(zip(shape.dim, shapes[0].dim, strict=False))
        unlike = [(a, b) for a, b in pairs if a.dim_value and b.dim_value and a != b]
        if len(shape.dim) != len(shapes[0].dim) or unlike:
            raise LogitconfError(
                f"a joint decision needs scores of one shape, but those of '{places[0].tensor}' "
                f"and '{place.tensor}' differ; attach them each with its own outputs"
            )


def _fitted_to(head: Head, candidate: Candidate) -> Head:
    """The head with its form taken from where the host keeps its classes."""
    n_classes = candidate.n_classes
    expected = head.form.n_classes
    if n_classes is not None and expected is not None and n_classes != expected:
        raise LogitconfError(
            f"the score was made for {expected} columns, but '{candidate.tensor}' has "
            f"{n_classes}; fit it on this model's logits or name another tensor"
        )
    axis = candidate.class_axis
    if expected == 1 and n_classes is None and candidate.rank == 1:
        # each element is one logit, as where a column was picked
        axis = 1
    if head.form.members is not None and axis == (candidate.rank or 0) - 1 > 0:
        raise LogitconfError(
            f"the {head.form.members} members must lie along the last axis of "
            f"'{candidate.tensor}', but its classes do; name a tensor that ends with the members, "
            "and its class_axis"
        )
    form = replace(
        head.form,
        n_classes=expected if n_classes is None else n_classes,
        rank=candidate.rank,
        class_axis=axis,
        kind=candidate.kind,
    )
    return head.with_form(form)


def _write(host: onnx.ModelProto, head: Head, place: Candidate, names: Names) -> HeadMetadata:
    """Adds the head's nodes in place; what is to be said of it."""
    wrong = misdeclared(host.graph, place)
    if wrong is not None:
        raise LogitconfError(wrong)
    if place.unfused is not None:
        warnings.warn(
            f"a head on '{place.tensor}' keeps onnxruntime from fusing the quantised nodes around "
            "it, which changes the host's own outputs by a quantum; attach to "
            f"'{place.unfused}', the value before quantisation, to keep them",
            LogitconfWarning,
            stacklevel=4,
        )
    added_import, raised_import = _make_room_for_head(host)
    domain, opset = _default_domain(host)
    graph = head_graph(head, opset=opset, logits_dtype=place.dtype)
    apply_names(graph, {"logits": place.tensor, **names.outputs}, names.prefix)
    _append(host, graph, domain)
    if head.form.tunable:
        if host.ir_version < 4:
            raise LogitconfError(
                f"a tunable head needs a host of IR version 4 or newer, got {host.ir_version}"
            )
        host.graph.input.extend(optional_inputs_of(head.form, graph.initializer, names.prefix))
    for name, value in zip(head.form.outputs, graph.output, strict=True):
        dropped = dropped_axes(head.card, head.form, name)
        _take_dims([value], host.graph, place, dropped)
        (host.graph.output if name in names.shown else host.graph.value_info).append(value)
    given: dict[str, Any] = {name: names.outputs[name] for name in head.form.outputs}
    attached = Attachment(
        prefix=names.prefix,
        tensor=place.tensor,
        output=place.output,
        kind=place.kind,
        added_import=added_import,
        raised_import=raised_import,
        **given,
    )
    return HeadMetadata(head.card, head.form, attached)


def _append(host: onnx.ModelProto, graph: onnx.GraphProto, domain: str) -> None:
    for node in graph.node:
        node.domain = domain
    if host.ir_version < 4:
        host.graph.input.extend(value_of(tensor) for tensor in graph.initializer)
    host.graph.node.extend(graph.node)
    host.graph.initializer.extend(graph.initializer)


def _names(graph: onnx.GraphProto) -> set[str]:
    """Every name in the graph and below."""
    names: set[str] = set()
    for scope in scopes_below([graph]):
        names.update(tensor.name for tensor in scope.initializer)
        names.update(value.name for value in (*scope.input, *scope.output, *scope.value_info))
        for node in scope.node:
            names.update((node.name, *node.input, *node.output))
    return names


def _free_prefix(taken: set[str]) -> str:
    prefix, count = PREFIX, 1
    while any(name.startswith(prefix) for name in taken):
        count += 1
        prefix = f"logitconf{count}/"
    return prefix


def _make_room_for_head(host: onnx.ModelProto) -> tuple[bool, int | None]:
    """Imports the default domain where the host does not, or has no use for an import too old.

    Returns:
        Whether an import was added, and the version of one that was raised.
    """
    newest = _OPSET_BY_IR.get(host.ir_version, 17)
    for entry in reversed(host.opset_import):
        if entry.domain in DEFAULT_DOMAINS:
            before = int(entry.version)
            # converters of hosts made of ai.onnx.ml alone write 1
            if before >= OLDEST_OPSET or uses_default_domain(host):
                return False, None
            entry.version = newest
            return False, before
    if uses_default_domain(host):
        raise LogitconfError(
            "the host must import the opset of its nodes, but imports "
            f"{[entry.domain[:80] for entry in host.opset_import]} and no default domain"
        )
    host.opset_import.append(helper.make_opsetid("", newest))
    return True, None


def _default_domain(host: onnx.ModelProto) -> tuple[str, int]:
    """Spelling and version of the host's default domain."""
    used = [entry for entry in host.opset_import if entry.domain in DEFAULT_DOMAINS][-1]
    return used.domain, used.version


def _take_dims(
    outputs: Iterable[onnx.ValueInfoProto],
    graph: onnx.GraphProto,
    candidate: Candidate,
    dropped: Collection[int],
) -> None:
    """Gives the outputs the host's own names for the dims that they share with the logits.

    Where the host does not declare the logits' shape, that of the output behind them counts if it
    has as many axes.
    """
    known = declared_dims(graph, candidate.tensor) or declared_dims(graph, candidate.output) or []
    axis = candidate.class_axis
    if len(known) > axis and known[axis].dim_value not in (0, candidate.n_classes or 0):
        known = []
    for value in outputs:
        dims = value.type.tensor_type.shape.dim
        axes = list(range(len(known)))
        if len(axes) > len(dims):
            axes = [axis for axis in axes if axis not in dropped]
        for i, dim in enumerate(dims):
            if dim.HasField("dim_value"):
                continue
            shared = known[axes[i]] if len(axes) == len(dims) else None
            if shared is not None and shared.WhichOneof("value"):
                dim.CopyFrom(shared)
            else:
                dim.dim_param = f"logitconf_{dim.dim_param}"
