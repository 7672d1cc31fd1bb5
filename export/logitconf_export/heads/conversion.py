"""Converting a head to ONNX: what decides is called with symbolic arrays, which write its nodes.

Nothing of the exporting machine gets into the graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from logitconf.card.score_card import HeadForm
from logitconf.errors import LogitconfError, not_among
from logitconf.head_spec import decide, dropped_axes
from logitconf_export.heads.graph_writer import PREFIX, GraphWriter
from logitconf_export.heads.metadata import head_metadata, write_metadata
from logitconf_export.heads.sources import HeadSource, head_of, with_names
from logitconf_export.heads.symbolic import SymbolicArray
from logitconf_export.onnx_files.opsets import DEFAULT_OPSET, check_opset, ir_for_opset
from logitconf_export.onnx_files.saving import Destination
from logitconf_export.onnx_files.types import Array

LOGITS_DTYPES = {
    "float16": TensorProto.FLOAT16,
    "bfloat16": TensorProto.BFLOAT16,
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
}


def to_onnx(
    head: HeadSource,
    path: str | Path | None = None,
    *,
    opset: int = DEFAULT_OPSET,
    ir_version: int | None = None,
    logits_dtype: str = "float32",
    optional_inputs: bool = False,
    n_classes: int | None = None,
    rank: int | None = None,
    class_axis: int | None = None,
    runtime: str | None = None,
    precision: str | None = None,
    mask_type: str | None = None,
    outputs: Iterable[str] | None = None,
    probabilities: bool | None = None,
    members: int | None = None,
    tunable: bool | None = None,
    class_names: Sequence[str] | None = None,
    force: bool = False,
) -> onnx.ModelProto:
    """The head as an ONNX model: input ``logits``, outputs ``score`` and ``mask``.

    Args:
        head: a fitted score, its card, the path of a card, or a compiled head.
        path: where to write the model too, whole or not at all.
        opset: 7 to 26. 17 is understood by every runtime that people ship.
        ir_version: from 3; the usual one of the opset unless given.
        logits_dtype: ``"float16"``, ``"bfloat16"`` (from opset 13), ``"float32"``, ``"float64"``.
        optional_inputs: the same as ``tunable``.
        n_classes: columns along the class axis; what the score was fitted with unless given.
        rank: axes of the logits; 2 unless given.
        class_axis: where the classes are; 1 unless given.
        runtime: ``"any"``, right on every runtime, unless given; ``"onnxruntime"``
            or ``"cuda"``.
        precision: ``"float32"`` unless given; ``"float64"`` computes in double and rounds once.
        mask_type: ``"bool"`` unless given; ``"uint8"`` or ``"float32"``.
        outputs: what it gives beside score and mask: ``"label"``, ``"confidence"`` (from opset 9),
            ``"probabilities"``.
        probabilities: the same as ``"probabilities"`` among the outputs.
        members: of an ensemble, along the last axis, where the card does not say.
        tunable: whether callers may give other thresholds and temperatures: both become inputs
            too, whose defaults are the initializers; from IR version 4.
        class_names: of the classes in their order, for the card; what it says unless given.
        force: whether a file at ``path`` may be replaced.

    Returns:
        The model. The same head gives the same bytes.

    Raises:
        LogitconfError: if the head cannot be written so, or the file not be written.
    """
    target = Destination.of(path, force=force)
    ir = ir_for_opset(opset) if ir_version is None else ir_version
    _check_ir(ir, opset)
    made = head_of(
        head,
        n_classes=n_classes,
        rank=rank,
        class_axis=class_axis,
        runtime=runtime,
        precision=precision,
        mask_type=mask_type,
        outputs=outputs,
        probabilities=probabilities,
        members=members,
        tunable=tunable or (True if optional_inputs else None),
    )
    if class_names is not None:
        made = with_names(made, class_names)
    graph = head_graph(made, opset=opset, logits_dtype=logits_dtype)
    if ir < 4 and made.form.tunable:
        raise LogitconfError(f"a tunable head needs IR version 4 or newer, got {ir}")
    if ir < 4:
        graph.input.extend(value_of(tensor) for tensor in graph.initializer)
    else:
        graph.input.extend(optional_inputs_of(made.form, graph.initializer, PREFIX))
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=ir,
        producer_name="logitconf",
    )
    write_metadata(model, head_metadata(made.card, made.form))
    target.save(model)
    return model


def head_graph(source: HeadSource, *, opset: int, logits_dtype: str) -> onnx.GraphProto:
    """The head's nodes, from ``logits`` to ``score`` and ``mask``.

    Raises:
        LogitconfError: if the dtype or the opset does not carry the head.
    """
    if logits_dtype not in LOGITS_DTYPES:
        raise not_among("logits_dtype", logits_dtype, LOGITS_DTYPES)
    check_opset(opset)
    if logits_dtype == "bfloat16" and opset < 13:
        raise LogitconfError(f"bfloat16 logits need opset 13 or newer, got {opset}")
    head = head_of(source)
    if "confidence" in head.form.outputs and opset < 9:
        raise LogitconfError(
            "a confidence needs opset 9 or newer, since older ones cannot choose between a number "
            f"and NaN, got {opset}; leave it out of outputs"
        )
    form, element = head.form, LOGITS_DTYPES[logits_dtype]
    names, fixed = _dimension_names(form.input_rank, form.class_axis), _fixed_sizes(form)
    axes = range(form.input_rank)
    writer = GraphWriter(opset)
    buffers = {name: _buffer(writer, name, array) for name, array in head.buffers.items()}
    logits = SymbolicArray(
        writer,
        "logits",
        helper.tensor_dtype_to_np_dtype(element),
        tuple(fixed.get(axis) for axis in axes),
    )
    calibration = {name: buffers[name] for name in head.calibration}
    results = decide(
        logits,
        buffers["temperature"],
        buffers["threshold"],
        head.card,
        form,
        calibration=calibration,
    )
    writer.finish(
        {result.value: name for result, name in zip(results, form.outputs, strict=True)},
        [buffer.name for buffer in buffers.values()],
    )
    dims = [fixed.get(axis, names[axis]) for axis in axes]
    outputs = []
    for result, name in zip(results, form.outputs, strict=True):
        dropped = dropped_axes(head.card, form, name)
        kept = [dim for axis, dim in enumerate(dims) if axis not in dropped]
        kind = helper.np_dtype_to_tensor_dtype(result.dtype)
        outputs.append(helper.make_tensor_value_info(name, kind, kept))
    declared = helper.make_tensor_value_info("logits", element, dims)
    initializers = list(writer.initializers.values())
    return helper.make_graph(writer.nodes, "logitconf", [declared], outputs, initializers)


def _buffer(writer: GraphWriter, name: str, array: Array) -> SymbolicArray:
    """Temperature, threshold or a part of a map, in one initializer; nothing is folded from it."""
    return SymbolicArray(writer, writer.constant(array, name), array.dtype, array.shape)


def _fixed_sizes(form: HeadForm) -> dict[int, int]:
    """The sizes of axes that are known, by axis."""
    fixed = {}
    if form.n_classes is not None and form.class_axis < form.input_rank:
        fixed[form.class_axis] = form.n_classes
    if form.members is not None:
        fixed[form.input_rank - 1] = form.members
    return fixed


def _check_ir(ir: int, opset: int) -> None:
    oldest = 3 if opset < 9 else helper.find_min_ir_version_for([helper.make_opsetid("", opset)])
    if not oldest <= ir <= 13:
        raise LogitconfError(f"ir_version must be in {oldest}..13 for opset {opset}, got {ir}")


def value_of(tensor: TensorProto) -> onnx.ValueInfoProto:
    """The declaration of an initializer as a graph input."""
    return helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))


def optional_inputs_of(
    form: HeadForm, initializers: Iterable[TensorProto], prefix: str
) -> list[onnx.ValueInfoProto]:
    """The inputs with a default that a head of this form has, by its initializers."""
    names = {f"{prefix}{name}" for name in ("temperature", "threshold")} if form.tunable else set()
    return [value_of(tensor) for tensor in initializers if tensor.name in names]


def _dimension_names(rank: int, axis: int) -> list[str]:
    others = iter(["N", "D1", "D2", "D3", "D4", "D5", "D6", "D7"])
    return ["C" if i == axis else next(others) for i in range(rank)]
