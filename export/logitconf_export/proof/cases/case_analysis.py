"""Rows that are not finite, case by case: can any of them be accepted?

A case says what one class of a row is at least, and what the others can be. The graph is walked
with what each number can be then; where a number of the row can be several kinds, each is walked
by itself, so that what hangs on it stays together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import or_
from typing import Any

import numpy as np
import onnx
from onnx import helper

from logitconf_export.proof.cases import kinds, positions
from logitconf_export.proof.cases.ensembles import (
    among_members,
    is_of_several,
    of_several,
    over_members,
)
from logitconf_export.proof.cases.kinds import (
    ANY_FINITE,
    DOWN,
    NOTHING,
    UP,
    Kinds,
)
from logitconf_export.proof.cases.kinds import LARGEST as LARGEST_FLOAT
from logitconf_export.proof.cases.lineage import kept_names
from logitconf_export.proof.cases.reductions import best_of, extreme_of, shares_of, total_of
from logitconf_export.proof.cases.rules import Rules, kind_of, kinds_of
from logitconf_export.proof.cases.sorts import Case, rows_like
from logitconf_export.proof.cases.steps import (
    BINARY,
    COMPARISONS,
    MOVES,
    UNARY,
    Abstract,
    Places,
    TruthPlaces,
    Truths,
    as_number,
    chosen,
    each_of,
    logic,
    moved,
    of_each,
    paired,
    product_of,
    sorts_of,
    whether,
)
from logitconf_export.proof.composing.head_part import HeadPart, spell
from logitconf_export.proof.composing.tensors import CannotProveError, Known, Tensor, Truth, Value
from logitconf_export.proof.exact.abstract_rows import GAP, LARGEST

_MOST_WALKS = 2000
# these make other places than they are given
_TOGETHER = frozenset({"TopK", "Gemm", "MatMul", "Softmax", "LogSoftmax"})


@dataclass(frozen=True, slots=True)
class Accepted:
    """A way on which a row that is not finite is accepted, as far as is known.

    Attributes:
        case: the sort of row.
        score: what its score can be on that way.
        node: the comparison that lets it through.
    """

    case: Case
    score: str
    node: str


class Walk:
    """One case, on all its ways."""

    def __init__(
        self, part: HeadPart, shapes: Mapping[str, Value], rules: Rules, case: Case
    ) -> None:
        self.part, self.shapes, self.rules, self.case = part, shapes, rules, case
        self.walked, self.kept = 0, kept_names(part, shapes)
        whole = shapes[part.tensor]
        self.by_class = isinstance(whole, Tensor) and whole.members is not None
        self.mapped = isinstance(whole, Tensor) and whole.source is not None

    def accepted(self) -> Iterator[Accepted]:
        """The ways on which a row is accepted."""
        logits = self.case.logits if self.by_class else (self.case.logits.one or NOTHING)
        yield from self._from(0, {self.part.tensor: logits})

    def _from(self, start: int, values: dict[str, Abstract]) -> Iterator[Accepted]:
        for index in range(start, len(self.part.nodes)):
            node = self.part.nodes[index]
            made = self._node(node, values)
            name = node.output[0]
            ways = self._ways(node, made[0])
            if len(ways) > 1:
                self.walked += len(ways)
                if self.walked > _MOST_WALKS:
                    raise CannotProveError("too many cases of rows that are not finite")
                for way in ways:
                    yield from self._from(index + 1, {**values, name: way})
                return
            values.update(zip(node.output, made, strict=False))
        if True in _truths(values[self.part.mask]):
            score = values[self.part.score]
            text = score.spell() if isinstance(score, Kinds) else "unknown"
            maker = next(n for n in self.part.nodes if self.part.mask in n.output)
            yield Accepted(self.case, text, spell(maker))

    def _ways(self, node: onnx.NodeProto, made: Abstract) -> list[Abstract]:
        """Sorts of a number, truth or mixed classes of the row, each to be walked by itself."""
        mixed = positions.is_mixed(self.shapes, self.part, node.input[0])
        if mixed and node.op_type == "ReduceSum" and isinstance(made, Places):
            return list(sorts_of(made.any()))
        shape = self.shapes.get(node.output[0])
        several = isinstance(shape, Tensor) and (shape.members is not None or is_of_several(shape))
        return [] if several else list(_ways(made))

    def _node(self, node: onnx.NodeProto, values: Mapping[str, Abstract]) -> list[Abstract]:
        """What each output is."""
        names = [name for name in node.input if name]
        inputs = [self._value(name, values) for name in names]
        try:
            if positions.is_mixed(self.shapes, self.part, node.output[0]):
                # each class counts for each: where the one is, does not matter any more
                inputs = [replace(v, at=None) if isinstance(v, Places) else v for v in inputs]
            elif node.op_type in MOVES:
                made = positions.moved_places(self.part, self.shapes, node, inputs)
                if made is not None:
                    return made
                inputs = [positions.placeless(value) for value in inputs]
            elif self._unlike(node, inputs):
                inputs = [positions.placeless(value) for value in inputs]
            return [self._one_output(node, inputs)] * len(node.output)
        except CannotProveError as error:
            raise CannotProveError(
                f"{spell(node)} stops it, for rows with {self.case.name}: {error}"
            ) from error

    def _unlike(self, node: onnx.NodeProto, inputs: list[Any]) -> bool:
        """Whether places are followed, and an elementwise result has others than its operands."""
        followed = [isinstance(v, Places | TruthPlaces) and v.at is not None for v in inputs]
        if not any(followed) or node.op_type in _TOGETHER or node.op_type.startswith("Reduce"):
            return False
        names = [name for name in node.input if name]
        given = [name for name, own in zip(names, followed, strict=True) if own]
        return len({self._sizes(name) for name in (*given, node.output[0])}) > 1

    def _sizes(self, name: str) -> tuple[int, ...]:
        shape = self.shapes[name]
        dims = shape.values.shape if isinstance(shape, Known) else shape.dims
        return tuple(d for d in dims if isinstance(d, int) and d > 1)

    def _one_output(self, node: onnx.NodeProto, inputs: list[Any]) -> Abstract:
        made = self.applied(node, inputs)
        shape = self.shapes.get(node.output[0])
        if is_of_several(shape):
            return of_several(made)
        if isinstance(made, Places) and isinstance(shape, Tensor) and shape.members is None:
            made = made.any()
        condition = self.shapes.get(node.input[0])
        counted = isinstance(condition, Truth) and condition.source is not None
        if counted or node.op_type in ("Max", "Min", "ReduceMax", "TopK"):
            left = self._of_one_left(shape, node.op_type)
            return left if left is not None and node.output[0] in self.kept else made
        return made

    def _of_one_left(self, shape: Value | None, operation: str) -> Kinds | None:
        """The largest or second of a row with one class left, where it is known to be that."""
        if not self.case.one_left or not isinstance(shape, Tensor) or shape.error.any():
            return None
        if shape.expression == LARGEST:
            # a calibration map may overflow
            return UP | DOWN | ANY_FINITE if self.mapped else ANY_FINITE
        if shape.expression == LARGEST + GAP:
            # some runtimes give the lowest float as the maximum of -inf
            if operation in ("Max", "Min"):
                return DOWN
            alone = self.rules.results("ReduceMax", *(-math.inf,) * 3)
            return DOWN | (
                Kinds(low=-LARGEST_FLOAT, high=-LARGEST_FLOAT) if alone is None else alone
            )
        return None

    def _value(self, name: str, values: Mapping[str, Abstract]) -> Any:
        if name in values:
            return values[name]
        array, constant = self.part.constants[name].values, self.constant(name)
        if self.by_class and isinstance(constant, Kinds) and np.unique(array).size > 1:
            # of each class another
            return Places(constant, constant)
        return constant

    def constant(self, name: str) -> Any:
        """A constant of the graph."""
        constant = self.part.constants[name].values
        if constant.dtype.kind == "f":
            return kinds_of(constant)
        return Known(constant, name)

    def applied(self, node: onnx.NodeProto, inputs: list[Any]) -> Abstract:
        """What a node makes of such inputs."""
        op = node.op_type
        out = self.shapes.get(node.output[0])
        by_class = isinstance(out, Tensor | Truth) and out.members is not None
        if op in UNARY:
            return each_of(partial(self.rules.unary, op, exact=UNARY[op]), inputs[0])
        if op in BINARY:
            return paired(partial(self.rules.binary, op, exact=BINARY[op]), *inputs)
        if op in MOVES:
            made = moved(op, inputs, by_class=by_class)
            return positions.apart(made) if self._mixed(node) else made
        if op.startswith("Reduce") and over_members(node, self.shapes):
            return among_members(self.rules, op, inputs[0])
        if op.startswith("Reduce"):
            return self._reduced(node, inputs[0], by_class=by_class)
        return self._other(node, inputs)

    def _mixed(self, node: onnx.NodeProto) -> bool:
        """Whether several classes are in other places than before."""
        ends = node.input[0], node.output[0]
        members = [getattr(self.shapes.get(name), "members", None) for name in ends]
        before, behind = ([] if own is None else list(own.ravel()) for own in members)
        return bool(before) and len(behind) > 1 and before != behind

    def _other(self, node: onnx.NodeProto, inputs: list[Any]) -> Abstract:
        op, two = node.op_type, self._of_two(node)
        shares = partial(shares_of, self.rules, op, inputs[0])
        steps: Mapping[str, Callable[[], Abstract]] = {
            "Clip": lambda: self._clip(node, inputs),
            "Cast": lambda: self._cast(node, inputs[0]),
            "Where": lambda: chosen(*inputs),
            "Mod": lambda: self._remainder(inputs),
            "TopK": lambda: self._first_and_second(node, inputs[0]),
            **dict.fromkeys(("Max", "Min"), lambda: best_of(self.rules, op, inputs)),
            **dict.fromkeys(("Gemm", "MatMul"), lambda: product_of(inputs, two=two)),
            **dict.fromkeys(("Softmax", "LogSoftmax"), shares),
            **dict.fromkeys(COMPARISONS, lambda: self._compared(op, *inputs)),
            **dict.fromkeys(("And", "Or", "Not"), lambda: logic(op, inputs)),
            "IsNaN": lambda: whether(lambda a: a.nan, inputs[0]),
            "IsInf": lambda: whether(_is_infinite(node), inputs[0]),
        }
        if op not in steps:
            raise CannotProveError(f"what {op} makes of it is not known")
        return steps[op]()

    def _remainder(self, inputs: list[Any]) -> Abstract:
        if inputs[1] != UP:
            raise CannotProveError("what a remainder of it is, is not known")
        return each_of(partial(self.rules.unary, "Mod(inf)", exact=kinds.remainder), inputs[0])

    def _first_and_second(self, node: onnx.NodeProto, places: Any) -> Abstract:
        """The two largest, as far as an order with NaN is one."""
        shape = self.shapes.get(node.output[0])
        two = isinstance(shape, Tensor) and shape.members is not None and shape.members.size == 2
        if not isinstance(places, Places):
            raise CannotProveError("TopK of what is no row of classes")
        if not two or places.one is None or places.any().nan:
            return Places(None, places.any())
        seen = [self.rules.results("TopK", *row) or NOTHING for row in rows_like(places)]
        first: Kinds = reduce(or_, seen, places.one)
        if places.one == UP:
            return Places(first, places.any(), frozenset((0,)))
        if places.others in (None, DOWN):
            return Places(first, DOWN, frozenset((0,)))
        return Places(None, places.any())

    def _clip(self, node: onnx.NodeProto, inputs: list[Any]) -> Abstract:
        given = list(node.input)
        values = iter(inputs)
        ready = [next(values) if name else None for name in given]
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        low = ready[1] if len(ready) > 1 else _bound(attributes.get("min"))
        high = ready[2] if len(ready) > 2 else _bound(attributes.get("max"))

        return each_of(partial(self.rules.clipped, low=low, high=high), ready[0])

    def _reduced(self, node: onnx.NodeProto, places: Any, *, by_class: bool) -> Abstract:
        op = node.op_type
        if isinstance(places, Kinds):
            return self._reduced(node, Places(places, None), by_class=False)
        if not isinstance(places, Places):
            raise CannotProveError(f"{op} of comparisons")
        # others are measured as sums
        name = op if op == "ReduceL1" else "ReduceSum"
        total = partial(total_of, self.rules, name, two=self._of_two(node))
        steps: Mapping[str, Callable[[Places], Kinds]] = {
            "ReduceMax": partial(extreme_of, self.rules, "ReduceMax"),
            "ReduceMin": partial(extreme_of, self.rules, "ReduceMin"),
            "ReduceSum": total,
            # between the smallest and the largest, unless the sum overflows
            "ReduceMean": lambda p: total(p) | p.any(),
            "ReduceL1": lambda p: total(p.each(kinds.size)),
            "ReduceSumSquare": lambda p: total(p.each(lambda a: kinds.multiply(a, a))),
        }
        step = steps.get(op)
        if step is None:
            raise CannotProveError(f"what {op} makes of it is not known")
        if not by_class:
            return step(places)
        if positions.is_mixed(self.shapes, self.part, node.input[0]):
            return Places(step(places), step(places))
        # of some of the classes, as few as one
        rest = None if places.others is None else Places(None, places.others)
        without = None if rest is None else step(rest) | step(Places(places.others, None))
        if places.one is None:
            return Places(None, without)
        at = positions.places_reduced(self.part, self.shapes[node.input[0]], node, places.at)
        return Places(step(places) | step(Places(places.one, None)), without, at)

    def _of_two(self, node: onnx.NodeProto) -> bool:
        """Whether two places are added up."""
        shapes = [self.shapes.get(name) for name in node.input]
        sizes = [t.members.size for t in shapes if isinstance(t, Tensor) and t.members is not None]
        return sizes == [2]

    def _cast(self, node: onnx.NodeProto, value: Any) -> Abstract:
        to = helper.tensor_dtype_to_np_dtype(int(helper.get_attribute_value(node.attribute[0])))
        if isinstance(value, frozenset):
            if to.kind != "f":
                return value
            return as_number(value)
        if isinstance(value, TruthPlaces):
            return Places(*of_each(as_number, value)) if to.kind == "f" else value
        if to.name not in ("float32", "float64"):
            # an integer is none of what is not finite
            raise CannotProveError(f"a Cast to {to.name}")
        # a double beyond float32 becomes infinite
        return each_of(kinds.rounded, value)

    def _compared(self, op: str, a: Any, b: Any) -> Abstract:
        step = partial(self._compared_two, op)
        if isinstance(a, Places) or isinstance(b, Places):
            return TruthPlaces(*of_each(step, a, b))
        if isinstance(a, Kinds) and isinstance(b, Kinds):
            return step(a, b)
        raise CannotProveError("a comparison of what is no number")

    def _compared_two(self, op: str, a: Kinds, b: Kinds) -> Truths:
        steps: Mapping[str, Callable[[], Truths]] = {
            "Less": lambda: kinds.less(a, b),
            "Greater": lambda: kinds.less(b, a),
            "LessOrEqual": lambda: kinds.less(a, b) | kinds.equal(a, b),
            "GreaterOrEqual": lambda: kinds.less(b, a) | kinds.equal(a, b),
            "Equal": lambda: kinds.equal(a, b),
        }
        result = frozenset(steps[op]())
        for probe in [(math.nan, 1.0)] * a.nan + [(1.0, math.nan)] * b.nan:
            seen = self.rules.results(op, *probe)
            # without tables only Less is held to say False
            if (op != "Less") if seen is None else seen.high > 0.0:
                result |= {True}
        return result


def _is_infinite(node: onnx.NodeProto) -> Callable[[Kinds], bool]:
    attributes = {a.name: a.i for a in node.attribute}
    up, down = (attributes.get(f"detect_{name}", 1) for name in ("positive", "negative"))
    return lambda a: bool((a.up and up) or (a.down and down))


def _bound(value: float | None) -> Kinds | None:
    return None if value is None else kind_of(float(value))


def _ways(value: Abstract) -> Iterator[Abstract]:
    """Each kind of a number of the row by itself."""
    if isinstance(value, Kinds):
        yield from value.parts()
    elif isinstance(value, frozenset) and len(value) == 2:
        yield from (frozenset((False,)), frozenset((True,)))
    else:
        yield value


def _truths(value: Abstract) -> Truths:
    if not isinstance(value, frozenset):
        raise CannotProveError("the mask is no comparison")
    return value
