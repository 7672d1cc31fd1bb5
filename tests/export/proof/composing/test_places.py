"""Shapes that do not belong together stop a proof."""

import numpy as np
import pytest

from logitconf_export.proof.composing.places import aligned, along, as_sum, direction
from logitconf_export.proof.composing.tensors import CannotProveError, Tensor
from logitconf_export.proof.exact.abstract_rows import BELOW, LARGEST
from logitconf_export.proof.exact.choices import Choice
from logitconf_export.proof.exact.expressions import number
from logitconf_export.proof.exact.row_kinds import class_rows

ROWS = class_rows(3, number(1).terms[0][1], 10.0, needs=frozenset({"gap"}))


def tensor(dims: tuple[int | str, ...], places: list[int] | None = None) -> Tensor:
    members = None
    if places is not None:
        members = np.empty(len(places), dtype=object)
        members[:] = [Choice.of(i) for i in places]
    return Tensor(BELOW, np.zeros((1, 1)), dims, "float32", "x", members)


def test_a_number_of_the_row_goes_with_every_class() -> None:
    dims, members, _ = aligned("Sub", (tensor(("N", 3), [0, 1, 2]), tensor(("N", 1))))
    assert dims == ("N", 3)
    assert [choice.index for choice in members] == [0, 1, 2]


def test_different_classes_do_not_go_together() -> None:
    with pytest.raises(CannotProveError, match="different classes"):
        aligned("Mul", (tensor(("N", 2), [0, 1]), tensor(("N", 2), [1, 2])))


def test_single_classes_are_sums_of_one() -> None:
    made = as_sum(tensor(("N", 2), [0, 2]))
    assert made.members is not None
    assert made.members.tolist() == [frozenset({0}), frozenset({2})]


def test_a_logit_rises_with_its_class_and_its_negative_falls() -> None:
    assert direction(ROWS, LARGEST + BELOW)[1] == 1
    assert direction(ROWS, -(LARGEST + BELOW))[1] == -1
    with pytest.raises(CannotProveError):
        direction(ROWS, BELOW * BELOW)


def test_numbers_along_one_axis_are_read_and_others_are_not() -> None:
    values = np.array([1.0, 2.0, 3.0])
    for shaped in (values, values[None]):
        given = along(shaped, ("N", 3))
        assert given is not None
        assert given.tolist() == [1.0, 2.0, 3.0]
    given = along(values[:, None], ("N", 3, "M"))
    assert given is not None
    assert given.tolist() == [1.0, 2.0, 3.0]
    assert along(values, ("N", 3, "M")) is None
    assert along(np.ones((3, 3)), ("N", 3)) is None
    assert along(values, ("N",), 1) is None
