"""Rows of several members, of which one is not finite: what becomes of it among the others."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import onnx

from logitconf_export.proof.cases.kinds import ANY_FINITE, DOWN, NAN, UP, Kinds
from logitconf_export.proof.cases.reductions import total_of
from logitconf_export.proof.cases.rules import Rules
from logitconf_export.proof.cases.steps import Abstract, Places, each_of
from logitconf_export.proof.composing.tensors import MEMBERS, Tensor, Value

_ANYTHING = NAN | UP | DOWN | ANY_FINITE


def is_of_several(shape: Value | None) -> bool:
    """Whether a tensor is made of several members: of the one by itself no more is known then."""
    source = shape.source if isinstance(shape, Tensor) else None
    return source is not None and source[0] == MEMBERS


def over_members(node: onnx.NodeProto, shapes: Mapping[str, Value]) -> bool:
    """Whether a reduction is over members, or of what is made of several."""
    given, made = shapes.get(node.input[0]), shapes.get(node.output[0])
    dims = [v.dims if isinstance(v, Tensor) else () for v in (given, made)]
    return is_of_several(given) or (MEMBERS in dims[0] and MEMBERS not in dims[1])


def among_members(rules: Rules, operation: str, value: Abstract) -> Abstract:
    """What numbers of the one member and those of the others give, which can be anything."""
    return each_of(partial(_among, rules, operation), value)


def _among(rules: Rules, operation: str, a: Kinds) -> Kinds:
    if a == NAN and operation == "ReduceSum":
        return total_of(rules, "ReduceSum", Places(NAN, ANY_FINITE), two=False)
    return _ANYTHING


def of_several(value: Abstract) -> Abstract:
    """NaN throughout, or anything: places, rows and members are not told apart."""
    whole = value.any() if isinstance(value, Places) else value
    return NAN if whole == NAN else _ANYTHING
