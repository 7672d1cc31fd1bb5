"""Which values still hold a masked class as −inf: those that are only moved and compared."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx

from logitconf_export.proof.cases.steps import MOVES
from logitconf_export.proof.composing.head_part import HeadPart
from logitconf_export.proof.composing.tensors import Tensor, Truth, Value

_KEEPING = MOVES | {"Cast", "Equal", "Less", "Greater", "Max", "Min", "Not", "ReduceMax", "TopK"}
# of marks of the largest places, which are counted
_COUNTING = frozenset({"ReduceSum"})


def kept_names(part: HeadPart, shapes: Mapping[str, Value]) -> frozenset[str]:
    """Values that are made of the logits by moves, orders and marks of the largest alone.

    What finite rows say of them, as that one is the second largest, then holds for rows with
    masked classes too. A choice by another comparison may put a number in the place of −inf, which
    no finite row has.
    """
    kept = {part.tensor}
    for node in part.nodes:
        if _keeps(node, part, shapes, kept):
            kept.update(node.output)
    return frozenset(kept)


def _keeps(
    node: onnx.NodeProto, part: HeadPart, shapes: Mapping[str, Value], kept: set[str]
) -> bool:
    given = [name for name in node.input if name]
    constants = {name: part.constants[name].values for name in given if name in part.constants}
    floats = [array for array in constants.values() if array.dtype.kind == "f"]
    if not all(name in kept or name in constants for name in given):
        return False
    if any(_unmapped(shapes.get(name)) for name in given):
        # a calibration map that takes each class by itself leaves -inf where it is
        positive = node.op_type == "Mul" and all((array > 0.0).all() for array in floats)
        finite = all(np.isfinite(array).all() for array in floats)
        return finite and (positive or node.op_type == "Add")
    if node.op_type == "Where":
        condition = shapes[given[0]]
        marks = isinstance(condition, Truth) and condition.source is not None
        return marks and all(np.isneginf(array).all() for array in floats)
    source = getattr(shapes[given[0]], "source", None)
    if node.op_type in _COUNTING:
        return source is not None and source[0] == "top"
    # beside -inf a maximum is none other
    masked = node.op_type == "Max" and all(np.isneginf(array).all() for array in floats)
    # a limit of the number of largest values
    limit = node.op_type in ("Less", "Greater")
    return node.op_type in _KEEPING and (not floats or masked or limit)


def _unmapped(value: Value | None) -> bool:
    return isinstance(value, Tensor) and value.source is not None and value.source[0] == "unmapped"
