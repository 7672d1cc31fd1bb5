"""The rules that write a head's traced operations as ONNX nodes, one rule an operation."""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

import numpy as np
import torch
from onnx import TensorProto

from logitconf.errors import LogitconfError
from logitconf_export.heads.graph_writer import GraphWriter

TORCH_TO_ONNX = {
    torch.float16: TensorProto.FLOAT16,
    torch.bfloat16: TensorProto.BFLOAT16,
    torch.float32: TensorProto.FLOAT,
    torch.float64: TensorProto.DOUBLE,
    torch.bool: TensorProto.BOOL,
    torch.uint8: TensorProto.UINT8,
}

# a name, or the names of several results
Rule: TypeAlias = Callable[[GraphWriter, "Operands"], "str | list[str]"]


class Operands:
    """The operands of one traced operation, as ONNX values."""

    def __init__(self, writer: GraphWriter, node: Any, values: Mapping[Any, Any]) -> None:
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
        return cast(str, self._values[argument])

    def piece(self) -> str:
        """Name of one of the several results of an operand."""
        operand, index = self.arguments
        return cast(str, self._values[operand][index])

    def listed(self, index: int) -> list[str]:
        """Names of the operands in a list."""
        return [self._values[argument] for argument in self.arguments[index]]

    def option(self, index: int, name: str, default: Any) -> Any:
        """A plain argument by position or name."""
        if len(self.arguments) > index:
            return self.arguments[index]
        return self.options.get(name, default)


def lower(writer: GraphWriter, node: Any, values: Mapping[Any, Any]) -> str | list[str]:
    """Writes one traced operation; the name of what it gives, or the names.

    Raises:
        LogitconfError: for an operation that has no rule, or none at the writer's opset.
    """
    if node.target is operator.getitem:
        return Operands(writer, node, values).piece()
    name = str(node.target).removeprefix("aten.")
    if name not in _RULES:
        raise LogitconfError(f"a head must use the operations {sorted(_RULES)}, got {name}")
    return _RULES[name](writer, Operands(writer, node, values))


def _plain(op: str, what: str, *, swapped: bool = False) -> Rule:
    """An operation that ONNX has under another name."""

    def rule(writer: GraphWriter, operands: Operands) -> str:
        names = [operands[i] for i in range(len(operands.arguments))]
        return writer.node(op, names[::-1] if swapped else names, what)

    return rule


def _reduce(kind: str, what: str) -> Rule:
    def rule(writer: GraphWriter, operands: Operands) -> str:
        axes = operands.option(1, "dim", None)
        keepdims = operands.option(2, "keepdim", False)
        return writer.reduce(kind, operands[0], list(axes), what, keepdims=keepdims)

    return rule


def _to_dtype(writer: GraphWriter, operands: Operands) -> str:
    target, source = operands.arguments[1], operands.arguments[0].meta["val"].dtype
    if target == source:
        return operands[0]
    onnx_type = TORCH_TO_ONNX[target]
    return writer.cast(operands[0], onnx_type, f"as_{str(target).removeprefix('torch.')}")


def _clamp(writer: GraphWriter, operands: Operands) -> str:
    value = operands[0]
    low, high = operands.option(1, "min", None), operands.option(2, "max", None)
    if low is not None:
        value = writer.bound("Max", value, low, operands.dtype, "at_least")
    if high is not None:
        value = writer.bound("Min", value, high, operands.dtype, "at_most")
    return value


def _where(writer: GraphWriter, operands: Operands) -> str:
    return writer.where(operands[0], operands[1], operands[2], operands.dtype, "chosen")


def _compare_equal(writer: GraphWriter, operands: Operands) -> str:
    return writer.equal(operands[0], operands[1], "is_equal")


def _one_minus(writer: GraphWriter, operands: Operands) -> str:
    return writer.node("Sub", [operands[1], operands[0]], "difference")


def _softmax(writer: GraphWriter, operands: Operands) -> str:
    rank = len(operands.shape())
    return writer.softmax(operands[0], operands.arguments[1] % rank, rank, "probabilities")


def _reshape(writer: GraphWriter, operands: Operands) -> str:
    # a free size is kept: the heads' reshapes leave the axes before the classes where they are
    shape = [size if isinstance(size, int) else 0 for size in operands.arguments[1]]
    return writer.reshape(operands[0], shape, "table")


def _size(writer: GraphWriter, operands: Operands) -> str:  # noqa: ARG001
    """A free size; reshapes keep it and need no value."""
    return ""


def _squeeze(writer: GraphWriter, operands: Operands) -> str:
    return writer.squeeze(operands[0], operands.arguments[1], "squeezed")


def _concatenate(writer: GraphWriter, operands: Operands) -> str:
    return writer.node("Concat", operands.listed(0), "joined", axis=operands.option(1, "dim", 0))


def _select(writer: GraphWriter, operands: Operands) -> str:
    axis, index = operands.arguments[1], operands.arguments[2]
    position = writer.constant(np.array(index, dtype=np.int64), f"position_{index}")
    return writer.node("Gather", [operands[0], position], "column", axis=axis)


def _split(writer: GraphWriter, operands: Operands) -> list[str]:
    size, axis = operands.arguments[1], operands.option(2, "dim", 0)
    total = operands.shape()[axis]
    sizes = [min(size, total - start) for start in range(0, total, size)]
    return writer.split(operands[0], sizes, axis, "piece")


def _topk(writer: GraphWriter, operands: Operands) -> list[str]:
    values = writer.largest(
        operands[0], operands.arguments[1], operands.option(2, "dim", -1), "top"
    )
    # nobody asks which they are
    return [values, ""]


def _product(writer: GraphWriter, operands: Operands) -> str:
    transposed = operands.arguments[1].target == torch.ops.aten.transpose.int
    left, right = operands[0], operands[1]
    return writer.product(left, right, operands.dtype, "weighted_sum", transposed=transposed)


def _untransposed(writer: GraphWriter, operands: Operands) -> str:  # noqa: ARG001
    """A matrix that is about to be multiplied; Gemm transposes it itself."""
    return operands[0]


def _permute(writer: GraphWriter, operands: Operands) -> str:
    return writer.node("Transpose", [operands[0]], "arranged", perm=list(operands.arguments[1]))


def _full(writer: GraphWriter, operands: Operands) -> str:
    # an initializer: OpenCV 5 does not survive an empty batch times weights that a node makes
    dtype = np.dtype(str(operands.options["dtype"]).removeprefix("torch."))
    return writer.constant(np.full(operands.arguments[0], operands.arguments[1], dtype), "weights")


# Less alone is safe with NaN on every runtime, so "greater" is Less with its operands swapped.
_RULES: dict[str, Rule] = {
    "__and__.Tensor": _plain("And", "both"),
    "abs.default": _plain("Abs", "size"),
    "add.Tensor": _plain("Add", "sum"),
    "amax.default": _reduce("Max", "largest"),
    "amin.default": _reduce("Min", "smallest"),
    "bitwise_and.Tensor": _plain("And", "both"),
    "cat.default": _concatenate,
    "clamp.default": _clamp,
    "div.Tensor": _plain("Div", "quotient"),
    "eq.Scalar": _compare_equal,
    "eq.Tensor": _compare_equal,
    "exp.default": _plain("Exp", "exponential"),
    "full.default": _full,
    "gt.Scalar": _plain("Less", "is_above", swapped=True),
    "gt.Tensor": _plain("Less", "is_above", swapped=True),
    "log.default": _plain("Log", "logarithm"),
    "lt.Scalar": _plain("Less", "is_below"),
    "lt.Tensor": _plain("Less", "is_below"),
    "matmul.default": _product,
    "maximum.default": _plain("Max", "larger"),
    "minimum.default": _plain("Min", "smaller"),
    "mul.Tensor": _plain("Mul", "product"),
    "neg.default": _plain("Neg", "negated"),
    "permute.default": _permute,
    "reciprocal.default": _plain("Reciprocal", "reciprocal"),
    "reshape.default": _reshape,
    "rsub.Scalar": _one_minus,
    "select.int": _select,
    "softmax.int": _softmax,
    "split.Tensor": _split,
    "squeeze.dim": _squeeze,
    "sym_size.int": _size,
    "sub.Tensor": _plain("Sub", "difference"),
    "sum.dim_IntList": _reduce("Sum", "total"),
    "tanh.default": _plain("Tanh", "hyperbolic_tangent"),
    "to.dtype": _to_dtype,
    "topk.default": _topk,
    "transpose.int": _untransposed,
    "where.ScalarOther": _where,
    "where.ScalarSelf": _where,
    "where.self": _where,
}
