"""Writing a head's nodes at any opset from 7: all differences between opsets live here."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from logitconf.errors import LogitconfError
from logitconf_export.onnx_files.opsets import check_opset

PREFIX = "logitconf/"

_SCALAR_NAMES = {
    "inf": "infinity",
    "-inf": "minus_infinity",
    "nan": "not_a_number",
    "0": "zero",
    "1": "one",
}


class GraphWriter:
    """Collects nodes and initializers of one head, written for one opset.

    Every method appends a node and returns the name of its output.
    """

    def __init__(self, opset: int) -> None:
        self.opset = check_opset(opset)
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, TensorProto] = {}
        self._used: dict[str, int] = {}
        self._holds: dict[str, str] = {}

    def node(self, op: str, inputs: Sequence[str], what: str, **attributes: Any) -> str:
        """Appends one node whose name and output say what it holds."""
        name = _numbered(what, self._used)
        self._holds[name] = what
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
        used: dict[str, int] = {}
        names: dict[str, str] = {}
        for node in self.nodes:
            old, node.name = node.name, _numbered(self._holds[node.name], used)
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
        what = _SCALAR_NAMES.get(text, f"scalar_{text}")
        if dtype != np.float32:
            what = f"{what}_{dtype.name}"
        return self.constant(np.array(value, dtype=dtype), what)

    def reduce(
        self, kind: str, x: str, axes: Sequence[int], what: str, *, keepdims: bool = False
    ) -> str:
        """ReduceMax, ReduceMin or ReduceSum over the axes.

        The axes are an input from opset 13 for ReduceSum, from 18 for the others.
        """
        as_input = self.opset >= (13 if kind == "Sum" else 18)
        if as_input:
            inputs = [x, self._axes(axes)]
            return self.node(f"Reduce{kind}", inputs, what, keepdims=int(keepdims))
        return self.node(f"Reduce{kind}", [x], what, axes=list(axes), keepdims=int(keepdims))

    def squeeze(self, x: str, axis: int, what: str) -> str:
        """Drops an axis of size one."""
        if self.opset >= 13:
            return self.node("Squeeze", [x, self._axes([axis])], what)
        return self.node("Squeeze", [x], what, axes=[axis])

    def unsqueeze(self, x: str, axis: int, what: str) -> str:
        """Adds an axis of size one."""
        if self.opset >= 13:
            return self.node("Unsqueeze", [x, self._axes([axis])], what)
        return self.node("Unsqueeze", [x], what, axes=[axis])

    def _axes(self, axes: Sequence[int]) -> str:
        label = "_".join(str(axis) for axis in axes)
        return self.constant(np.array(axes, dtype=np.int64), f"axes_{label}")

    def reshape(self, x: str, shape: Sequence[int], what: str) -> str:
        """A new shape; 0 keeps an axis, −1 takes what is left."""
        label = "_".join(str(size) for size in shape)
        return self.node(
            "Reshape", [x, self.constant(np.array(shape, dtype=np.int64), f"shape_{label}")], what
        )

    def split(self, x: str, sizes: Sequence[int], axis: int, what: str) -> list[str]:
        """Pieces of these sizes along an axis."""
        first = self.node("Split", [x], what, axis=axis)
        node = self.nodes[-1]
        if self.opset >= 13:
            label = "_".join(str(size) for size in sizes)
            node.input.append(self.constant(np.array(sizes, dtype=np.int64), f"sizes_{label}"))
        else:
            node.attribute.append(helper.make_attribute("split", list(sizes)))
        node.output[:] = [f"{first}_of_{len(sizes)}_{i + 1}" for i in range(len(sizes))]
        return list(node.output)

    def largest(self, x: str, count: int, axis: int, what: str) -> str:
        """That many of the largest values along an axis, from the largest down."""
        if self.opset >= 10:
            wanted = self.constant(np.array([count], dtype=np.int64), f"count_{count}")
            values = self.node("TopK", [x, wanted], what, axis=axis)
        else:
            values = self.node("TopK", [x], what, axis=axis, k=count)
        self.nodes[-1].output.append(f"{values}_classes")
        return values

    def product(
        self, a: str, b: str, dtype: "np.dtype[Any]", what: str, *, transposed: bool = False
    ) -> str:
        """The product of two matrices, or of the first and the transpose of the second."""
        operands = [a, b]
        if self.opset < 11:
            operands.append(self.constant(np.zeros((1, 1), dtype=dtype), "no_bias"))
        return self.node("Gemm", operands, what, transB=int(transposed))

    def cast(self, x: str, to: int, what: str) -> str:
        """Another element type."""
        return self.node("Cast", [x], what, to=to)

    def equal(self, a: str, b: str, what: str) -> str:
        """A == b for floats; False where either is NaN, from opset 11.

        Below 11 Equal takes no floats, and NaN compares equal: the callers' guards see it anyway.
        """
        if self.opset >= 11:
            return self.node("Equal", [a, b], what)
        unlike = self.node(
            "Or",
            [self.node("Less", [a, b], "is_less"), self.node("Less", [b, a], "is_more")],
            "is_unlike",
        )
        return self.node("Not", [unlike], what)

    def bound(self, kind: str, x: str, limit: float, dtype: "np.dtype[Any]", what: str) -> str:
        """Max or Min with a scalar, as Clip, which is quicker, but old ones take float32 alone."""
        if dtype == np.float64 and self.opset >= 8:
            return self.node(kind, [x, self.scalar(limit, dtype)], what)
        if self.opset < 11:
            attribute = {"Max": "min", "Min": "max"}
            return self.node("Clip", [x], what, **{attribute[kind]: limit})
        limits = [self.scalar(limit, dtype)]
        if kind == "Min":
            limits.insert(0, self.scalar(-float("inf"), dtype))
        return self.node("Clip", [x, *limits], what)

    def where(self, condition: str, a: str, b: str, dtype: "np.dtype[Any]", what: str) -> str:
        """A where the condition holds, else b."""
        if self.opset >= 9:
            return self.node("Where", [condition, a, b], what)
        return self._where_without_where(condition, a, b, dtype, what)

    def _where_without_where(
        self, condition: str, a: str, b: str, dtype: "np.dtype[Any]", what: str
    ) -> str:
        """Where by arithmetic, for what heads select, below opset 9; drops a NaN of a or b."""
        holds = self.cast(condition, helper.np_dtype_to_tensor_dtype(dtype), "holds")
        one = self.scalar(1.0, dtype)
        if b == self.scalar(float("nan"), dtype):
            # sqrt(1 - 1) adds 0, sqrt(0 - 1) adds NaN
            poison = self.node("Sqrt", [self.node("Sub", [holds, one], "lack")], "poison")
            return self.node("Add", [a, poison], what)
        if a == self.scalar(-float("inf"), dtype):
            # log(1 - 1) adds -inf, log(1 - 0) adds 0
            fails = self.node("Sub", [one, holds], "fails")
            return self.node("Add", [b, self.node("Log", [fails], "sink")], what)
        if b == self.scalar(float("inf"), dtype):
            lift = self.node("Neg", [self.node("Log", [holds], "log_holds")], "lift")
            return self.node("Add", [a, lift], what)
        if b == self.scalar(-float("inf"), dtype):
            # log(1) adds 0, log(0) adds -inf
            return self.node("Add", [a, self.node("Log", [holds], "log_holds")], what)
        sunk = self.scalar(-float("inf"), dtype)
        sides = [
            self._where_without_where(condition, a, sunk, dtype, "if_so"),
            self._where_without_where(condition, sunk, b, dtype, "if_not"),
        ]
        return self.node("Max", sides, what)

    def softmax(self, x: str, axis: int, rank: int, what: str) -> str:
        """Softmax over the last axis; below opset 13 the operator is right for no other."""
        if axis != rank - 1:
            raise LogitconfError(f"Softmax is written for the last axis only, got {axis} of {rank}")
        return self.node("Softmax", [x], what, axis=axis)


def _numbered(what: str, used: dict[str, int]) -> str:
    """A name that says what it holds, numbered from the second on."""
    used[what] = count = used.get(what, 0) + 1
    return f"{PREFIX}{what}" if count == 1 else f"{PREFIX}{what}_{count}"


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
