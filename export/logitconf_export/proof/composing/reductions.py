"""Operators that reduce over the classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from logitconf_export.proof.composing.arithmetic import FLUSHED, sum_factor, ulp
from logitconf_export.proof.composing.comparisons import least_limit
from logitconf_export.proof.composing.composition import Composition
from logitconf_export.proof.composing.deviations import share_of_least
from logitconf_export.proof.composing.nodes import Node, known, operand
from logitconf_export.proof.composing.places import along, as_sum, places_of, settled
from logitconf_export.proof.composing.tensors import CannotProveError, Known, Tensor, Value, key_of
from logitconf_export.proof.exact.choices import Choice
from logitconf_export.proof.exact.expressions import COUNT, number, row
from logitconf_export.proof.exact.intervals import Interval, above

# floats have all whole numbers below
_WHOLE = 2.0**24


def _reduced_shape(t: Tensor, node: Node) -> tuple[tuple[int, ...], tuple[Any, ...], bool]:
    axes = node.axes(len(t.dims))
    chosen = tuple(range(len(t.dims))) if axes is None else axes
    if any(isinstance(t.dims[a], str) for a in chosen):
        raise CannotProveError(f"{node.operation} over rows")
    keep = bool(node.attributes.get("keepdims", 1))
    dims = tuple(1 if i in chosen else d for i, d in enumerate(t.dims) if keep or i not in chosen)
    numbers = [i for i, d in enumerate(t.dims) if isinstance(d, int)]
    return tuple(numbers.index(a) for a in chosen), dims, keep


def reduced_places(t: Tensor, node: Node) -> np.ndarray[Any, Any]:
    """For each place of a reduction, the list of members that it is made of."""
    places, _, keep = _reduced_shape(t, node)
    return _gathered(t, places, keep=keep)


def _gathered(t: Tensor, places: tuple[int, ...], *, keep: bool) -> np.ndarray[Any, Any]:
    """For each place that stays, the list of members that are reduced."""
    assert t.members is not None
    moved = np.moveaxis(t.members, places, range(len(places)))
    stacked = moved.reshape(-1, *moved.shape[len(places) :])
    result = np.empty(stacked.shape[1:], dtype=object)
    for place in np.ndindex(result.shape):
        result[place] = list(stacked[(slice(None), *place)])
    return np.expand_dims(result, sorted(places)) if keep else result


def _reduce_best(*, upper: bool) -> Callable[..., list[Value]]:
    def step(steps: Composition, node: Node) -> list[Value]:
        t = operand(steps, node)
        places, dims, keep = _reduced_shape(t, node)
        key = key_of(node.operation, [t.key], places, dims)
        if t.members is None:
            return [t.having(dims=dims, key=key)]
        if t.source is not None and t.source[0] == "rest" and upper and places_of(dims) == 1:
            runner = row(f"runner-up {t.source[1].key}")
            # −inf where all classes are the largest
            high = steps.rows.range(t.expression).high
            steps.rows.know(runner, Interval(np.full_like(high, -np.inf), high))
            return [
                Tensor(
                    runner, np.zeros((1, 1)), dims, t.element, key, source=("runner", t.source[1])
                )
            ]
        if t.source is not None and t.source[0] == "limits" and not upper:
            return [least_limit(steps, t, dims, key)]
        if t.added is not None or t.source is not None:
            raise CannotProveError(f"{node.operation} of sums")
        gathered = _gathered(t, places, keep=keep)
        members = np.empty(gathered.shape, dtype=object)
        for place in np.ndindex(members.shape):
            members[place] = _combined(list(gathered[place]), upper=upper)
        spread = steps.rows.range(t.expression)
        error = np.broadcast_to(t.error, np.broadcast(t.error, spread.low).shape)
        made = settled(steps.rows, t.having(members=members, dims=dims, key=key, error=error))
        if upper and made.members is None:
            made = made.having(largest_of=t.key)
        if not upper and made.members is None:
            made = made.having(share=share_of_least(steps.rows, t))
        return [made]

    return step


def _combined(choices: Sequence[Any], *, upper: bool) -> Any:
    if len(choices) == 1:
        return choices[0]
    sets = [c.singles if upper else c.least for c in choices]
    if any(s is None or (upper and c.pairs) for s, c in zip(sets, choices, strict=True)):
        raise CannotProveError("an order of classes that is neither first, second nor last")
    union = frozenset().union(*sets)
    return Choice(union) if upper else Choice(None, frozenset(), union)


def _reduce_sum(steps: Composition, node: Node) -> list[Value]:
    if isinstance(node.inputs[0], Known):
        return [_sum_of_numbers(node.inputs[0], node)]
    return [_summed(steps, operand(steps, node), node)]


def _sum_of_numbers(constant: Known, node: Node) -> Known:
    """A constant added up, where that is exact and of places of a row."""
    dims = constant.dims
    sizes = tuple(1 if isinstance(d, str) else d for d in dims)
    values, axes = np.broadcast_to(constant.values, sizes), node.axes(len(dims)) or ()
    whole = values.dtype.kind == "f" and bool((values == np.round(values)).all())
    if not axes or not whole or not np.abs(values).sum() < _WHOLE:
        raise CannotProveError("a sum of numbers that may be rounded")
    # what stands for all rows has one place there
    if any(sizes[axis] == 1 for axis in axes):
        raise CannotProveError("ReduceSum over rows")
    keep = bool(node.attributes.get("keepdims", 1))
    left = tuple(1 if i in axes else d for i, d in enumerate(dims) if keep or i not in axes)
    key = key_of(node.operation, [constant.key], axes, keep)
    made = values.sum(axis=axes, keepdims=keep)
    return Known(made, key, left if constant.rows else ())


def _summed(steps: Composition, t: Tensor, node: Node, table: str = "ReduceSum") -> Tensor:
    places, dims, keep = _reduced_shape(t, node)
    key = key_of(node.operation, [t.key], places, dims)
    if t.members is None:
        if places_of(dims) != places_of(t.dims):
            raise CannotProveError("a sum of one number several times")
        return t.having(dims=dims, key=key)
    if t.source is not None and t.source[0] == "top":
        return _counted(steps, t, dims, key)
    if t.source is not None and t.source[0] == "numbers":
        return _sum_of_two(steps, t, dims, key)
    if t.source is not None:
        raise CannotProveError(f"{node.operation} of what marks the largest places")
    t = as_sum(t)
    assert t.members is not None
    assert t.added is not None
    gathered = _gathered(t, places, keep=keep)
    members, terms = np.empty(gathered.shape, dtype=object), 1
    for place in np.ndindex(members.shape):
        sets = gathered[place]
        members[place], terms = frozenset().union(*sets), max(terms, len(sets))
        if len(members[place]) != sum(map(len, sets)):
            raise CannotProveError("a class that is added twice")
    last = isinstance(t.dims[-1], int)
    added = t.added + steps.arithmetic.depth(table, terms, last=last, element=t.element)
    joined = t.having(members=members, added=added, dims=dims, key=key)
    if members.size == 1 and len(members.ravel()[0]) == steps.rows.n_classes:
        return steps.total(joined, added)
    return joined


def multiplied_by_place(steps: Composition, t: Tensor, factors: Known) -> Tensor:
    """The first and second of all classes, each times a number of its own.

    Raises:
        CannotProveError: for anything else that has several places.
    """
    given = along(factors.values, t.dims)
    if given is None or t.members is None or t.source is not None or t.added is not None:
        raise CannotProveError("a constant is not the same number throughout")
    numbers: list[Tensor] = []
    for place, (choice, factor) in enumerate(zip(t.members.ravel(), given, strict=True)):
        members = np.array([None], dtype=object)
        members[0] = choice
        dims = tuple(1 if isinstance(d, int) else d for d in t.dims)
        key = key_of("one place", [t.key], place)
        alone = settled(steps.rows, t.having(members=members, dims=dims, key=key))
        if alone.members is not None:
            raise CannotProveError("a number for each of some classes")
        constant = Known(np.asarray(factor), key_of("factor", [factors.key], place))
        numbers.append(steps.multiply(alone, steps.lifted(constant), float(factor)))
    key = key_of("Mul", [t.key, factors.key])
    expression, ranges = row(f"numbers {key}"), [steps.computed(x) for x in numbers]
    low, high = np.min([r.low.min() for r in ranges]), np.max([r.high.max() for r in ranges])
    steps.rows.know(expression, Interval.of([[low]], [[high]]))
    source = ("numbers", tuple(numbers))
    return Tensor(expression, np.zeros((1, 1)), t.dims, t.element, key, t.members, source=source)


def _sum_of_two(steps: Composition, t: Tensor, dims: tuple[Any, ...], key: str) -> Tensor:
    assert t.source is not None
    numbers = t.source[1]
    last = isinstance(t.dims[-1], int)
    whole = not any(isinstance(d, int) and d > 1 for d in dims)
    depth = steps.arithmetic.depth("ReduceSum", len(numbers), last=last, element=t.element)
    if len(numbers) != 2 or depth > 1 or not whole:
        raise CannotProveError("a sum of more than two numbers, each of its own")
    return steps.add(*numbers).having(dims=dims, key=key)


def _counted(steps: Composition, t: Tensor, dims: tuple[Any, ...], key: str) -> Tensor:
    assert t.source is not None
    of = t.source[1]
    if not (of.error == 0.0).all() or places_of(dims) > 1:
        raise CannotProveError("a count of largest values that were rounded, or of some of them")
    count, places = COUNT, of.members.ravel()
    once = sorted(-1 if c.index is None else c.index for c in places)
    if once != list(range(steps.rows.n_classes)):
        # a class may be in several places
        count = row(f"count {key}")
        steps.rows.know(count, Interval.of([[0.0]], [[float(places.size)]]))
    return Tensor(count, np.zeros((1, 1)), dims, t.element, key, source=("count", of))


def _reduce_mean(steps: Composition, node: Node) -> list[Value]:
    t = operand(steps, node)
    if t.members is None:
        _, dims, _ = _reduced_shape(t, node)
        copies = places_of(t.dims) // places_of(dims)
        made = t.having(dims=dims, key=key_of(node.operation, [t.key], dims))
        return [made if copies == 1 else _mean_of_copies(steps, made, copies)]
    total = _summed(steps, t, node)
    if total.members is not None:
        raise CannotProveError("a mean over some of the classes")
    share = np.asarray(steps.rows.n_classes, dtype=t.element)
    return [steps.divide(total, steps.lifted(Known(share, "count")), float(share))]


def _mean_of_copies(steps: Composition, t: Tensor, copies: int) -> Tensor:
    """One number added up so many times and divided: what that rounds."""
    size = steps.computed(t).size
    steps.check_reach(
        t.having(expression=t.expression * number(2 * copies), error=2 * copies * t.error)
    )
    own = above(above(size * sum_factor(copies + 2, t.element)) + FLUSHED[t.element])
    return t.having(error=above(t.error + own), source=None, largest_of="")


def _reduce_squares(steps: Composition, node: Node) -> list[Value]:
    t = operand(steps, node)
    return [_summed(steps, steps.multiply(t, t), node)]


def _reduce_sizes(steps: Composition, node: Node) -> list[Value]:
    return [_summed(steps, steps.size(operand(steps, node)), node, "ReduceL1")]


def _shares(steps: Composition, node: Node) -> tuple[Tensor, Tensor, Tensor]:
    """Inside of a kernel: logits less the largest one, their exponentials and the sum of those."""
    x = operand(steps, node)
    # its exponentials round otherwise than those of an Exp of the same numbers
    x = x.having(key=key_of(f"inside {node.operation}", [x.key]))
    axis = int(node.attributes.get("axis", -1 if node.opset >= 13 else 1)) % len(x.dims)
    if node.opset < 13 and axis != len(x.dims) - 1:
        raise CannotProveError(f"a {node.operation} that flattens")
    along = Node("ReduceMax", (x,), {"axes": [axis], "keepdims": 1}, node.opset)
    (largest,) = _reduce_best(upper=True)(steps, along)
    assert isinstance(largest, Tensor)
    below = steps.subtract(x, largest)
    exponentials = steps.exponential(below, f"{node.operation} exp")
    along = Node("ReduceSum", (exponentials,), {"axes": [axis], "keepdims": 1}, node.opset)
    return below, exponentials, _summed(steps, exponentials, along, f"{node.operation} sum")


def _softmax(steps: Composition, node: Node) -> list[Value]:
    _, exponentials, total = _shares(steps, node)
    made = steps.divide(exponentials, total, exact=True)
    # multiplied by a rounded reciprocal: three half ulps
    size = above(steps.rows.range(made.expression).size + made.error)
    error = above(made.error + 1.5 * ulp(size, made.element))
    return [made.having(error=error, key=key_of("Softmax", [exponentials.key]))]


def _log_softmax(steps: Composition, node: Node) -> list[Value]:
    # tables see the largest class, to which others lose whatever they are: runtimes that take the
    # logarithm of a Softmax give −inf where it is 0
    below, _, total = _shares(steps, node)
    made = steps.subtract(below, steps.logarithm(total, "LogSoftmax log"))
    return [made.having(key=key_of("LogSoftmax", [below.key]))]


def _product_of_matrices(steps: Composition, node: Node) -> list[Value]:
    a, b = node.inputs[:2]
    transposed = [bool(node.attributes.get(name)) for name in ("transA", "transB")]
    added = node.inputs[2] if len(node.inputs) > 2 else None
    if added is not None and np.any(known(added).values != 0):
        raise CannotProveError("a product of matrices with something added")
    if isinstance(a, Known):
        rows_, weights, flipped = b, a.values.T if transposed[0] else a.values, True
        ready = transposed[1]
    else:
        rows_, weights, flipped = a, known(b).values, False
        weights = weights.T if transposed[1] else weights
        ready = not transposed[0]
    plain = isinstance(rows_, Tensor) and rows_.members is not None and rows_.source is None
    if not isinstance(rows_, Tensor) or rows_.members is None or not plain or not ready:
        raise CannotProveError("a product of matrices other than rows with a vector")
    if node.attributes.get("alpha", 1.0) != 1.0 or node.attributes.get("beta", 1.0) != 1.0:
        raise CannotProveError("a product of matrices that is multiplied again")
    vector = weights.ravel().astype(np.float64)
    (places,) = rows_.members.shape if rows_.members.ndim == 1 else (0,)
    fits = weights.shape == ((1, places) if flipped else (places, 1))
    if not fits or len(rows_.dims) != 2 or isinstance(rows_.dims[0], int):
        raise CannotProveError("a product of matrices other than rows with a vector")
    dims = (1, rows_.dims[0]) if flipped else (rows_.dims[0], 1)
    key = key_of(node.operation, [rows_.key], vector.tobytes(), dims)
    if len(set(vector)) == 1:
        scaled = rows_.having(
            expression=rows_.expression * number(Fraction(vector[0])),
            error=above(rows_.error * abs(vector[0])),
        )
        sets = as_sum(scaled)
        total = steps.total(sets, len(vector) + 1)
        return [total.having(dims=dims, key=key)]
    reach = steps.computed(rows_).size.max() * np.abs(vector).sum()
    sum_ = row(f"weighted sum {key}")
    steps.rows.know(sum_, Interval.of([[-reach]], [[reach]]).widened(0.0))
    error = np.full((1, 1), above(reach * sum_factor(len(vector) + 1, rows_.element)))
    return [Tensor(sum_, error, dims, rows_.element, key)]


def _top_k(steps: Composition, node: Node) -> list[Value]:
    t = operand(steps, node)
    count = (
        known(node.inputs[1]).values.ravel()[0] if len(node.inputs) > 1 else node.attributes["k"]
    )
    axis = int(node.attributes.get("axis", -1)) % len(t.dims)
    plain = t.members is not None and t.source is None and t.added is None
    ordered = node.attributes.get("largest", 1) and node.attributes.get("sorted", 1)
    if int(count) not in (1, 2) or not plain or not ordered:
        raise CannotProveError("TopK of other than the one or two largest in their order")
    assert t.members is not None
    if t.dims[axis] != steps.rows.n_classes:
        raise CannotProveError("TopK over rows")
    if t.members.ndim != 1 or [c.index for c in t.members] != list(range(steps.rows.n_classes)):
        raise CannotProveError("TopK of something other than all classes in their order")
    n = steps.rows.n_classes
    first = Choice(frozenset(range(n)))
    second = Choice(frozenset(), frozenset((i, j) for i in range(n) for j in range(i + 1, n)))
    members = np.empty(int(count), dtype=object)
    members[:] = [first, second][: int(count)]
    dims = tuple(int(count) if i == axis else d for i, d in enumerate(t.dims))
    values = settled(
        steps.rows, t.having(members=members, dims=dims, key=key_of("TopK", [t.key], count))
    )
    # where they are is not followed
    return [values]


REDUCTIONS: Mapping[str, Callable[[Composition, Node], list[Value]]] = {
    "Gemm": _product_of_matrices,
    "LogSoftmax": _log_softmax,
    "MatMul": _product_of_matrices,
    "ReduceL1": _reduce_sizes,
    "ReduceMax": _reduce_best(upper=True),
    "ReduceMean": _reduce_mean,
    "ReduceMin": _reduce_best(upper=False),
    "ReduceSum": _reduce_sum,
    "ReduceSumSquare": _reduce_squares,
    "Softmax": _softmax,
    "TopK": _top_k,
}
