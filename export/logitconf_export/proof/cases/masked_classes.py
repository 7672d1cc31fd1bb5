"""Whether a masked class, −inf, counts for nothing: then finite rows stand for such rows too."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx

from logitconf_export.proof.cases import kinds
from logitconf_export.proof.cases.case_analysis import Walk
from logitconf_export.proof.cases.kinds import DOWN, UP, ZERO, Kinds
from logitconf_export.proof.cases.rules import Rules, kinds_of
from logitconf_export.proof.cases.sorts import Case
from logitconf_export.proof.cases.steps import Places
from logitconf_export.proof.composing.composition import Composition
from logitconf_export.proof.composing.finite_rows import Computed
from logitconf_export.proof.composing.head_part import HeadPart, spell
from logitconf_export.proof.composing.tensors import CannotProveError, Known, Tensor, Truth

_CASE = Case("a masked class", Places(DOWN, None), ())


def what_counts_masked(
    part: HeadPart, computed: Computed, rules: Rules, masked: Kinds = DOWN
) -> str:
    """Where a masked class, as it is read, counts for something; empty if it counts for nothing.

    Every operation on the class gives what a maximum, minimum or sum over the classes ignores; or
    what it changes is only asked whether it is below a limit, and still is.
    """
    walk = Walk(part, computed.values, rules, _CASE)
    values: dict[str, object] = {part.tensor: masked}
    changed: set[str] = set()
    for node in part.nodes:
        out = computed.values[node.output[0]]
        names = [name for name in node.input if name]
        if not any(name in values for name in names):
            continue
        inputs = [
            values.get(name, _finite(computed, name))
            if name not in part.constants
            else walk.constant(name)
            for name in names
        ]
        if node.op_type in ("Softmax", "LogSoftmax"):
            # exp(-inf) is 0 in each, and log 0 is -inf
            values.update(dict.fromkeys(node.output, ZERO if node.op_type == "Softmax" else DOWN))
            continue
        if node.op_type == "TopK" and inputs[0] == DOWN:
            # two are left at least: with one there is no margin, which is another case
            continue
        if _lets_through(node, computed, values, changed):
            continue
        if _adds_up(node, computed) and all(value == ZERO for value in inputs):
            # of a sum over some of the classes, class by class
            if isinstance(out, Tensor) and out.members is not None:
                values[node.output[0]] = ZERO
            continue
        by_class = isinstance(out, Tensor | Truth) and out.members is not None
        try:
            if not by_class and not changed & set(names):
                problem = _ignored(node.op_type, inputs[0])
                if problem is None:
                    continue
                inputs = [
                    Places(v, _finite_class(computed, n))
                    if isinstance(v, Kinds) and n in values
                    else v
                    for n, v in zip(names, inputs, strict=True)
                ]
            made = walk.applied(node, inputs)
        except CannotProveError as error:
            return f"{spell(node)}: {error}"
        if not by_class:
            if isinstance(out, Truth) and made == frozenset((out.value,)):
                continue
            changed.update(node.output)
        values.update(dict.fromkeys(node.output, made))
    wrong = {part.score, part.mask} & changed
    return f"a masked class changes {' and '.join(sorted(wrong))}" if wrong else ""


def _lets_through(
    node: onnx.NodeProto, computed: Computed, values: Mapping[str, object], changed: set[str]
) -> bool:
    """Whether a Min gives what is not changed, beside what is +inf now."""
    kept = [name for name in node.input if name not in changed]
    if node.op_type != "Min" or len(kept) != 1 or kept[0] in values:
        return False
    same, out = computed.values[kept[0]], computed.values[node.output[0]]
    if not isinstance(same, Tensor) or not isinstance(out, Tensor):
        return False
    return same.expression == out.expression and all(
        values[name] == UP for name in node.input if name in changed
    )


def _adds_up(node: onnx.NodeProto, computed: Computed) -> bool:
    """Whether an Add joins sums over some of the classes and over others."""
    parts = [computed.values[name] for name in node.input if name]
    out = computed.values[node.output[0]]
    by_class = all(isinstance(t, Tensor) and t.members is not None for t in parts)
    if node.op_type != "Add" or not by_class or not isinstance(out, Tensor):
        return False
    return out.members is None or out.added is not None


def _ignored(operation: str, value: object) -> str | None:
    """None if a reduction ignores such a value; else what is wrong."""
    ignored = {
        "ReduceMax": value == DOWN,
        "Max": value == DOWN,
        "TopK": value == DOWN,
        "ReduceMin": value == UP,
        "Min": value == UP,
        "ReduceSum": value == ZERO,
    }
    return None if ignored.get(operation, False) else operation


def _finite(computed: Computed, name: str) -> object:
    value = computed.values[name]
    if isinstance(value, Truth):
        return frozenset((value.value,)) if value.value is not None else frozenset((False, True))
    if isinstance(value, Known):
        return kinds_of(value.values) if value.values.dtype.kind == "f" else value
    ends = Composition(computed.rows, _NoArithmetic()).computed(value)  # type: ignore[arg-type]
    return kinds.finite(float(np.min(ends.low)), float(np.max(ends.high)))


def _finite_class(computed: Computed, name: str) -> Kinds:
    value = _finite(computed, name)
    assert isinstance(value, Kinds)
    return value


class _NoArithmetic:
    """For ranges of what was computed already."""


__all__ = ["Mapping", "what_counts_masked"]
