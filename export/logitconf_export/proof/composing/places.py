"""Which places of tensors belong together, and how what they hold depends on the classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from logitconf_export.proof.composing.tensors import CannotProveError, Dim, Known, Tensor, Truth
from logitconf_export.proof.exact import expressions
from logitconf_export.proof.exact.abstract_rows import BELOW, BETWEEN, GAP, AbstractRows, atom_of
from logitconf_export.proof.exact.choices import Choice
from logitconf_export.proof.exact.expressions import Atom, Expression, number, substituted
from logitconf_export.proof.exact.intervals import Floats, above

_BELOW, _NONE = atom_of(BELOW), np.zeros((1, 1))


def along(
    values: npt.NDArray[Any], dims: Sequence[Dim], axis: int | None = None
) -> npt.NDArray[Any] | None:
    """The numbers of a constant along one axis of a tensor; None where others tell them apart.

    Args:
        values: the constant, as it is broadcast against the tensor.
        dims: the tensor's.
        axis: the one; that of the classes unless given.
    """
    if axis is None:
        longer = [i for i, d in enumerate(dims) if isinstance(d, int) and d > 1]
        axis = longer[0] if len(longer) == 1 else None
    shape = (1,) * (len(dims) - values.ndim) + values.shape
    if axis is None or axis >= len(dims) or len(shape) != len(dims):
        return None
    if any(size != 1 for i, size in enumerate(shape) if i != axis):
        return None
    size = dims[axis]
    if isinstance(size, int) and shape[axis] not in (1, size):
        return None
    return np.resize(values.ravel(), size) if isinstance(size, int) else values.ravel()


def shape_of(*values: Known | Tensor | Truth) -> tuple[Dim, ...]:
    """The shape that values have together.

    Raises:
        CannotProveError: if they do not fit, or only where there are as many rows as classes, or
            set each row against each other row.
    """
    shapes = [v.dims for v in values]
    rank = max(map(len, shapes))
    dims: list[Dim] = []
    for sizes in zip(*((1,) * (rank - len(s)) + tuple(s) for s in shapes), strict=True):
        larger = {size for size in sizes if size != 1}
        if len(larger) > 1:
            raise CannotProveError(f"shapes that do not fit: {shapes}")
        dims.append(larger.pop() if larger else 1)
    names = [d for d in dims if isinstance(d, str)]
    if len(set(names)) < len(names):
        raise CannotProveError(f"shapes that set rows against other rows: {shapes}")
    return tuple(dims)


def together(*values: Known | Tensor | Truth) -> Any:
    """The classes of the places of values that go together place by place; None for the row.

    Raises:
        CannotProveError: if one has a class where another has another class.
    """
    members = [v.members for v in values if not isinstance(v, Known) and v.members is not None]
    for other in members[1:]:
        if other.shape != members[0].shape or not np.all(other == members[0]):
            raise CannotProveError("numbers of different classes go together")
    return members[0] if members else None


def places_of(dims: Sequence[Dim]) -> int:
    """How many numbers a row has in such a shape."""
    return int(np.prod([d for d in dims if isinstance(d, int)]))


def choice_at(t: Tensor, place: tuple[int, ...]) -> Choice:
    """What one place of a tensor is chosen from."""
    assert t.members is not None
    choice: Any = t.members[place]
    if not isinstance(choice, Choice):
        raise CannotProveError("a comparison of sums")
    return choice


def as_sum(t: Tensor) -> Tensor:
    """Single classes as sums over one."""
    if t.added is not None or t.members is None:
        return t
    sets = np.empty(t.members.shape, dtype=object)
    for place in np.ndindex(sets.shape):
        index = choice_at(t, place).index
        if index is None:
            raise CannotProveError("a sum of what was compared before")
        sets[place] = frozenset((index,))
    return t.having(members=sets, added=0)


def of_two(t: Tensor) -> Tensor:
    """The number of one class of two, as one of the row."""
    assert t.members is not None
    index = t.members.ravel()[0].index
    if index is None:
        raise CannotProveError("an operation on some of the classes")
    own = expressions.row(f"below {index}")
    return t.having(
        expression=substituted(t.expression, {_BELOW: own}.get),
        error=t.error.max(axis=1, keepdims=True),
        members=None,
    )


def elements(rows: AbstractRows, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Two tensors; single classes that differ as numbers of the row, sums as sums."""
    if a.members is None or b.members is None or a.members.shape != b.members.shape:
        return a, b
    if a.added is None and b.added is None and (a.members == b.members).all():
        return a, b
    single = a.members.size == 1 and a.added is None and b.added is None
    if single and rows.n_classes == 2 and _BELOW in rows.cells:
        return of_two(a), of_two(b)
    return as_sum(a), as_sum(b)


def of_single_classes(t: Tensor) -> bool:
    """Whether each place of a tensor holds the number of one class."""
    if t.members is None or t.added is not None:
        return False
    return all(isinstance(c, Choice) and c.index is not None for c in t.members.ravel())


def beside_second(rows: AbstractRows, x: Tensor) -> Expression | None:
    """How far below the second x is, times a number, at most 0; None if x is something else."""
    share = expressions.expression_multiple(x.expression, BELOW - GAP)
    known = of_single_classes(x) and atom_of(expressions.BESIDE) in rows.cells
    if not known or share is None or share < 0:
        return None
    return expressions.BESIDE * number(share)


def beside_top(rows: AbstractRows, values: Floats, at_top: Floats | float) -> Floats:
    """Numbers of each cell, others in that of the largest."""
    shape = np.broadcast_shapes(values.shape, *(cell.low.shape for cell in rows.cells.values()))
    own = np.arange(shape[1])[None] == rows.top
    return np.where(own, at_top, np.broadcast_to(values, shape))


def direction(rows: AbstractRows, x: Expression) -> tuple[Atom, int]:
    """The number of a class that an expression rises or falls with, and 1 or −1.

    Raises:
        CannotProveError: if it depends on several, or is not seen to rise or fall.
    """
    bases, signs = set(), set()
    for product, coefficient in x.terms:
        own = [(a, p) for a, p in product if expressions.atom_by_class(a)]
        if not own:
            continue
        common = tuple(item for item in product if not expressions.atom_by_class(item[0]))
        scale = rows.of_product(common)
        positive, negative = (scale.low > 0.0).all(), (scale.high < 0.0).all()
        if len(own) != 1 or not (positive or negative):
            raise CannotProveError("a comparison of what need not rise or fall with the logits")
        (a, p), sign = own[0], 1 if positive else -1
        if a[0] == "exp" and len(a[1]) == 1 and a[1][0][1] == 1:
            a, sign = a[1][0][0], sign if p > 0 else -sign
        elif p != 1:
            raise CannotProveError("a comparison of what need not rise or fall with the logits")
        bases.add(a)
        signs.add(sign if coefficient > 0 else -sign)
    if len(bases) != 1 or len(signs) != 1 or next(iter(bases)) not in rows.extremes:
        raise CannotProveError("a comparison of what need not rise or fall with the logits")
    return bases.pop(), signs.pop()


def settled(rows: AbstractRows, t: Tensor) -> Tensor:
    """A tensor whose only place is the first, second or last of all classes, as a number."""
    if t.members is None or t.members.size != 1:
        return t
    choice: Choice = t.members.ravel()[0]
    n = rows.n_classes
    if n == 1:
        return t
    if choice.is_largest(n) or choice.is_smallest(n):
        largest = choice.is_largest(n)
        expression = extreme(rows, t.expression, largest=largest)
        error = _error_of_extreme(rows, t, expression, largest=largest)
    elif choice.is_second(n) and direction(rows, t.expression) == (_BELOW, 1):
        expression = substituted(t.expression, {_BELOW: GAP}.get)
        error = t.error.max(axis=1, keepdims=True)
    else:
        return t
    return t.having(expression=expression, error=error, members=None)


def extreme(rows: AbstractRows, x: Expression, *, largest: bool) -> Expression:
    """The largest or smallest over the classes of what rises or falls with one of them.

    Raises:
        CannotProveError: if it does not.
    """
    base, sign = direction(rows, x)
    first, last = rows.extremes[base]
    chosen = first if largest == (sign > 0) else last
    return substituted(x, {base: chosen}.get)


def _error_of_extreme(
    rows: AbstractRows, t: Tensor, expression: Expression, *, largest: bool
) -> Floats:
    """No class' computed number is beyond the exact extreme by more."""
    if not t.error.any():
        return _NONE
    here, all_of = rows.range(expression), rows.range(t.expression)
    lead = here.low - all_of.high if largest else all_of.low - here.high
    others = np.maximum(t.error - np.maximum(lead, 0.0), 0.0)
    own = t.error
    base, sign = direction(rows, t.expression)
    if base == _BELOW and largest == (sign > 0) and rows.top is not None:
        own = np.broadcast_to(t.error, np.broadcast(t.error, all_of.low).shape)
        own = own[:, rows.top : rows.top + 1]
    worst = np.maximum(own.max(axis=1, keepdims=True), others.max(axis=1, keepdims=True))
    return np.asarray(worst)


def size_of(rows: AbstractRows, x: Expression) -> Expression:
    """The size of an expression; by its sign, where that is known."""
    values = rows.range(x)
    if (values.low >= 0.0).all():
        return x
    if (values.high <= 0.0).all():
        return -x
    distance = expressions.size(x)
    if rows.n_classes == 2 and _BELOW in rows.cells:
        # of two classes, what lies between them is minus the gap
        apart = expressions.expression_multiple(distance, expressions.size(BETWEEN))
        if apart is not None:
            return -GAP * number(apart)
    return distance


def aligned(operation: str, inputs: Sequence[Tensor]) -> tuple[tuple[Dim, ...], Any, int | None]:
    """Shape, members and additions of what operands give place by place.

    Raises:
        CannotProveError: if their places do not belong together.
    """
    dims = shape_of(*inputs)
    with_members = [t for t in inputs if t.members is not None]
    for t in inputs:
        # how many there are is a number like others; 0 or 1 of each class is one, too
        if t.source is not None and t.source[0] not in ("top", "count"):
            raise CannotProveError(f"{operation} of what marks the largest places")
    if not with_members:
        return dims, None, None
    first = with_members[0]
    assert first.members is not None
    numbers = tuple(d for d in dims if isinstance(d, int))
    together(*with_members)
    if first.added is not None and operation != "Neg":
        raise CannotProveError(f"{operation} of a sum over some of the classes")
    if first.added is None and any(c.index is None for c in first.members.ravel()):
        steady = operation in ("Add", "Sub") and inputs[0] is first
        scaled = operation in ("Mul", "Div") and inputs[0] is first and _positive(inputs[1])
        if not (steady or scaled) or len(with_members) > 1:
            raise CannotProveError(f"{operation} of what was chosen from some of the classes")
    if first.members.size != int(np.prod(numbers)):
        raise CannotProveError(f"{operation} of shapes that do not fit")
    return dims, first.members.reshape(numbers), first.added


def _positive(t: Tensor) -> bool:
    value = t.expression.number
    return value is not None and value > 0


def carried_product(a: Floats, of_a: Floats, b: Floats, of_b: Floats) -> Floats:
    """The error of a product of sizes a and b with errors."""
    first = above(above(a * of_b) + above(b * of_a))
    return above(first + above(of_a * of_b))


def sign_of_bounded(x: Tensor, limit: Tensor, *, upper: bool) -> int:
    """The sign of all computed numbers, as far as the limit or x tells it."""
    value = limit.expression.number
    if value is None or limit.error.any():
        return x.sign
    side = -1 if upper else 1
    if value * side >= 0 or x.sign == side:
        return side
    return x.sign
