"""Which values still hold a masked class as −inf: those that are only moved and compared."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx

from logitconf_export.proof.cases.steps import MOVES
from logitconf_export.proof.composing.head_part import HeadPart
from logitconf_export.proof.composing.tensors import Truth, Value

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
    if node.op_type == "Where":
        condition = shapes[given[0]]
        marks = isinstance(condition, Truth) and condition.source is not None
        return marks and all(np.isneginf(array).all() for array in floats)
    source = getattr(shapes[given[0]], "source", None)
    if node.op_type in _COUNTING:
        return source is not None and source[0] == "top"
    # a limit of the number of largest values
    return node.op_type in _KEEPING and (not floats or node.op_type in ("Less", "Greater"))
