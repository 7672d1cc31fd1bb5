"""Where moved numbers come from: the moves of finite rows, made with numbers of their places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from logitconf_export.proof.cases.kinds import NOTHING
from logitconf_export.proof.cases.steps import Abstract, Places, TruthPlaces
from logitconf_export.proof.composing.head_part import HeadPart
from logitconf_export.proof.composing.movements import MOVEMENTS
from logitconf_export.proof.composing.reductions import reduced_places
from logitconf_export.proof.composing.tensors import CannotProveError, Tensor, Truth, Value
from logitconf_export.proof.exact.expressions import number

Numbers = npt.NDArray[np.object_]


def moved_places(
    part: HeadPart, shapes: Mapping[str, Value], node: onnx.NodeProto, inputs: Sequence[Any]
) -> list[Abstract] | None:
    """What each output of a move holds, of classes whose places are known; None of others."""
    names = [name for name in node.input if name not in part.constants]
    given = [v for v, name in zip(inputs, node.input, strict=False) if name in names]
    if not any(isinstance(v, Places | TruthPlaces) and v.at is not None for v in given):
        return None
    stand_ins, starts = {}, [0]
    for name in names:
        shape = shapes.get(name)
        if not isinstance(shape, Tensor | Truth) or shape.members is None:
            return None
        stand_ins[name] = _numbered(shape, starts[-1])
        starts.append(starts[-1] + shape.members.size)
    try:
        made = MOVEMENTS[node.op_type](part.node(node, {**part.constants, **stand_ins}))
    except CannotProveError:
        return None
    outputs: list[Abstract] = []
    for output in made:
        if not isinstance(output, Tensor) or output.members is None:
            return None
        outputs.append(_held(output.members.ravel(), given, starts))
    return outputs


def places_reduced(
    part: HeadPart, shape: Value, node: onnx.NodeProto, at: frozenset[int] | None
) -> frozenset[int] | None:
    """Which places of a reduction over some of the classes hold one that is at these places."""
    if at is None or not isinstance(shape, Tensor | Truth) or shape.members is None:
        return None
    given = _numbered(shape, 0)
    lists = reduced_places(given, part.node(node, {**part.constants, node.input[0]: given}))
    return frozenset(i for i, from_ in enumerate(lists.ravel()) if at & set(from_))


def placeless(value: Any) -> Any:
    """Numbers of classes of which it is not known any more where they are."""
    return apart(value) if getattr(value, "at", None) is not None else value


def apart(value: Any) -> Any:
    """Numbers of classes of which none is known any more."""
    kind: Any = type(value)
    return kind(None, value.any()) if isinstance(value, Places | TruthPlaces) else value


def is_mixed(shapes: Mapping[str, Value], part: HeadPart, name: str) -> bool:
    """Whether a value is inside of a calibration map that adds up classes for each class."""
    value, logits = shapes.get(name), shapes[part.tensor]
    inside = isinstance(value, Tensor) and value.source is not None
    if not inside or not isinstance(value, Tensor) or not isinstance(logits, Tensor):
        return False
    return value.source is not None and value.source[0] == "unmapped" and value.dims != logits.dims


def _numbered(shape: Tensor | Truth, start: int) -> Tensor:
    """A tensor whose places hold their own number instead of classes."""
    assert shape.members is not None
    members = np.empty(shape.members.size, dtype=object)
    members[:] = range(start, start + members.size)
    numbered = members.reshape(shape.members.shape)
    return Tensor(number(0), np.zeros((1, 1)), shape.dims, "float32", str(start), numbered)


def _held(sources: Numbers, given: Sequence[Any], starts: Sequence[int]) -> Abstract:
    """What places hold that come from these places of the inputs, numbered through."""
    ones: list[Any] = []
    others: list[Any] = []
    at = set()
    for place, source in enumerate(sources):
        which = int(np.searchsorted(starts, source, side="right")) - 1
        value = given[which]
        if not isinstance(value, Places | TruthPlaces):
            others.append(value)
        elif value.at is not None and source - starts[which] in value.at:
            ones.append(value.one)
            at.add(place)
        else:
            others.append(value.any() if value.at is None else value.others)
    truths = any(isinstance(v, TruthPlaces | frozenset) for v in given)
    nothing: Any = frozenset() if truths else NOTHING
    one = reduce(or_, ones) if ones else None
    rest = reduce(or_, [nothing if v is None else v for v in others], nothing) if others else None
    if truths:
        return TruthPlaces(one, rest, frozenset(at))
    return Places(one, rest, frozenset(at))
