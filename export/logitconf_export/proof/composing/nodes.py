"""A node with what it is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper

from logitconf_export.onnx_files.loading import array_of
from logitconf_export.proof.composing.composition import Composition
from logitconf_export.proof.composing.tensors import (
    CannotProveError,
    Dim,
    Known,
    Tensor,
    Value,
    key_of,
)


@dataclass(frozen=True, slots=True)
class Node:
    """A node with what it is given.

    Attributes:
        operation: ONNX's name.
        inputs: None for one that is left out.
        attributes: as Python values.
        opset: of the default domain.
        n_outputs: how many it has.
    """

    operation: str
    inputs: tuple[Value | None, ...]
    attributes: Mapping[str, Any]
    opset: int
    n_outputs: int = 1

    def axes(self, rank: int) -> tuple[int, ...] | None:
        """The axes of a reduction, from the front; None for all."""
        given = self.attributes.get("axes")
        if given is None and len(self.inputs) > 1 and self.inputs[1] is not None:
            given = known(self.inputs[1]).values.ravel().tolist()
        if not given and self.attributes.get("noop_with_empty_axes"):
            raise CannotProveError(f"{self.operation} over no axis")
        if not given:
            return None
        if not all(-rank <= a < rank for a in given) or len({a % rank for a in given}) < len(given):
            raise CannotProveError(f"{self.operation} over axes that are not there, or twice")
        return tuple(int(a) % rank for a in given)


def known(value: Value | None) -> Known:
    """A constant.

    Raises:
        CannotProveError: if it is none.
    """
    if not isinstance(value, Known):
        raise CannotProveError("a shape or axis that depends on the rows")
    return value


def constant_of(value: Value | None) -> float | None:
    """The number that a constant holds throughout, if it is such a one."""
    if isinstance(value, Known) and value.values.size and value.values.dtype.kind == "f":
        first = float(value.values.ravel()[0])
        return first if (value.values == value.values.ravel()[0]).all() else None
    return None


def repeated(constant: Known, dims: tuple[Dim, ...]) -> Known:
    """A constant in a shape that it is broadcast to; of rows one stands for all."""
    if dims == constant.dims:
        return constant
    shape = tuple(1 if isinstance(d, str) else d for d in dims)
    key = key_of("repeated", [constant.key], dims)
    return Known(np.broadcast_to(constant.values, shape), key, dims)


def operand(steps: Composition, node: Node) -> Tensor:
    """The first input; others say how it is used."""
    if node.inputs[0] is None:
        raise CannotProveError(f"{node.operation} of nothing")
    return steps.lifted(node.inputs[0])


def constant_node(node: onnx.NodeProto) -> Known:
    """The value of a Constant node."""
    values = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    for name, value in values.items():
        kinds = {
            **dict.fromkeys(("value_float", "value_floats"), np.float32),
            **dict.fromkeys(("value_int", "value_ints"), np.int64),
        }
        kind = kinds.get(name)
        if kind is None and name != "value":
            raise CannotProveError(f"a Constant by its {name}")
        array = array_of(value) if name == "value" else np.asarray(value, dtype=kind)
        return Known(array, key_of("Constant", [], array.dtype.str, array.shape, array.tobytes()))
    raise CannotProveError("a Constant without a value")
