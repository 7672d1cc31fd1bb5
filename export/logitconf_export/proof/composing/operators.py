"""ONNX operators as steps of the composition: one function each, in one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import partial

import numpy as np
from onnx import helper

from logitconf_export.proof.composing import deviations
from logitconf_export.proof.composing.arithmetic import ulp
from logitconf_export.proof.composing.comparisons import COMPARISONS
from logitconf_export.proof.composing.composition import Composition
from logitconf_export.proof.composing.movements import MOVEMENTS
from logitconf_export.proof.composing.nodes import Node, constant_of, operand, repeated
from logitconf_export.proof.composing.places import (
    beside_second,
    carried_product,
    choice_at,
    direction,
    places_of,
    settled,
    shape_of,
    sign_of_bounded,
    size_of,
)
from logitconf_export.proof.composing.reductions import REDUCTIONS, multiplied_by_place
from logitconf_export.proof.composing.tensors import (
    CannotProveError,
    Known,
    Tensor,
    Truth,
    Value,
    key_of,
)
from logitconf_export.proof.exact.abstract_rows import BELOW, atom_of
from logitconf_export.proof.exact.choices import largest_of, smallest_of
from logitconf_export.proof.exact.expressions import (
    AT_TOP,
    logarithm,
    number,
    row,
)
from logitconf_export.proof.exact.intervals import Interval, above

# beside 2^-53 it is lost
_TINY = 1e-25


def apply(steps: Composition, node: Node) -> list[Value]:
    """What a node's outputs are.

    Raises:
        CannotProveError: if it is not known.
    """
    for value in node.inputs:
        astray = isinstance(value, Tensor) and value.astray
        if astray and node.operation not in ("Add", "Sub", "Mul", "Where"):
            raise CannotProveError(
                f"{node.operation} of what may be anything at the largest places"
            )
    if node.operation in MOVEMENTS:
        return MOVEMENTS[node.operation](node)
    if node.operation in COMPARISONS:
        return COMPARISONS[node.operation](steps, node)
    if node.operation in REDUCTIONS:
        return REDUCTIONS[node.operation](steps, node)
    if node.operation not in OPERATORS:
        raise CannotProveError(f"{node.operation} is not among the operators that are known")
    return OPERATORS[node.operation](steps, node)


def _lifted(steps: Composition, node: Node, without: float | None = None) -> list[Tensor]:
    """The operands as numbers of every row, but for those that are one scalar of the graph."""
    given = [value for value in node.inputs if value is not None]
    rest = [x for x in given if without is None or shape_of(x) or constant_of(x) != without]
    return [steps.lifted(value) for value in rest or given]


def _infinite(value: Value | None) -> bool:
    constant = None if value is None else constant_of(value)
    return constant is not None and np.isinf(constant)


def _sum_of_known(node: Node, sign: float) -> list[Value] | None:
    """What is added where a constant decides: two of them, an infinite one, or 0 to a number."""
    a, b = node.inputs
    assert a is not None
    assert b is not None
    key = key_of(node.operation, (a.key, b.key))
    shape = shape_of(a, b)
    if isinstance(a, Known) and isinstance(b, Known):
        made = Known(np.asarray(a.values + sign * b.values, dtype=a.values.dtype), key)
        return [repeated(made, shape)]
    # numbers of finite rows are finite, so they change nothing about an infinite one
    one = places_of(shape) == 1
    number_, infinite = (b, a) if isinstance(a, Known) else (a, b)
    if isinstance(infinite, Known) and _infinite(infinite) and one:
        if isinstance(number_, Tensor) and (number_.source is not None or number_.astray):
            raise CannotProveError(f"{node.operation} of what marks the largest places")
        values = infinite.values if infinite is a else sign * infinite.values
        return [repeated(Known(np.asarray(values, dtype=infinite.values.dtype), key), shape)]
    if isinstance(a, Tensor) and constant_of(b) == 0.0 and shape == a.dims:
        return [a.having(key=key)]
    return None


def _reciprocal(steps: Composition, node: Node) -> list[Value]:
    value = node.inputs[0]
    if isinstance(value, Known) and _infinite(value):
        key = key_of("Reciprocal", [value.key])
        return [replace(value, values=1.0 / value.values, key=key)]
    return [steps.reciprocal(operand(steps, node))]


def _add(steps: Composition, node: Node) -> list[Value]:
    known = _sum_of_known(node, 1.0)
    if known is not None:
        return known
    a, b = _lifted(steps, node)
    return [steps.add(a, b)]


def _sub(steps: Composition, node: Node) -> list[Value]:
    known = _sum_of_known(node, -1.0)
    if known is not None:
        return known
    a, b = _lifted(steps, node)
    return [steps.subtract(a, b)]


def _mul(steps: Composition, node: Node) -> list[Value]:
    left, right = node.inputs
    assert left is not None
    assert right is not None
    if isinstance(left, Known):
        left, right = right, left
    if isinstance(left, Tensor) and isinstance(right, Known) and constant_of(right) is None:
        return [multiplied_by_place(steps, left, right)]
    x, y = steps.lifted(left), steps.lifted(right)
    made = _logarithm_of(steps, x, y) or _logarithm_of(steps, y, x)
    return [made or steps.multiply(x, y, constant_of(right))]


def _div(steps: Composition, node: Node) -> list[Value]:
    a, b = _lifted(steps, node)
    assert node.inputs[1] is not None
    made = _share_of_logarithm(steps, a, b)
    return [made or steps.divide(a, b, constant_of(node.inputs[1]))]


def _share_of_logarithm(steps: Composition, a: Tensor, b: Tensor) -> Tensor | None:
    """(log w + c) / (w − 1 + c) where w is S >= 1 as it is computed in double, and c is tiny.

    log(w) / (w − 1) falls from 1 so slowly that for S it is nearly the same, however much of S − 1
    is lost in w. A w that is not 1 is 2^-53 from it at least, beside which c is lost; for 1 the
    quotient is c / c. None for other quotients.
    """
    log, c = _made_by(steps, "Add", a)
    rest, d = _made_by(steps, "Add", b)
    (w, _), (same, one) = _made_by(steps, "Log", log), _made_by(steps, "Sub", rest)
    if w is None or same is None or c is None or d is None or one is None or w.key != same.key:
        return None
    total, added = steps.rows.range(w.expression), c.expression.number
    tiny = added is not None and 0 < added < _TINY and d.expression.number == added
    exact = one.expression.number == 1 and not any(t.error.any() for t in (c, d, one))
    near = (total.low >= 0.999).all() and (w.error < 1e-6).all() and w.members is None
    if not (tiny and exact and near) or a.element != "float64":
        return None
    units = steps.arithmetic.units("Log", steps.computed(w), a.element)
    # the logarithm is off by that, and four results are rounded
    relative = above(above(units + 3.0) * 2.0**-52)
    error = above(above(above(1.01 * relative) + above(0.51 * w.error)) + _TINY)
    key = key_of("Div", (a.key, b.key))
    expression = row(f"share {key}")
    steps.rows.know(expression, Interval.of([[0.0]], [[1.002]]))
    steps.shares[key] = w.expression
    return Tensor(expression, error, shape_of(a, b), a.element, key, sign=1)


def _made_by(
    steps: Composition, operation: str, t: Tensor | None
) -> tuple[Tensor | None, Tensor | None]:
    """The operands of a tensor that an operation of one or two made; else none."""
    name, inputs = steps.origins.get("" if t is None else t.key, ("", ()))
    if name != operation:
        return None, None
    return inputs[0], inputs[-1]


def _logarithm_of(steps: Composition, rest: Tensor, share: Tensor) -> Tensor | None:
    """S − 1 times log(S) / (S − 1); None for other products."""
    total = steps.shares.get(share.key)
    if total is None or rest.expression != total - number(1):
        return None
    size, most = steps.rows.range(rest.expression).size, np.full((1, 1), 1.002)
    carried = carried_product(size, rest.error, most, share.error)
    return steps.made("Mul", (rest, share), logarithm(total), carried)


def _unary(make: Callable[[Composition, Tensor], Tensor]) -> Callable[..., list[Value]]:
    def step(steps: Composition, node: Node) -> list[Value]:
        return [make(steps, operand(steps, node))]

    return step


def _sigmoid(steps: Composition, x: Tensor) -> Tensor:
    one = _one(x)
    share = steps.reciprocal(steps.add(one, steps.exponential(steps.negative(x))))
    size = steps.rows.range(share.expression).size
    # its slope is nowhere above 1/4
    carried = above(0.25 * x.error) * np.ones_like(size)
    return steps.made("Sigmoid", (x,), share.expression, carried)


def _softplus(steps: Composition, x: Tensor) -> Tensor:
    spread = steps.exponential(steps.negative(steps.size(x)))
    whole = steps.add(_relu(steps, x), steps.logarithm(steps.add(_one(x), spread)))
    return steps.made("Softplus", (x,), whole.expression, x.error)


def _one(like: Tensor) -> Tensor:
    return Tensor(number(1), np.zeros((1, 1)), (), like.element, "one")


def _zero(like: Tensor) -> Tensor:
    return Tensor(number(0), np.zeros((1, 1)), (), like.element, "zero")


def _bounded_by(steps: Composition, x: Tensor, limit: Tensor, *, upper: bool) -> Tensor:
    """x, at most the limit or at least it."""
    operation = "Min" if upper else "Max"
    if (x.sign < 0 < limit.sign) if upper else (limit.sign < 0 < x.sign):
        # 0 lies between them in the runtime too
        kept = partial(steps.made, operation, (x, limit), x.expression, x.error, exact=True)
        return kept(sign=x.sign, deviation=partial(deviations.of, x))
    beyond = steps.rows.range(x.expression - limit.expression)
    # what is surely beyond the limit in the runtime too becomes the limit itself
    past = beyond.low if upper else -beyond.high
    sure = past > above(x.error + limit.error)
    error = np.where(sure, limit.error, np.maximum(x.error, limit.error))
    # and what is surely within it stays as it is
    stays = (-beyond.high if upper else beyond.low) > above(x.error + limit.error)
    error = np.where(stays, x.error, error)
    sign = sign_of_bounded(x, limit, upper=upper)
    within = (beyond.high <= 0.0) if upper else (beyond.low >= 0.0)
    outside = (beyond.low >= 0.0) if upper else (beyond.high <= 0.0)
    if within.all() or outside.all():
        same = x.expression if within.all() else limit.expression
        reached, limit_of = steps.computed(x), steps.computed(limit)
        # what never reaches the limit in the runtime either stays
        free = (reached.high <= limit_of.low) if upper else (reached.low >= limit_of.high)
        how = partial(deviations.of, x) if free.all() else None
        own = deviations.share_of(x) if free.all() and within.all() else None
        kept = partial(steps.made, operation, (x, limit), same, error, exact=True)
        return kept(sign=sign, deviation=how, relative=own)
    # max(a, b) = (a + b + abs(a − b)) / 2
    apart = size_of(steps.rows, x.expression - limit.expression) * number(-1 if upper else 1)
    result = (x.expression + limit.expression + apart) * number(Fraction(1, 2))
    if upper and limit.expression.number == 0:
        result = beside_second(steps.rows, x) or result
    one, other = steps.rows.range(x.expression), steps.rows.range(limit.expression)
    best = np.minimum if upper else np.maximum
    steps.rows.know(result, Interval(best(one.low, other.low), best(one.high, other.high)))
    return steps.made(operation, (x, limit), result, error, exact=True, sign=sign)


def _clip(steps: Composition, node: Node) -> list[Value]:
    x = steps.lifted(node.inputs[0])  # type: ignore[arg-type]
    for place, name in ((1, "min"), (2, "max")):
        value = node.inputs[place] if len(node.inputs) > place else None
        if value is None and name in node.attributes:
            limit = np.asarray(node.attributes[name], dtype=x.element)
            value = Known(limit, key_of("Constant", [], limit.tobytes()))
        constant = None if value is None else constant_of(value)
        # nothing finite lies beyond these; on the other side everything does
        furthest = float(np.finfo(x.element).max) * (1.0 if name == "max" else -1.0)
        unbounded = constant in (furthest, np.copysign(np.inf, furthest))
        if value is not None and not unbounded:
            x = _bounded_by(steps, x, steps.lifted(value), upper=name == "max")
    return [x]


def _relu(steps: Composition, x: Tensor) -> Tensor:
    return _bounded_by(steps, x, _zero(x), upper=False)


def _mod(steps: Composition, node: Node) -> list[Value]:
    """C's remainder of a division by infinity, which is every finite number itself."""
    x = operand(steps, node)
    divisor = node.inputs[1]
    single = isinstance(divisor, Known) and divisor.values.size == 1
    if not single or not _infinite(divisor) or not node.attributes.get("fmod"):
        raise CannotProveError("a remainder of a division by something other than infinity")
    how = partial(deviations.of, x)
    return [steps.made("Mod", (x,), x.expression, x.error, sign=x.sign, deviation=how)]


def _better(steps: Composition, a: Tensor, b: Tensor, *, upper: bool) -> Tensor:
    """The larger of a and b place by place, or the smaller."""
    if a.members is None or b.members is None or a.expression != b.expression:
        return _bounded_by(steps, a, b, upper=not upper)
    if a.source is not None or b.source is not None:
        raise CannotProveError("a maximum of what marks the largest places")
    if (
        a.dims != b.dims
        or a.element != b.element
        or a.members.shape != b.members.shape
        or a.added is not None
        or b.added is not None
    ):
        raise CannotProveError("a maximum of tensors of different shapes")
    combine = largest_of if upper else smallest_of
    members = np.empty(a.members.shape, dtype=object)
    for place in np.ndindex(members.shape):
        choice = combine(choice_at(a, place), choice_at(b, place))
        if choice is None:
            raise CannotProveError("an order of classes that is neither first, second nor last")
        members[place] = choice
    operation = "Max" if upper else "Min"
    error = np.maximum(a.error, b.error)
    key = key_of(operation, (a.key, b.key))
    sign = a.sign if a.sign == b.sign else 0
    return settled(steps.rows, a.having(error=error, key=key, members=members, sign=sign))


def _best(*, upper: bool) -> Callable[..., list[Value]]:
    def step(steps: Composition, node: Node) -> list[Value]:
        result, *others = _lifted(steps, node, without=-np.inf if upper else np.inf)
        for other in others:
            result = _better(steps, result, other, upper=upper)
        return [result]

    return step


def _cast(steps: Composition, node: Node) -> list[Value]:
    value, to = node.inputs[0], helper.tensor_dtype_to_np_dtype(int(node.attributes["to"])).name
    if isinstance(value, Known):
        key = key_of("Cast", [value.key], to)
        return [replace(value, values=value.values.astype(to), key=key)]
    if isinstance(value, Truth):
        return [_cast_truth(steps, value, to)]
    assert isinstance(value, Tensor)
    if value.element == to:
        return [value]
    if value.source is not None and value.source[0] == "numbers":
        raise CannotProveError("a Cast of numbers that are each their own")
    if value.key in steps.singles and to == "float32":
        return [steps.singles[value.key]]
    if to == "float64" or (to == "float32" and value.element in ("float16", "bfloat16")):
        made = value.having(element=to, key=key_of("Cast", [value.key], to))
        if (value.element, to) == ("float32", "float64"):
            steps.singles[made.key] = value
        return [made]
    if to == "float32" and value.element == "float64":
        size = above(steps.rows.range(value.expression).size + value.error)
        error = above(value.error + 0.5 * ulp(size, "float32"))
        made = value.having(element=to, error=error, key=key_of("Cast", [value.key], to))
        steps.check_reach(made)
        return [made]
    raise CannotProveError(f"a Cast from {value.element} to {to}")


def _cast_truth(steps: Composition, value: Truth, to: str) -> Value:
    key = key_of("Cast", [value.key], to)
    if value.source is not None and value.source[0] == "top" and to in ("float32", "float64"):
        of = value.source[1]
        if direction(steps.rows, of.expression) != (atom_of(BELOW), 1):
            raise CannotProveError("a mark of what need not be the largest logits")
        return Tensor(AT_TOP, np.zeros((1, 1)), value.dims, to, key, of.members, source=("top", of))
    if value.value is not None and to in ("float32", "float64"):
        return repeated(Known(np.asarray(value.value, dtype=to), key), value.dims)
    # a mask as another type
    return Truth(value.value, value.dims, key, value.below, value.source, value.members)


OPERATORS: Mapping[str, Callable[[Composition, Node], list[Value]]] = {
    "Abs": _unary(Composition.size),
    "Add": _add,
    "Cast": _cast,
    "Clip": _clip,
    "Div": _div,
    "Exp": _unary(Composition.exponential),
    "Log": _unary(Composition.logarithm),
    "Max": _best(upper=True),
    "Min": _best(upper=False),
    "Mod": _mod,
    "Mul": _mul,
    "Neg": _unary(Composition.negative),
    "Reciprocal": _reciprocal,
    "Relu": _unary(_relu),
    "Sigmoid": _unary(_sigmoid),
    "Softplus": _unary(_softplus),
    "Sub": _sub,
}
