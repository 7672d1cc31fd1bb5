"""Writing a head's nodes at any opset from 7: all differences between opsets live here."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from logitconf.errors import LogitconfError
from logitconf_export.onnx_files.opsets import check_opset

PREFIX = "logitconf/"

# Names are most of a head's bytes: each stands in its node, its output and all that reads it.
_SHORT = {
    "ConstantOfShape": "fill",
    "Equal": "eq",
    "Gemm": "dot",
    "Less": "lt",
    "Reciprocal": "inv",
    "ReduceMax": "max",
    "ReduceMin": "min",
    "ReduceSum": "sum",
    "Softmax": "soft",
    "Squeeze": "sq",
    "Where": "if",
}
_SCALARS = {
    "inf": "inf",
    "-inf": "neginf",
    "nan": "nan",
    "3.40282e+38": "highest",
    "-3.40282e+38": "lowest",
}


class GraphWriter:
    """Collects nodes and initializers of one head, written for one opset.

    Every method appends a node and returns the name of its output.
    """

    def __init__(self, opset: int) -> None:
        self.opset = check_opset(opset)
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, TensorProto] = {}
        self._used: Counter[str] = Counter()
        self._written: dict[tuple[str, tuple[str, ...], str], str] = {}

    def node(self, op: str, inputs: Sequence[str], **attributes: Any) -> str:
        """One node whose name and output are its operator's, numbered from the second.

        What is there already, with the same inputs and attributes, is not written again.
        """
        same = (op, tuple(inputs), repr(sorted(attributes.items())))
        if same not in self._written:
            self._written[same] = self._appended(op, inputs, **attributes)
        return self._written[same]

    def _appended(self, op: str, inputs: Sequence[str], **attributes: Any) -> str:
        name = _numbered(op, self._used)
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=name, **attributes))
        return name

    def finish(self, outputs: Mapping[str, str], kept: Collection[str]) -> None:
        """Drops what no output needs, numbers the names of the rest anew, and names the outputs.

        Args:
            outputs: the names that values shall have, by their names so far.
            kept: initializers that stay whether they are used or not.
        """
        needed, live = set(outputs), []
        for node in reversed(self.nodes):
            if needed & set(node.output):
                live.append(node)
                needed.update(node.input)
        self.nodes = live[::-1]
        used: Counter[str] = Counter()
        names: dict[str, str] = {}
        for node in self.nodes:
            old, node.name = node.name, _numbered(node.op_type, used)
            names.update({value: node.name + value.removeprefix(old) for value in node.output})
        names.update(outputs)
        for node in self.nodes:
            node.input[:] = [names.get(value, value) for value in node.input]
            node.output[:] = [names[value] for value in node.output]
        self.initializers = {
            name: tensor
            for name, tensor in self.initializers.items()
            if name in needed or name in kept
        }

    def constant(self, array: "np.ndarray[Any, Any]", what: str) -> str:
        """An initializer; equal ones are shared.

        Raises:
            LogitconfError: if another one is called so.
        """
        name = f"{PREFIX}{what}"
        tensor = numpy_helper.from_array(array, name)
        if self.initializers.setdefault(name, tensor) != tensor:
            raise LogitconfError(f"two constants of one graph must not share the name {name!r}")
        return name

    def scalar(self, value: float, dtype: "np.dtype[Any]") -> str:
        """A scalar initializer of a floating dtype."""
        text = f"{value:g}"
        what = _SCALARS.get(text, text)
        if dtype != np.float32:
            what = f"{what}_{dtype.name}"
        return self.constant(np.array(value, dtype=dtype), what)

    def filled(self, shape: Sequence[int], value: float, dtype: "np.dtype[Any]") -> str:
        """A tensor of one number; from opset 9 a node, which onnxruntime computes as it loads."""
        if self.opset < 9:
            return self.constant(np.full(shape, value, dtype), "weights")
        single = numpy_helper.from_array(np.array([value], dtype=dtype))
        return self.node("ConstantOfShape", [self._shape(shape)], value=single)

    def reduce(self, kind: str, x: str, axes: Sequence[int], *, keepdims: bool = False) -> str:
        """ReduceMax, ReduceMin, ReduceSum or ReduceL1 over the axes.

        The axes are an input from opset 13 for ReduceSum, from 18 for the others.
        """
        as_input = self.opset >= (13 if kind == "Sum" else 18)
        if as_input:
            inputs = [x, self._axes(axes)]
            return self.node(f"Reduce{kind}", inputs, keepdims=int(keepdims))
        return self.node(f"Reduce{kind}", [x], axes=list(axes), keepdims=int(keepdims))

    def squeeze(self, x: str, axis: int) -> str:
        """Drops an axis of size one."""
        if self.opset >= 13:
            return self.node("Squeeze", [x, self._axes([axis])])
        return self.node("Squeeze", [x], axes=[axis])

    def unsqueeze(self, x: str, axis: int) -> str:
        """Adds an axis of size one."""
        if self.opset >= 13:
            return self.node("Unsqueeze", [x, self._axes([axis])])
        return self.node("Unsqueeze", [x], axes=[axis])

    def _axes(self, axes: Sequence[int]) -> str:
        label = "_".join(str(axis) for axis in axes)
        return self.constant(np.array(axes, dtype=np.int64), f"axes_{label}")

    def reshape(self, x: str, shape: Sequence[int]) -> str:
        """A new shape; 0 keeps an axis, −1 takes what is left."""
        return self.node("Reshape", [x, self._shape(shape)])

    def _shape(self, shape: Sequence[int]) -> str:
        label = "_".join(str(size) for size in shape)
        return self.constant(np.array(shape, dtype=np.int64), f"shape_{label}")

    def split(self, x: str, sizes: Sequence[int], axis: int) -> list[str]:
        """Pieces of these sizes along an axis."""
        first = self._appended("Split", [x], axis=axis)
        node = self.nodes[-1]
        if self.opset >= 13:
            label = "_".join(f"{len([*run])}x{size}" for size, run in groupby(sizes))
            node.input.append(self.constant(np.array(sizes, dtype=np.int64), f"sizes_{label}"))
        else:
            node.attribute.append(helper.make_attribute("split", list(sizes)))
        node.output[:] = [f"{first}_{i + 1}" for i in range(len(sizes))]
        return list(node.output)

    def largest(self, x: str, count: int, axis: int) -> str:
        """That many of the largest values along an axis, from the largest down."""
        if self.opset >= 10:
            wanted = self.constant(np.array([count], dtype=np.int64), f"count_{count}")
            values = self._appended("TopK", [x, wanted], axis=axis)
        else:
            values = self._appended("TopK", [x], axis=axis, k=count)
        self.nodes[-1].output.append(f"{values}_classes")
        return values

    def product(self, a: str, b: str, dtype: "np.dtype[Any]", *, transposed: bool = False) -> str:
        """The product of two matrices, or of the first and the transpose of the second."""
        operands = [a, b]
        if self.opset < 11:
            operands.append(self.constant(np.zeros((1, 1), dtype=dtype), "no_bias"))
        return self.node("Gemm", operands, transB=int(transposed))

    def cast(self, x: str, to: int) -> str:
        """Another element type."""
        return self.node("Cast", [x], to=to)

    def equal(self, a: str, b: str) -> str:
        """A == b for floats; False where either is NaN, from opset 11.

        Below 11 Equal takes no floats, and NaN compares equal: the callers' guards see it anyway.
        """
        if self.opset >= 11:
            return self.node("Equal", [a, b])
        unlike = self.node(
            "Or",
            [self.node("Less", [a, b]), self.node("Less", [b, a])],
        )
        return self.node("Not", [unlike])

    def bound(self, kind: str, x: str, limit: float, dtype: "np.dtype[Any]") -> str:
        """Max or Min with a scalar, as Clip, which is quicker, but old ones take float32 alone."""
        if dtype == np.float64 and self.opset >= 8:
            return self.node(kind, [x, self.scalar(limit, dtype)])
        if self.opset < 11:
            attribute = {"Max": "min", "Min": "max"}
            return self.node("Clip", [x], **{attribute[kind]: limit})
        limits = [self.scalar(limit, dtype)]
        if kind == "Min":
            limits.insert(0, self.scalar(-float("inf"), dtype))
        return self.node("Clip", [x, *limits])

    def larger(self, names: Sequence[str], dtype: np.dtype[Any]) -> str:
        """The largest of values of one shape at each place.

        Of three and more CUDA's Max fails where they have no elements (onnxruntime 1.31), unless
        one has another shape, which it may have from opset 8.
        """
        neutral = [self.scalar(-float("inf"), dtype)] if len(names) > 2 and self.opset >= 8 else []
        return self.node("Max", [*neutral, *names])

    def only_finite(self, x: str, dtype: "np.dtype[Any]") -> str:
        """X where it is finite, else NaN: from opset 10 what division by infinity leaves."""
        if self.opset < 10:
            return self.node("Add", [x, self.node("Sub", [x, x])])
        return self.node("Mod", [x, self.scalar(float("inf"), dtype)], fmod=1)

    def where(self, condition: str, a: str, b: str, dtype: "np.dtype[Any]") -> str:
        """A where the condition holds, else b."""
        if self.opset >= 9:
            return self.node("Where", [condition, a, b])
        return self._where_without_where(condition, a, b, dtype)

    def _where_without_where(self, condition: str, a: str, b: str, dtype: "np.dtype[Any]") -> str:
        """Where by arithmetic, for what heads select, below opset 9; drops a NaN of a or b."""
        holds = self.cast(condition, helper.np_dtype_to_tensor_dtype(dtype))
        one = self.scalar(1.0, dtype)
        if b == self.scalar(float("nan"), dtype):
            # sqrt(1 - 1) adds 0, sqrt(0 - 1) adds NaN
            poison = self.node("Sqrt", [self.node("Sub", [holds, one])])
            return self.node("Add", [a, poison])
        if a == self.scalar(-float("inf"), dtype):
            # log(1 - 1) adds -inf, log(1 - 0) adds 0
            fails = self.node("Sub", [one, holds])
            return self.node("Add", [b, self.node("Log", [fails])])
        if b == self.scalar(float("inf"), dtype):
            lift = self.node("Neg", [self.node("Log", [holds])])
            return self.node("Add", [a, lift])
        if b == self.scalar(-float("inf"), dtype):
            # log(1) adds 0, log(0) adds -inf
            return self.node("Add", [a, self.node("Log", [holds])])
        sunk = self.scalar(-float("inf"), dtype)
        sides = [
            self._where_without_where(condition, a, sunk, dtype),
            self._where_without_where(condition, sunk, b, dtype),
        ]
        return self.node("Max", sides)

    def softmax(self, x: str, axis: int, rank: int, *, op: str = "Softmax") -> str:
        """Softmax or LogSoftmax over the last axis; below opset 13 they are right for no other."""
        if axis != rank - 1:
            raise LogitconfError(f"{op} is written for the last axis only, got {axis} of {rank}")
        return self.node(op, [x], axis=axis)


def _numbered(op: str, used: Counter[str]) -> str:
    what = _SHORT.get(op, op.lower())
    used[what] += 1
    return f"{PREFIX}{what}" if used[what] == 1 else f"{PREFIX}{what}{used[what]}"


def apply_names(graph: onnx.GraphProto, rename: dict[str, str], prefix: str) -> None:
    """Gives the values of a graph the names in ``rename``, and all others another prefix."""

    def new(name: str) -> str:
        return rename.get(name) or prefix + name.removeprefix(PREFIX)

    for node in graph.node:
        node.name = new(node.name)
        node.input[:] = [new(name) for name in node.input]
        node.output[:] = [new(name) for name in node.output]
    for value in (*graph.initializer, *graph.output):
        value.name = new(value.name)
