"""Symbolic arrays: the formulas of the core, called with them, write the nodes of a head.

A `SymbolicArray` knows its type, its rank and the sizes that are fixed, never a value. Its
operations, and the functions of the namespace that it answers to the array API standard, append
nodes through a `GraphWriter`, which knows what differs between opsets. What a head must not use on
some runtime is not here: `LessEqual`, `Greater` and `Not` of a comparison are True for a NaN on
OpenVINO, and negative axes give a wrong shape for an empty batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, NoReturn, TypeAlias

import numpy as np
import numpy.typing as npt
from onnx import helper

from logitconf.errors import LogitconfError
from logitconf_export.heads.graph_writer import GraphWriter

DType: TypeAlias = "np.dtype[Any]"
Shape: TypeAlias = tuple[int | None, ...]
Operand: TypeAlias = "SymbolicArray | float"

_BOOL = np.dtype(bool)


@dataclass(frozen=True, slots=True, eq=False)
class SymbolicArray:
    """A value of a head's graph, as an array of the array API standard.

    Attributes:
        writer: what its operations are written with.
        name: of the value in the graph.
        dtype: element type.
        shape: sizes of its axes, None where they are free.
        transposed: whether it stands for the transpose of the value, which only a product takes.
    """

    writer: GraphWriter
    name: str
    dtype: DType
    shape: Shape
    transposed: bool = False

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def device(self) -> GraphWriter:
        """Where it lies, for functions that make arrays beside it."""
        return self.writer

    def __array_namespace__(self, *, api_version: str | None = None) -> ModuleType:
        """The functions that take symbolic arrays."""
        return NAMESPACE

    def __add__(self, other: Operand) -> SymbolicArray:
        return _binary("Add", self, other)

    # an operation with a number on its left is written with the number on its right if it can be
    __radd__ = __add__

    def __sub__(self, other: Operand) -> SymbolicArray:
        return _binary("Sub", self, other)

    def __rsub__(self, other: float) -> SymbolicArray:
        return _binary("Sub", other, self)

    def __mul__(self, other: Operand) -> SymbolicArray:
        return _binary("Mul", self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Operand) -> SymbolicArray:
        return _binary("Div", self, other)

    def __rtruediv__(self, other: float) -> SymbolicArray:
        return _binary("Div", other, self)

    def __neg__(self) -> SymbolicArray:
        return _unary("Neg", self)

    # Less alone is safe with NaN on every runtime, so "greater" is Less with its operands swapped
    def __lt__(self, other: Operand) -> SymbolicArray:
        return _binary("Less", self, other, dtype=_BOOL)

    def __gt__(self, other: Operand) -> SymbolicArray:
        return _binary("Less", other, self, dtype=_BOOL)

    def __eq__(self, other: Operand) -> SymbolicArray:  # type: ignore[override]
        left, right, _ = _operands(self, other)
        name = self.writer.equal(left, right)
        return self._made(name, _broadcast(self, other), _BOOL)

    __hash__ = None  # type: ignore[assignment]

    def __and__(self, other: SymbolicArray) -> SymbolicArray:
        return _binary("And", self, other)

    def __getitem__(self, key: tuple[Any, ...]) -> SymbolicArray:
        """One position of one axis, whose axis is dropped: ``x[:, 1, ...]``."""
        parts = [part for part in key if part is not ...]
        taken = [axis for axis, part in enumerate(parts) if part != slice(None)]
        if len(taken) != 1 or type(parts[taken[0]]) is not int:
            _refuse(f"the index {key!r}", "a whole number on one axis")
        axis, index = taken[0], parts[taken[0]]
        position = self.writer.constant(np.array(index, dtype=np.int64), f"position_{index}")
        name = self.writer.node("Gather", [self.name, position], axis=axis)
        return self._made(name, (*self.shape[:axis], *self.shape[axis + 1 :]))

    def __matmul__(self, other: SymbolicArray) -> SymbolicArray:
        return _product(self, other)

    def split(self, size: int, axis: int) -> list[SymbolicArray]:
        """Pieces of this size along an axis, the last one maybe smaller."""
        total = self.shape[axis]
        if total is None:
            _refuse("pieces of a free axis", "one of a fixed size")
        sizes = [min(size, total - start) for start in range(0, total, size)]
        names = self.writer.split(self.value, sizes, axis)
        return [
            self._made(name, (*self.shape[:axis], piece, *self.shape[axis + 1 :]))
            for name, piece in zip(names, sizes, strict=True)
        ]

    def softmax(self, axis: int) -> SymbolicArray:
        """Softmax over the last axis, in one operation."""
        name = self.writer.softmax(self.value, axis, self.ndim)
        return self._made(name, self.shape)

    def log_softmax(self, axis: int) -> SymbolicArray:
        """The logarithm of the softmax over the last axis, in one operation."""
        name = self.writer.softmax(self.value, axis, self.ndim, op="LogSoftmax")
        return self._made(name, self.shape)

    def sum_of_sizes(self, axis: int) -> SymbolicArray:
        """The sum of abs values along an axis."""
        name = self.writer.reduce("L1", self.value, [axis])
        return self._made(name, (*self.shape[:axis], *self.shape[axis + 1 :]))

    def only_finite(self) -> SymbolicArray:
        """The finite values, and NaN for all others."""
        return self._made(self.writer.only_finite(self.value, self.dtype), self.shape)

    def larger_than(self, others: Sequence[SymbolicArray]) -> SymbolicArray:
        """The largest of it and others at each place."""
        names = [self.value, *(other.value for other in others)]
        return self._made(self.writer.larger(names, self.dtype), _broadcast(self, *others))

    def topk(self, count: int, axis: int) -> tuple[SymbolicArray]:
        """That many of the largest values along an axis, from the largest down; not which."""
        name = self.writer.largest(self.value, count, axis)
        return (self._made(name, (*self.shape[:axis], count, *self.shape[axis + 1 :])),)

    def constant(self, values: npt.NDArray[np.float32], name: str) -> SymbolicArray:
        """An initializer of numbers."""
        made = self.writer.constant(values, name)
        return SymbolicArray(self.writer, made, values.dtype, values.shape)

    def looked_up(self, values: Sequence[int]) -> SymbolicArray:
        """What stands at these positions of a list, int64.

        A Cast to int64 is a dimension to tract 0.23, whose values it does not hand out.
        """
        table = self.writer.constant(np.array(values, dtype=np.int64), "labels")
        places = _astype(self, np.dtype(np.int32))
        name = self.writer.node("Gather", [table, places.value], axis=0)
        return self._made(name, self.shape, np.dtype(np.int64))

    @property
    def value(self) -> str:
        """The name of the value, for nodes that take it as it is."""
        if self.transposed:
            _refuse("a transpose", "it in a product")
        return self.name

    def _made(self, name: str, shape: Shape, dtype: DType | None = None) -> SymbolicArray:
        return SymbolicArray(self.writer, name, self.dtype if dtype is None else dtype, shape)

    def _has_no_value(self, *_: object) -> NoReturn:
        raise LogitconfError(
            "a formula that becomes a graph must not ask for a value, a length or an order of its "
            "arrays, got a request for one; use where(...) instead of if"
        )

    __bool__ = __float__ = __int__ = __index__ = __len__ = __iter__ = __array__ = _has_no_value
    __contains__ = __complex__ = _has_no_value

    def _is_not_safe(self, *_: object) -> NoReturn:
        _refuse("another operator", "+, -, *, /, @, <, >, == and &")

    __le__ = __ge__ = __ne__ = __or__ = __xor__ = __invert__ = _is_not_safe
    __pow__ = __mod__ = __floordiv__ = __rpow__ = _is_not_safe


def _refuse(what: str, instead: str) -> NoReturn:
    raise LogitconfError(
        f"a formula that becomes a graph must use what every runtime has, got {what}; use {instead}"
    )


def _first(*operands: Operand) -> SymbolicArray:
    arrays = [operand for operand in operands if isinstance(operand, SymbolicArray)]
    # the type of a number is that of the first array of numbers beside it
    floating = [array for array in arrays if array.dtype != _BOOL]
    return (floating or arrays)[0]


def _operands(*operands: Operand) -> tuple[Any, ...]:
    """Names of operands that share a type, and that type; a Python number becomes an initializer.

    Raises:
        LogitconfError: for another kind of operand, or two types.
    """
    like = _first(*operands)
    names = []
    for operand in operands:
        if isinstance(operand, SymbolicArray):
            if operand.dtype != like.dtype:
                _refuse(f"{like.dtype} beside {operand.dtype}", "astype on one of them")
            names.append(operand.value)
        elif type(operand) in (int, float):
            names.append(like.writer.scalar(float(operand), like.dtype))
        else:
            _refuse(f"a {type(operand).__name__} beside its arrays", "a Python number")
    return (*names, like.dtype)


def _broadcast(*operands: Operand) -> Shape:
    shapes = [operand.shape for operand in operands if isinstance(operand, SymbolicArray)]
    rank = max(len(shape) for shape in shapes)
    aligned = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    return tuple(next((d for d in dims if d != 1), 1) for dims in zip(*aligned, strict=True))


def _binary(op: str, left: Operand, right: Operand, dtype: DType | None = None) -> SymbolicArray:
    a, b, common = _operands(left, right)
    writer = _first(left, right).writer
    shape = _broadcast(left, right)
    return SymbolicArray(writer, writer.node(op, [a, b]), dtype or common, shape)


def _unary(op: str, x: SymbolicArray) -> SymbolicArray:
    return x._made(x.writer.node(op, [x.value]), x.shape)


def _product(left: SymbolicArray, right: SymbolicArray) -> SymbolicArray:
    if left.ndim != 2 or right.ndim != 2:
        _refuse(f"a product of {left.ndim} by {right.ndim} axes", "two matrices")
    name = left.writer.product(left.value, right.name, left.dtype, transposed=right.transposed)
    return left._made(name, (left.shape[0], right.shape[1]))


def _named_unary(op: str) -> Callable[[SymbolicArray], SymbolicArray]:
    return lambda x: _unary(op, x)


def _named_binary(op: str) -> Callable[[Operand, Operand], SymbolicArray]:
    return lambda left, right: _binary(op, left, right)


def _reduction(kind: str) -> Callable[..., SymbolicArray]:
    def reduce(x: SymbolicArray, *, axis: int, keepdims: bool = False) -> SymbolicArray:
        axis = _counted(axis, x.ndim)
        name = x.writer.reduce(kind, x.value, [axis], keepdims=keepdims)
        middle = (1,) if keepdims else ()
        return x._made(name, (*x.shape[:axis], *middle, *x.shape[axis + 1 :]))

    return reduce


def _counted(axis: int, rank: int) -> int:
    """An axis counted from the front."""
    return axis % rank


def _astype(x: SymbolicArray, dtype: DType, *, copy: bool = True) -> SymbolicArray:  # noqa: ARG001
    dtype = np.dtype(dtype)
    if x.dtype == dtype:
        return x
    kind = helper.np_dtype_to_tensor_dtype(dtype)
    return x._made(x.writer.cast(x.value, kind), x.shape, dtype)


def _clip(
    x: SymbolicArray, min: float | None = None, max: float | None = None
) -> SymbolicArray:  # the standard's names
    for kind, limit in (("Max", min), ("Min", max)):
        if limit is not None:
            x = x._made(x.writer.bound(kind, x.value, limit, x.dtype), x.shape)
    return x


def _where(condition: SymbolicArray, left: Operand, right: Operand) -> SymbolicArray:
    if not isinstance(left, SymbolicArray) and not isinstance(right, SymbolicArray):
        _refuse("a choice between two numbers", "an array for one of them")
    a, b, dtype = _operands(left, right)
    name = condition.writer.where(condition.value, a, b, dtype)
    return condition._made(name, _broadcast(condition, left, right), dtype)


def _squeeze(x: SymbolicArray, *, axis: int) -> SymbolicArray:
    axis = _counted(axis, x.ndim)
    return x._made(x.writer.squeeze(x.value, axis), (*x.shape[:axis], *x.shape[axis + 1 :]))


def _reshape(x: SymbolicArray, shape: Shape) -> SymbolicArray:
    """A new shape; a free size stays where it is."""
    if any(size is None and x.shape[i : i + 1] != (None,) for i, size in enumerate(shape)):
        _refuse(f"the shape {shape} for {x.shape}", "one that leaves free axes where they are")
    name = x.writer.reshape(x.value, [0 if size is None else size for size in shape])
    known = None if None in x.shape else math.prod(size or 1 for size in x.shape)
    left = None if known is None else known // math.prod(s or 1 for s in shape if s != -1)
    return x._made(name, tuple(left if size == -1 else size for size in shape))


def _permute(x: SymbolicArray, axes: Sequence[int]) -> SymbolicArray:
    name = x.writer.node("Transpose", [x.value], perm=list(axes))
    return x._made(name, tuple(x.shape[axis] for axis in axes))


def _concat(arrays: Sequence[SymbolicArray], *, axis: int) -> SymbolicArray:
    first = arrays[0]
    sizes = [array.shape[axis] for array in arrays]
    total = None if None in sizes else sum(size or 0 for size in sizes)
    name = first.writer.node("Concat", [a.value for a in arrays], axis=axis)
    return first._made(name, (*first.shape[:axis], total, *first.shape[axis + 1 :]))


def _full(
    shape: tuple[int, ...], value: float, *, dtype: DType, device: GraphWriter
) -> SymbolicArray:
    return SymbolicArray(device, device.filled(shape, value, dtype), np.dtype(dtype), shape)


def _arange(count: int, *, dtype: DType, device: GraphWriter) -> SymbolicArray:
    name = device.constant(np.arange(count, dtype=dtype), "positions")
    return SymbolicArray(device, name, np.dtype(dtype), (count,))


def _expand_dims(x: SymbolicArray, *, axis: int) -> SymbolicArray:
    name = x.writer.unsqueeze(x.value, axis)
    return x._made(name, (*x.shape[:axis], 1, *x.shape[axis:]))


def _missing(name: str) -> NoReturn:
    if name.startswith("__"):
        raise AttributeError(name)
    _refuse(f"{name}(...)", f"{sorted(n for n in vars(NAMESPACE) if not n.startswith('_'))}")


NAMESPACE = ModuleType("symbolic_arrays", "The functions of symbolic arrays, by the standard.")
vars(NAMESPACE).update(
    {
        "__getattr__": _missing,
        "abs": _named_unary("Abs"),
        "add": _named_binary("Add"),
        "arange": _arange,
        "astype": _astype,
        "clip": _clip,
        "concat": _concat,
        "exp": _named_unary("Exp"),
        "expand_dims": _expand_dims,
        "finfo": np.finfo,
        "float32": np.dtype(np.float32),
        "float64": np.dtype(np.float64),
        "full": _full,
        "int64": np.dtype(np.int64),
        "log": _named_unary("Log"),
        "matmul": _product,
        "matrix_transpose": lambda x: replace(x, shape=x.shape[::-1], transposed=True),
        "max": _reduction("Max"),
        "maximum": _named_binary("Max"),
        "min": _reduction("Min"),
        "minimum": _named_binary("Min"),
        "permute_dims": _permute,
        "reciprocal": _named_unary("Reciprocal"),
        "reshape": _reshape,
        "squeeze": _squeeze,
        "sum": _reduction("Sum"),
        "tanh": _named_unary("Tanh"),
        "uint8": np.dtype(np.uint8),
        "where": _where,
    }
)
