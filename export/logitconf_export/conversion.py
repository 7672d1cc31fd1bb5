"""Converting a head to ONNX: its forward is traced once, and each operation has one rule here.

The tracer is torch.export; the rules write ONNX nodes through
:class:`~logitconf_export.opsets.GraphWriter`. Nothing of the exporting machine gets into the graph.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx
import torch
from logitconf.errors import LogitconfError
from logitconf.files import check_writable, write_atomically
from logitconf.head import ConfidenceHead
from onnx import TensorProto, helper

from logitconf_export.metadata import head_metadata, write_metadata
from logitconf_export.opsets import DEFAULT_OPSET, PREFIX, GraphWriter, ir_for_opset

_TORCH_TO_ONNX = {
    torch.float16: TensorProto.FLOAT16,
    torch.bfloat16: TensorProto.BFLOAT16,
    torch.float32: TensorProto.FLOAT,
    torch.float64: TensorProto.DOUBLE,
    torch.bool: TensorProto.BOOL,
    torch.uint8: TensorProto.UINT8,
}
LOGITS_DTYPES = {
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float32": torch.float32,
    "float64": torch.float64,
}
Value: TypeAlias = "str | float | int"


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
    if path is not None:
        check_writable(path, force=force)
    if logits_dtype not in LOGITS_DTYPES:
        raise LogitconfError(f"logits_dtype must be one of {list(LOGITS_DTYPES)}, got {logits_dtype!r}")
    if logits_dtype == "bfloat16" and opset < 13:
        raise LogitconfError(f"bfloat16 logits need opset 13 or newer, got {opset}")
    writer = GraphWriter(opset)
    inputs, outputs = _write(head, writer, LOGITS_DTYPES[logits_dtype])
    ir = ir_for_opset(opset) if ir_version is None else ir_version
    _check_ir(ir, opset)
    if ir < 4:
        inputs += [_value_of(tensor) for tensor in writer.initializers.values()]
    elif optional_inputs:
        inputs += [_value_of(writer.initializers[f"{PREFIX}{n}"]) for n in ("temperature", "threshold")]
    graph = helper.make_graph(
        writer.nodes, "logitconf", inputs, outputs, list(writer.initializers.values())
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=ir,
        producer_name="logitconf",
    )
    write_metadata(model, head_metadata(head.card, head.form))
    if path is not None:
        write_atomically(path, model.SerializeToString(deterministic=True), force=force)
    return model


def _check_ir(ir: int, opset: int) -> None:
    oldest = 3 if opset < 9 else helper.find_min_ir_version_for([helper.make_opsetid("", opset)])
    if not oldest <= ir <= 13:
        raise LogitconfError(f"ir_version must be in {oldest}..13 for opset {opset}, got {ir}")


def _value_of(tensor: TensorProto) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))


def _write(
    head: ConfidenceHead, writer: GraphWriter, dtype: torch.dtype
) -> tuple[list[onnx.ValueInfoProto], list[onnx.ValueInfoProto]]:
    form = head.form
    rank, axis, columns = form.input_rank, form.class_axis, form.n_classes
    example = [columns or 3 if i == axis else 2 + i for i in range(rank)]
    free = [i for i in range(rank) if i != axis or columns is None]
    names = _dimension_names(rank, axis)
    dynamic = {i: torch.export.Dim.DYNAMIC for i in free}
    head = ConfidenceHead(head.card, head.form)
    program = torch.export.export(
        head, (torch.zeros(example, dtype=dtype),), dynamic_shapes=(dynamic,), strict=False
    )
    buffers = program.graph_signature.inputs_to_buffers
    values: dict[Any, Value] = {}
    graph = program.graph
    graph.eliminate_dead_code(lambda n: n.op in ("placeholder", "output"))
    for node in graph.nodes:
        if node.op == "placeholder" and node.name in buffers:
            name = buffers[node.name]
            values[node] = writer.constant(head.get_buffer(name).detach().numpy(), name)
        elif node.op == "placeholder":
            values[node] = "logits"
        elif node.op == "call_function":
            values[node] = _lower(writer, node, values)
    (score, mask) = next(n for n in graph.nodes if n.op == "output").args[0]
    _rename(writer, str(values[score]), "score")
    _rename(writer, str(values[mask]), "mask")
    dims: list[str | int] = [columns if i == axis and columns else names[i] for i in range(rank)]
    kept = [dim for i, dim in enumerate(dims) if i != axis]
    return (
        [helper.make_tensor_value_info("logits", _TORCH_TO_ONNX[dtype], dims)],
        [
            helper.make_tensor_value_info("score", TensorProto.FLOAT, kept),
            helper.make_tensor_value_info("mask", _TORCH_TO_ONNX[mask.meta["val"].dtype], kept),
        ],
    )


def _dimension_names(rank: int, axis: int) -> list[str]:
    others = iter(["N", "D1", "D2", "D3", "D4", "D5", "D6", "D7"])
    return ["C" if i == axis else next(others) for i in range(rank)]


def _rename(writer: GraphWriter, old: str, new: str) -> None:
    for node in writer.nodes:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]


Rule: TypeAlias = Callable[[GraphWriter, "Operands"], Value]


class Operands:
    """The operands of one traced operation, as ONNX values."""

    def __init__(self, writer: GraphWriter, node: Any, values: dict[Any, Value]) -> None:
        self._writer, self._node, self._values = writer, node, values
        self.arguments: Sequence[Any] = node.args
        self.options: dict[str, Any] = node.kwargs

    @property
    def dtype(self) -> "np.dtype[Any]":
        """NumPy dtype of the first tensor operand that is floating, float32 if there is none."""
        for argument in self.arguments:
            value = getattr(argument, "meta", {}).get("val")
            if value is not None and value.dtype.is_floating_point:
                return np.dtype(str(value.dtype).removeprefix("torch."))
        return np.dtype(np.float32)

    def shape(self, index: int = 0) -> tuple[Any, ...]:
        """Traced shape of an operand; free sizes are symbols."""
        return tuple(self.arguments[index].meta["val"].shape)

    def __getitem__(self, index: int) -> str:
        """Name of an operand; a Python number becomes an initializer."""
        argument = self.arguments[index]
        if isinstance(argument, (int, float)):
            return self._writer.scalar(float(argument), self.dtype)
        return str(self._values[argument])

    def option(self, index: int, name: str, default: Any) -> Any:
        """A plain argument by position or name."""
        if len(self.arguments) > index:
            return self.arguments[index]
        return self.options.get(name, default)


def _lower(writer: GraphWriter, node: Any, values: dict[Any, Value]) -> Value:
    name = str(node.target).removeprefix("aten.")
    if name not in _RULES:
        raise LogitconfError(f"a head must use the operations {sorted(_RULES)}, got {name}")
    return _RULES[name](writer, Operands(writer, node, values))


def _plain(op: str, what: str, *, swapped: bool = False) -> Rule:
    """An operation that ONNX has under another name."""

    def rule(writer: GraphWriter, operands: Operands) -> Value:
        names = [operands[i] for i in range(len(operands.arguments))]
        return writer.node(op, names[::-1] if swapped else names, what)

    return rule


def _reduce(kind: str, what: str) -> Rule:
    def rule(writer: GraphWriter, operands: Operands) -> Value:
        axes = operands.option(1, "dim", None)
        keepdims = operands.option(2, "keepdim", False)
        return writer.reduce(kind, operands[0], list(axes), what, keepdims=keepdims)

    return rule


def _norm(writer: GraphWriter, operands: Operands) -> Value:
    if operands.arguments[1] != 1:
        raise LogitconfError(f"a head may use the 1-norm only, got {operands.arguments[1]}")
    return writer.reduce("L1", operands[0], list(operands.arguments[2]), "sum_of_sizes")


def _to_dtype(writer: GraphWriter, operands: Operands) -> Value:
    target, source = operands.arguments[1], operands.arguments[0].meta["val"].dtype
    if target == source:
        return operands[0]
    onnx_type = _TORCH_TO_ONNX[target]
    return writer.cast(operands[0], onnx_type, f"as_{str(target).removeprefix('torch.')}")


def _clamp(writer: GraphWriter, operands: Operands) -> Value:
    value = operands[0]
    low, high = operands.option(1, "min", None), operands.option(2, "max", None)
    if low is not None:
        value = writer.bound("Max", value, writer.scalar(low, operands.dtype), low, "at_least")
    if high is not None:
        value = writer.bound("Min", value, writer.scalar(high, operands.dtype), high, "at_most")
    return value


def _where(writer: GraphWriter, operands: Operands) -> Value:
    return writer.where(operands[0], operands[1], operands[2], operands.dtype, "chosen")


def _compare_equal(writer: GraphWriter, operands: Operands) -> Value:
    return writer.equal(operands[0], operands[1], "is_equal")


def _one_minus(writer: GraphWriter, operands: Operands) -> Value:
    return writer.node("Sub", [operands[1], operands[0]], "difference")


def _softmax(writer: GraphWriter, operands: Operands) -> Value:
    rank = len(operands.shape())
    return writer.softmax(operands[0], operands.arguments[1] % rank, rank, "probabilities")


def _reshape(writer: GraphWriter, operands: Operands) -> Value:
    shape = [size if isinstance(size, int) else 0 for size in operands.arguments[1]]
    return writer.reshape(operands[0], shape, "reshaped")


def _topk(writer: GraphWriter, operands: Operands) -> Value:
    return writer.top_two(operands[0], operands.arguments[2], "top_two")


def _item(writer: GraphWriter, operands: Operands) -> Value:  # noqa: ARG001
    return operands[0]


def _squeeze(writer: GraphWriter, operands: Operands) -> Value:
    return writer.squeeze(operands[0], operands.arguments[1], "squeezed")


def _unsqueeze(writer: GraphWriter, operands: Operands) -> Value:
    return writer.unsqueeze(operands[0], operands.arguments[1], "unsqueezed")


def _select(writer: GraphWriter, operands: Operands) -> Value:
    axis, index = operands.arguments[1], operands.arguments[2]
    position = writer.constant(np.array(index, dtype=np.int64), f"position_{index}")
    return writer.node("Gather", [operands[0], position], "column", axis=axis)


# Less alone is safe with NaN on every runtime, so "greater" is Less with its operands swapped.
_RULES: dict[str, Rule] = {
    "__and__.Tensor": _plain("And", "both"),
    "abs.default": _plain("Abs", "size"),
    "add.Tensor": _plain("Add", "sum"),
    "amax.default": _reduce("Max", "largest"),
    "amin.default": _reduce("Min", "smallest"),
    "bitwise_and.Tensor": _plain("And", "both"),
    "clamp.default": _clamp,
    "div.Tensor": _plain("Div", "quotient"),
    "eq.Scalar": _compare_equal,
    "eq.Tensor": _compare_equal,
    "exp.default": _plain("Exp", "exponential"),
    "getitem": _item,
    "gt.Scalar": _plain("Less", "is_above", swapped=True),
    "gt.Tensor": _plain("Less", "is_above", swapped=True),
    "linalg_vector_norm.default": _norm,
    "log.default": _plain("Log", "logarithm"),
    "lt.Scalar": _plain("Less", "is_below"),
    "lt.Tensor": _plain("Less", "is_below"),
    "maximum.default": _plain("Max", "larger"),
    "minimum.default": _plain("Min", "smaller"),
    "mul.Tensor": _plain("Mul", "product"),
    "neg.default": _plain("Neg", "negated"),
    "reciprocal.default": _plain("Reciprocal", "reciprocal"),
    "relu.default": _plain("Relu", "positive_part"),
    "reshape.default": _reshape,
    "rsub.Scalar": _one_minus,
    "select.int": _select,
    "softmax.int": _softmax,
    "squeeze.dim": _squeeze,
    "sub.Tensor": _plain("Sub", "difference"),
    "sum.dim_IntList": _reduce("Sum", "total"),
    "to.dtype": _to_dtype,
    "topk.default": _topk,
    "unsqueeze.default": _unsqueeze,
    "where.ScalarOther": _where,
    "where.ScalarSelf": _where,
    "where.self": _where,
}
