"""Converting a head to ONNX: its forward is traced by torch.export and written node by node.

Nothing of the exporting machine gets into the graph.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper

from logitconf.card import HeadForm, ScoreCard
from logitconf.errors import LogitconfError
from logitconf.head import ConfidenceHead
from logitconf_export.heads.graph_writer import PREFIX, GraphWriter
from logitconf_export.heads.lowering import TORCH_TO_ONNX, lower
from logitconf_export.heads.metadata import OUTPUTS, head_metadata, write_metadata
from logitconf_export.onnx_files.opsets import DEFAULT_OPSET, check_opset, ir_for_opset
from logitconf_export.onnx_files.saving import Destination

LOGITS_DTYPES = {
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float32": torch.float32,
    "float64": torch.float64,
}


def to_onnx(
    head: ConfidenceHead,
    path: str | Path | None = None,
    *,
    opset: int = DEFAULT_OPSET,
    ir_version: int | None = None,
    logits_dtype: str = "float32",
    optional_inputs: bool = False,
    force: bool = False,
) -> onnx.ModelProto:
    """The head as an ONNX model: input ``logits``, outputs ``score`` and ``mask``.

    Args:
        head: the compiled score.
        path: where to write the model too, whole or not at all.
        opset: 7 to 26. 17 is understood by every runtime that people ship.
        ir_version: from 3; the usual one of the opset unless given.
        logits_dtype: ``"float16"``, ``"bfloat16"`` (from opset 13), ``"float32"``, ``"float64"``.
        optional_inputs: temperature and threshold become inputs too, whose defaults are the
            initializers.
        force: whether a file at ``path`` may be replaced.

    Returns:
        The model. The same head gives the same bytes.

    Raises:
        LogitconfError: if the head cannot be written so, or the file not be written.
    """
    target = Destination.of(path, force=force)
    ir = ir_for_opset(opset) if ir_version is None else ir_version
    _check_ir(ir, opset)
    graph = head_graph(head, opset=opset, logits_dtype=logits_dtype)
    if ir < 4:
        graph.input.extend(value_of(tensor) for tensor in graph.initializer)
    elif optional_inputs:
        tunable = {f"{PREFIX}temperature", f"{PREFIX}threshold"}
        graph.input.extend(value_of(t) for t in graph.initializer if t.name in tunable)
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=ir,
        producer_name="logitconf",
    )
    write_metadata(model, head_metadata(head.card, head.form))
    target.save(model)
    return model


def head_graph(head: ConfidenceHead, *, opset: int, logits_dtype: str) -> onnx.GraphProto:
    """The head's nodes, from ``logits`` to ``score`` and ``mask``.

    Raises:
        LogitconfError: if the dtype or the opset does not carry the head.
    """
    if logits_dtype not in LOGITS_DTYPES:
        raise LogitconfError(
            f"logits_dtype must be one of {list(LOGITS_DTYPES)}, got {logits_dtype!r}"
        )
    check_opset(opset)
    return write(trace(head, logits_dtype), opset=opset)


def _check_ir(ir: int, opset: int) -> None:
    oldest = 3 if opset < 9 else helper.find_min_ir_version_for([helper.make_opsetid("", opset)])
    if not oldest <= ir <= 13:
        raise LogitconfError(f"ir_version must be in {oldest}..13 for opset {opset}, got {ir}")


def value_of(tensor: TensorProto) -> onnx.ValueInfoProto:
    """The declaration of an initializer as a graph input."""
    return helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))


@dataclass(frozen=True, slots=True)
class TracedHead:
    """A head traced once, to be written at any opset.

    Attributes:
        graph: the traced operations.
        buffers: name of the buffer behind each of the graph's placeholders that is one.
        values: the buffers.
        dtype: of the logits.
        dims: of the logits; free ones by name.
        dropped: the axes that score and mask lack.
        members: the axis that the probabilities lack, None for a single model.
    """

    graph: Any
    buffers: Mapping[str, str]
    values: Mapping[str, np.ndarray[Any, Any]]
    dtype: torch.dtype
    dims: tuple[str | int, ...]
    dropped: tuple[int, ...]
    members: int | None


def trace(head: ConfidenceHead, logits_dtype: str) -> TracedHead:
    """The operations of the head's forward on logits of a dtype."""
    form = head.form
    rank, axis = form.input_rank, form.class_axis
    buffers = {name: value.detach().cpu().numpy() for name, value in head.named_buffers()}
    graph, found = _operations(
        (head.card.score, head.card.task, head.card.per_label),
        tuple(sorted(head.card.parameters.items())),
        buffers["threshold"].shape,
        form,
        logits_dtype,
    )
    names, fixed = _dimension_names(rank, axis), _fixed_sizes(form)
    dims = tuple(fixed.get(i, names[i]) for i in range(rank))
    members = None if form.members is None else rank - 1
    dropped = form.dropped_axes(per_label=head.card.per_label)
    return TracedHead(graph, found, buffers, LOGITS_DTYPES[logits_dtype], dims, dropped, members)


def _fixed_sizes(form: HeadForm) -> dict[int, int]:
    """The sizes of axes that are known, by axis."""
    fixed = {}
    if form.n_classes is not None and form.class_axis < form.input_rank:
        fixed[form.class_axis] = form.n_classes
    if form.members is not None:
        fixed[form.input_rank - 1] = form.members
    return fixed


# tracing takes .14 s, and the numbers of a head are not in its operations
@lru_cache(maxsize=64)
def _operations(
    score: tuple[str, str, bool],
    parameters: tuple[tuple[str, float], ...],
    thresholds: tuple[int, ...],
    form: HeadForm,
    logits_dtype: str,
) -> tuple[Any, Mapping[str, str]]:
    """The traced graph of every head of this kind, and which placeholder is which buffer."""
    rank, axis, fixed = form.input_rank, form.class_axis, _fixed_sizes(form)
    example = [fixed.get(i, 3 if i == axis else 2 + i) for i in range(rank)]
    dynamic = {i: torch.export.Dim.DYNAMIC for i in range(rank) if i not in fixed}
    name, task, per_label = score
    card = ScoreCard(
        name,
        task,
        per_label=per_label,
        threshold=(0.0,) * thresholds[0] if thresholds else 0.0,
        parameters=dict(parameters),
        members=form.members,
    )
    program = torch.export.export(
        ConfidenceHead(card, form),
        (torch.zeros(example, dtype=LOGITS_DTYPES[logits_dtype]),),
        dynamic_shapes=(dynamic,),
        strict=False,
    )
    graph = program.graph
    graph.eliminate_dead_code(lambda node: node.op in ("placeholder", "output"))
    return graph, program.graph_signature.inputs_to_buffers


def write(traced: TracedHead, *, opset: int) -> onnx.GraphProto:
    """The traced head as an ONNX graph.

    Raises:
        LogitconfError: if the opset does not carry the head.
    """
    if traced.dtype == torch.bfloat16 and opset < 13:
        raise LogitconfError(f"bfloat16 logits need opset 13 or newer, got {opset}")
    writer = GraphWriter(opset)
    values: dict[Any, Any] = {}
    for node in traced.graph.nodes:
        if node.op == "placeholder" and node.name in traced.buffers:
            name = traced.buffers[node.name]
            values[node] = writer.constant(traced.values[name], name)
        elif node.op == "placeholder":
            values[node] = "logits"
        elif node.op == "call_function":
            values[node] = lower(writer, node, values)
    kept = [dim for i, dim in enumerate(traced.dims) if i not in traced.dropped]
    shown = [dim for i, dim in enumerate(traced.dims) if i != traced.members]
    results = next(n for n in traced.graph.nodes if n.op == "output").args[0]
    outputs = []
    for result, name in zip(results, OUTPUTS, strict=False):
        _rename(writer, values[result], name)
        shape = shown if name == "probabilities" else kept
        element = TORCH_TO_ONNX[result.meta["val"].dtype]
        outputs.append(helper.make_tensor_value_info(name, element, shape))
    logits = helper.make_tensor_value_info("logits", TORCH_TO_ONNX[traced.dtype], traced.dims)
    initializers = list(writer.initializers.values())
    return helper.make_graph(writer.nodes, "logitconf", [logits], outputs, initializers)


def _dimension_names(rank: int, axis: int) -> list[str]:
    others = iter(["N", "D1", "D2", "D3", "D4", "D5", "D6", "D7"])
    return ["C" if i == axis else next(others) for i in range(rank)]


def _rename(writer: GraphWriter, old: str, new: str) -> None:
    for node in writer.nodes:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]
