"""Choices by the largest class are taken for what they are there, or refused."""

from fractions import Fraction

import numpy as np
import pytest

from logitconf_export.proof.composing.arithmetic import Rounded
from logitconf_export.proof.composing.composition import Composition
from logitconf_export.proof.composing.nodes import Node
from logitconf_export.proof.composing.operators import apply
from logitconf_export.proof.composing.tensors import CannotProveError, Known, Tensor, Truth
from logitconf_export.proof.exact.abstract_rows import BELOW, LARGEST
from logitconf_export.proof.exact.choices import Choice
from logitconf_export.proof.exact.expressions import Expression, logarithm, number
from logitconf_export.proof.exact.spread_rows import Spread, spread_rows

N = 4
PARTS = Spread(N, Fraction(3, 2))


def steps_of() -> Composition:
    return Composition(spread_rows(N, Fraction(3, 2), 100.0), Rounded())


def of_classes(x: Expression, error: float, classes: tuple[int, ...] = (0, 1, 2, 3)) -> Tensor:
    members = np.empty(N, dtype=object)
    members[:] = [Choice.of(i) for i in classes]
    return Tensor(x, np.full((1, 1), error), ("N", N), "float32", f"{x} {classes}", members)


def of_row(x: Expression, error: float) -> Tensor:
    return Tensor(x, np.full((1, 1), error), ("N", 1), "float32", str(x))


def at_top(classes: tuple[int, ...] = (0, 1, 2, 3), x: Expression = LARGEST + BELOW) -> Truth:
    of = of_classes(x, 0.0, classes)
    return Truth(None, ("N", N), "top", source=("top", of), members=of.members)


def chosen(condition: Truth, a: Tensor, b: Tensor) -> Tensor:
    (made,) = apply(steps_of(), Node("Where", (condition, a, b), {}, 17))
    assert isinstance(made, Tensor)
    return made


SQUARE = BELOW * BELOW + LARGEST + number(3)


def test_what_is_the_same_at_the_largest_is_off_by_the_error_of_either_in_its_place() -> None:
    made = chosen(at_top(), of_row(LARGEST + number(3), 1e-6), of_classes(SQUARE, 1e-7))
    assert made.expression == SQUARE
    error = made.error
    assert error[:, 0] == pytest.approx(1e-6)
    # a class next to the largest may be taken for it where a runtime loses the difference
    assert (error[:, 1] >= 1e-6).all()
    assert error[:, 2:] == pytest.approx(1e-7)


@pytest.mark.parametrize(
    ("condition", "a", "b", "reason"),
    [
        (at_top(), of_row(LARGEST, 0.0), of_classes(SQUARE, 0.0), "is not theirs"),
        (
            at_top(),
            of_row(LARGEST + number(3), 0.0),
            of_classes(SQUARE, 0.0, (1, 0, 2, 3)),
            "different classes",
        ),
        (
            at_top(x=-(LARGEST + BELOW)),
            of_row(LARGEST + number(3), 0.0),
            of_classes(SQUARE, 0.0),
            "need not be the largest",
        ),
        (at_top(), of_classes(SQUARE, 0.0), of_classes(SQUARE, 0.0), "depends on the row"),
    ],
)
def test_any_other_choice_is_refused(condition: Truth, a: Tensor, b: Tensor, reason: str) -> None:
    with pytest.raises(CannotProveError, match=reason):
        chosen(condition, a, b)


def logarithm_of_the_others(steps: Composition) -> Tensor:
    """What S leaves without a class, whose rounding may leave 0 of the largest."""
    (made,) = apply(steps, Node("Log", (of_classes(PARTS.others, 1e-6),), {}, 17))
    assert isinstance(made, Tensor)
    assert made.astray
    return made


def test_what_may_be_anything_at_the_largest_is_only_used_elsewhere() -> None:
    steps = steps_of()
    astray = logarithm_of_the_others(steps)
    twice = Known(np.asarray(2.0, dtype=np.float32), "two")
    (scaled,) = apply(steps, Node("Mul", (astray, twice), {}, 17))
    assert isinstance(scaled, Tensor)
    assert scaled.astray
    for operation in ("Exp", "ReduceSum", "ReduceMax", "Identity", "Less", "Max", "Clip"):
        with pytest.raises(CannotProveError, match="may be anything at the largest"):
            apply(steps, Node(operation, (scaled, twice), {"axes": [1]}, 11))
    infinite = Known(np.full((1, N), -np.inf, dtype=np.float32), "inf")
    with pytest.raises(CannotProveError, match="not finite"):
        apply(steps, Node("Add", (scaled, infinite), {}, 17))
    row = of_row(scaled.expression, 0.0)
    with pytest.raises(CannotProveError, match="is not theirs"):
        apply(steps, Node("Where", (at_top(), row, scaled), {}, 17))


def test_the_number_that_stands_at_the_largest_instead_makes_it_one_again() -> None:
    steps = steps_of()
    astray = logarithm_of_the_others(steps)
    row = of_row(logarithm(PARTS.rest), 1e-5)
    (made,) = apply(steps, Node("Where", (at_top(), row, astray), {}, 17))
    assert isinstance(made, Tensor)
    assert not made.astray
    assert made.error[:, 0] == pytest.approx(1e-5)


def test_a_logarithm_of_what_may_be_0_elsewhere_is_refused() -> None:
    steps = steps_of()
    with pytest.raises(CannotProveError, match="may be 0"):
        apply(steps, Node("Log", (of_classes(PARTS.others, 1.5),), {}, 17))
    mixed = of_classes(PARTS.others, 1e-6)
    assert mixed.members is not None
    mixed.members[0] = Choice(frozenset((0, 1)))
    with pytest.raises(CannotProveError, match="may be 0"):
        apply(steps, Node("Log", (mixed,), {}, 17))
