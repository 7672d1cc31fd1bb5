"""What a head's graph computes, for all rows of a stated range: expressions and error bounds.

Each operation's error is that of the operands, carried on by interval arithmetic, and its own
rounding in the runtime.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from logitconf_export.proof.composing import deviations
from logitconf_export.proof.composing.arithmetic import (
    FAR,
    FLUSHED,
    Arithmetic,
    lost_far,
    sum_factor,
)
from logitconf_export.proof.composing.deviations import Deviation, Rounding, Share, rounding_of
from logitconf_export.proof.composing.places import (
    aligned,
    beside_top,
    carried_product,
    elements,
    of_single_classes,
    size_of,
)
from logitconf_export.proof.composing.tensors import (
    CannotProveError,
    Known,
    Summed,
    Tensor,
    Value,
    key_of,
)
from logitconf_export.proof.exact import expressions
from logitconf_export.proof.exact.abstract_rows import AbstractRows
from logitconf_export.proof.exact.expressions import Expression, NoNormalFormError, number
from logitconf_export.proof.exact.intervals import Floats, Interval, above, below, expm1_above

_LARGEST = {"float32": float(np.finfo(np.float32).max), "float64": float(np.finfo(np.float64).max)}
_NONE = np.zeros((1, 1))
# of all classes together, what bounds of what is never below 0 may be below it
_NOTHING = 1e-290


@dataclass(eq=False)
class Composition:
    """A graph's operations on abstract rows, as one runtime computes them.

    Attributes:
        rows: the rows.
        arithmetic: of the runtime.
        numbers: what constants stand for that are rounded, by their type and bytes.
        kept: constants whose comparisons stay as they are, for all rows alike or not.
        singles: what was float32 before it became double, by the key that it has since.
        origins: what operation made a tensor of which ones, by its key.
        shares: S of tensors that are log(S) / (S − 1), by their keys.
        off: mapped logits that are the rows are no further from exact ones.
    """

    rows: AbstractRows
    arithmetic: Arithmetic
    numbers: Mapping[tuple[str, bytes], Fraction] = field(default_factory=dict)
    kept: frozenset[bytes] = frozenset()
    singles: dict[str, Tensor] = field(default_factory=dict)
    origins: dict[str, tuple[str, tuple[Tensor, ...]]] = field(default_factory=dict)
    shares: dict[str, Expression] = field(default_factory=dict)
    off: float = 0.0

    def lifted(self, value: Value) -> Tensor:
        """A constant as a number of every row; tensors as they are."""
        if isinstance(value, Tensor):
            return value
        if not isinstance(value, Known) or value.values.dtype.kind != "f" or not value.values.size:
            raise CannotProveError("a number is expected where there is none")
        first = value.values.ravel()[0]
        if not np.isfinite(first) or not (value.values == first).all():
            raise CannotProveError("a constant is not finite, or not the same number throughout")
        element = value.values.dtype.name
        exact = self.numbers.get((element, first.tobytes()), Fraction(float(first)))
        off = abs(Fraction(float(first)) - exact)
        error = above(np.full((1, 1), float(off))) if off else _NONE
        return Tensor(number(exact), error, value.dims, element, value.key)

    def computed(self, t: Tensor) -> Interval:
        """Where the computed numbers lie."""
        exact = self.rows.range(t.expression)
        values = exact.widened(t.error)
        if t.share is not None:
            own = t.share.of(exact.low), t.share.of(exact.high)
            values = values.within(below(exact.low - own[0]), above(exact.high + own[1]))
        low, high = (0.0 if t.sign > 0 else -np.inf), (0.0 if t.sign < 0 else np.inf)
        return values.within(low, high)

    def made(
        self,
        operation: str,
        inputs: Sequence[Tensor],
        expression: Expression,
        carried: Floats,
        *,
        constant: float | None = None,
        exact: bool = False,
        table: str | None = None,
        sign: int = 0,
        deviation: Callable[[], Deviation] | None = None,
        relative: Share | None = None,
        operand: Interval | None = None,
    ) -> Tensor:
        """The result of an elementwise operation.

        Args:
            operation: its name.
            inputs: the operands.
            expression: of the exact result.
            carried: the operands' errors, carried on.
            constant: the second operand if it is a number of the graph.
            exact: whether the result is not rounded.
            table: the operation whose table says how the result is rounded, if another.
            sign: of all computed results, if it is known.
            deviation: the operands' errors to first order, carried on.
            relative: the operands' errors, carried on, as a share of the exact result.
            operand: where operands lie that matter, if that is not all of them.
        """
        element = inputs[0].element
        if any(t.element != element for t in inputs):
            raise CannotProveError("operands of two types")
        dims, members, added = aligned(operation, inputs)
        ranges = [self.computed(t) for t in inputs]
        if constant is not None:
            ranges = ranges[:1]
        if operation == "Div" and constant is None:
            # its table is by the divisor's size
            ranges = [Interval(ranges[1].least_size, ranges[1].size)]
        if operand is not None:
            ranges = [operand]
        operand = ranges[0]
        for other in ranges[1:]:
            operand = Interval(
                np.minimum(operand.low, other.low), np.maximum(operand.high, other.high)
            )
        error, own, share = carried, None, None
        if not exact:
            result = self.rows.range(expression).widened(carried)
            name = table or operation
            units = self.arithmetic.units(name, operand, element, constant)
            own = rounding_of(name, units, result, carried, element)
            error = above(carried + own.size)
            share = None if relative is None else relative.rounded(own.share, own.least)
        elif relative is not None:
            share = Share(relative.part, relative.lost + FLUSHED[element])
        if share is not None:
            error = np.minimum(error, share.of(self.rows.range(expression).size))
        key = key_of(operation, [t.key for t in inputs])
        self.origins[key] = operation, tuple(inputs)
        first_order = None
        if deviation is not None:
            with suppress(NoNormalFormError):
                first_order = deviation()
                if own is not None:
                    rounded = own.of(key, expression, by_class=members is not None)
                    first_order = deviations.joined([first_order, rounded])
        of = Tensor(expression, error, dims, element, key, members, added, sign=sign, share=share)
        astray = any(t.astray for t in inputs)
        made = replace(of, deviation=first_order, astray=astray)
        self.check_reach(made)
        return made

    def check_reach(self, t: Tensor) -> None:
        """Checks that no row of the range overflows.

        Raises:
            CannotProveError: if one may.
        """
        size = self.computed(t).size
        if not (size < _LARGEST[t.element]).all():
            raise CannotProveError(f"a number may overflow {t.element}")

    def add(self, a: Tensor, b: Tensor) -> Tensor:
        """A + b."""
        a, b = elements(self.rows, a, b)
        if a.added is not None and b.added is not None and a.members is not None:
            return self._joined(a, b)
        for x, other in ((a, b), (b, a)):
            if not other.expression.terms and not other.error.any():
                return self.made("Add", (x, other), x.expression, x.error, exact=True)
        carried = above(a.error + b.error)
        how, total = partial(deviations.of_sum, a, b), a.expression + b.expression
        sign = -1 if self._never_positive(total, a, b) else 0
        return self.made("Add", (a, b), total, carried, sign=sign, deviation=how)

    def subtract(self, a: Tensor, b: Tensor) -> Tensor:
        """A − b."""
        a, b = elements(self.rows, a, b)
        if a.key == b.key:
            return self.made("Sub", (a, b), number(0), _NONE, exact=True)
        apart = a.expression - b.expression
        # rounding keeps the sign of a difference
        sign = -1 if b.largest_of == a.key or self._never_positive(apart, a, b) else 0
        carried = above(a.error + b.error) if a.error.any() or b.error.any() else _NONE
        how = partial(deviations.of_difference, self.rows, a, b)
        relative = deviations.share_of_difference(self.rows, a, b)
        return self.made("Sub", (a, b), apart, carried, sign=sign, deviation=how, relative=relative)

    def _never_positive(self, x: Expression, a: Tensor, b: Tensor) -> bool:
        """Whether x, of a and b, is not above 0 in the runtime either: both exact, or flushed."""
        flushed = 2.0 * FLUSHED[a.element]
        exact = (a.error <= flushed).all() and (b.error <= flushed).all()
        return bool(exact and (self.rows.range(x).high <= 1e-300).all())

    def multiply(self, a: Tensor, b: Tensor, constant: float | None = None) -> Tensor:
        """a·b."""
        left, right = self.rows.range(a.expression), self.rows.range(b.expression)
        carried = carried_product(left.size, a.error, right.size, b.error)
        product = a.expression * b.expression
        exact = constant is not None and constant != 0.0 and abs(np.frexp(constant)[0]) == 0.5
        how: dict[str, Any] = {"deviation": partial(deviations.of_product, self.rows, a, b)}
        if exact:
            carried = above(carried + FLUSHED[a.element])
            how = {"exact": True, "relative": deviations.share_of_multiple(a, constant)}
        sign = self._sign(a) * self._sign(b)
        return self.made("Mul", (a, b), product, carried, constant=constant, sign=sign, **how)

    def _sign(self, t: Tensor) -> int:
        """1 or −1 where no computed number is on the other side of 0."""
        values = self.computed(t)
        return int((values.low >= 0.0).all()) - int((values.high <= 0.0).all())

    def divide(self, a: Tensor, b: Tensor, constant: float | None = None, **how: Any) -> Tensor:
        """A / b, b never 0."""
        quotient = a.expression * expressions.power(b.expression, -1)
        divisor = self.rows.range(b.expression)
        least = np.maximum(divisor.least_size - b.error, self.computed(b).least_size)
        if not (least > 0.0).all():
            raise CannotProveError("a divisor may be 0")
        how["relative"] = deviations.share_of_quotient(a, b, divisor.least_size)
        size = self.rows.range(quotient).size
        carried = above(above(a.error + above(size * b.error)) / least)
        sign = self._sign(a) * self._sign(b)
        how["deviation"] = partial(deviations.of_quotient, self.rows, a, b, quotient)
        return self.made("Div", (a, b), quotient, carried, constant=constant, sign=sign, **how)

    def reciprocal(self, x: Tensor) -> Tensor:
        """1 / x, x never 0."""
        least = self.rows.range(x.expression).least_size
        if not (least - x.error > 0.0).all():
            raise CannotProveError("a divisor may be 0")
        product = np.nextafter(least * np.nextafter(least - x.error, 0.0), 0.0)
        carried, inverse = above(x.error / product), expressions.power(x.expression, -1)
        bent = above(1.0 / np.nextafter(least * product, 0.0))
        how = partial(deviations.of_function, self.rows, x, -(inverse * inverse), bent)
        return self.made("Reciprocal", (x,), inverse, carried, deviation=how)

    def exponential(self, x: Tensor, table: str = "Exp") -> Tensor:
        """E to x."""
        result = expressions.exponential(x.expression)
        size = self.rows.range(x.expression).exp().high
        grown = expm1_above(x.error)
        # e^d - 1 - d is at most d² e^d / 2
        bent = above(above(0.5 * size) * above(1.0 + grown))
        how = partial(deviations.of_function, self.rows, x, result, bent)
        carried, seen, operand = above(size * grown), self.computed(x), None
        lost = lost_far(self.arithmetic, seen, table, x.element)
        if lost:
            # such results are off by a large share, of next to nothing
            operand = Interval(np.maximum(seen.low, FAR), np.maximum(seen.high, FAR))
            carried, own = above(carried + lost), how
            how = partial(_besides, own, lost)
        return self.made(
            "Exp",
            (x,),
            result,
            carried,
            table=table,
            sign=1,
            deviation=how,
            relative=Share(grown, lost),
            operand=operand,
        )

    def logarithm(self, x: Tensor, table: str = "Log") -> Tensor:
        """Log x, x > 0."""
        exact = self.rows.range(x.expression).low
        least, operand, astray = exact - x.error, None, False
        share = None if x.share is None or x.members is not None else x.share.within(exact)
        if share is not None:
            least = np.maximum(least, below(exact * below(1.0 - share)))
        if of_single_classes(x) and self.rows.top is not None and not (least > 0.0).all():
            # what the largest of all classes leaves may be 0, where it is not asked for
            seen, astray = self.computed(x), True
            operand = Interval(*(beside_top(self.rows, end, 1.0) for end in (seen.low, seen.high)))
            least = beside_top(self.rows, least, 1.0)
        if not (least > 0.0).all():
            raise CannotProveError("a logarithm of what may be 0")
        least = np.nextafter(least, 0.0)
        carried = above(x.error / least)
        if share is not None and (share < 0.5).all():
            # log(1 + d) is at most -log(1 - |d|) in size
            left = Interval.of(below(1.0 - share))
            carried = np.minimum(carried, -left.log().low)
            seen = self.computed(x)
            operand = Interval(least, np.minimum(seen.high, above(seen.high * above(1.0 + share))))
        # |log(1 + d) - d| is at most d² / 2(1 - |d|)
        bent = above(0.5 / np.nextafter(least * least, 0.0))
        slope = expressions.power(x.expression, -1)
        how = partial(deviations.of_function, self.rows, x, slope, bent)
        result = expressions.logarithm(x.expression)
        made = self.made("Log", (x,), result, carried, table=table, deviation=how, operand=operand)
        return replace(made, astray=astray or made.astray)

    def negative(self, x: Tensor) -> Tensor:
        """−x."""
        how = partial(deviations.of(x).times, self.rows, number(-1))
        return self.made(
            "Neg", (x,), -x.expression, x.error, exact=True, sign=-x.sign, deviation=how
        )

    def size(self, x: Tensor) -> Tensor:
        """Abs x."""
        return self.made("Abs", (x,), size_of(self.rows, x.expression), x.error, exact=True, sign=1)

    def total(self, t: Tensor, added: int) -> Tensor:
        """The sum over all classes, each of which is in `t` once.

        Args:
            t: numbers of each class.
            added: no term passes through more additions.
        """
        expression = expressions.sum_over_classes(t.expression, self.rows.n_classes)
        each, shape = (
            self.rows.range(t.expression),
            np.broadcast(t.error, self.rows.range(t.expression).low).shape,
        )
        # of a box without rows anything follows
        carried = np.maximum(self.rows.sum_above(np.broadcast_to(t.error, shape)), 0.0)
        if len(t.expression.terms) > 1 and expression.terms:
            # the sum of a difference is known better than the difference of two sums
            low, high = (np.broadcast_to(end, shape) for end in (-each.low, each.high))
            whole = Interval(-self.rows.sum_above(low), self.rows.sum_above(high))
            self.rows.know(expression, whole)
        alike = bool((each.low >= -_NOTHING).all() or (each.high <= _NOTHING).all())
        if alike:
            size = above(self.rows.range(expression).size + carried)
        else:
            size = above(self.rows.sum_above(np.broadcast_to(each.size, shape)) + carried)
        share, lost = sum_factor(added, t.element), FLUSHED[t.element] * added + _NOTHING
        own = above(above(size * share) + lost)
        first_order = None
        with suppress(NoNormalFormError):
            terms = deviations.over_classes(self.rows, deviations.of(t), shape)
            slack = above(above(share * carried) + lost)
            wide = np.full(own.shape, alike)
            in_sum = Rounding(own, np.full_like(own, share), slack, wide)
            rounded = in_sum.of(t.key, expression, by_class=False)
            first_order = deviations.joined([terms, rounded])
        made = t.having(
            expression=expression,
            error=above(carried + own),
            members=None,
            added=None,
            deviation=first_order,
            share=deviations.share_of_sum(self.rows, t, share) if alike else None,
            summed=Summed(t, share, lost) if alike else None,
        )
        self.check_reach(made)
        return made

    def _joined(self, a: Tensor, b: Tensor) -> Tensor:
        """Sums over some classes and over others, as one over both."""
        assert a.members is not None
        assert b.members is not None
        assert a.added is not None
        assert b.added is not None
        if a.expression != b.expression or a.members.shape != b.members.shape:
            raise CannotProveError("a sum of unlike parts")
        members = np.empty(a.members.shape, dtype=object)
        for place in np.ndindex(members.shape):
            one, other = a.members[place], b.members[place]
            if one & other:
                raise CannotProveError("a class that is added twice")
            members[place] = one | other
        added = max(a.added, b.added) + 1
        error = np.maximum(a.error, b.error)
        key = key_of("Add", (a.key, b.key))
        joined = a.having(members=members, added=added, error=error, key=key)
        if members.size == 1 and len(members.ravel()[0]) == self.rows.n_classes:
            return self.total(joined, added)
        return joined


def _besides(deviation: Callable[[], Deviation], more: float) -> Deviation:
    return deviations.besides(deviation(), more)
