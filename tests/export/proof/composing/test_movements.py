"""Moved classes stay the classes that they are."""

import numpy as np
import pytest

from logitconf_export.proof.composing.movements import MOVEMENTS
from logitconf_export.proof.composing.nodes import Node
from logitconf_export.proof.composing.tensors import CannotProveError, Known, Tensor
from logitconf_export.proof.exact.abstract_rows import BELOW
from logitconf_export.proof.exact.choices import Choice


def classes(n: int = 6) -> Tensor:
    members = np.empty(n, dtype=object)
    members[:] = [Choice.of(i) for i in range(n)]
    return Tensor(BELOW, np.zeros((1, 1)), ("N", n), "float32", "x", members)


def ints(*values: int) -> Known:
    return Known(np.array(values), f"{values}")


def indices(t: object) -> list[int]:
    assert isinstance(t, Tensor)
    assert t.members is not None
    return [choice.index for choice in t.members.ravel()]


def test_a_table_is_filled_row_by_row() -> None:
    (made,) = MOVEMENTS["Reshape"](Node("Reshape", (classes(), ints(0, 2, 3)), {}, 17))
    assert isinstance(made, Tensor)
    assert made.dims == ("N", 2, 3)
    assert indices(made) == list(range(6))


def test_pieces_hold_the_classes_in_their_order() -> None:
    node = Node("Split", (classes(), ints(2, 4)), {"axis": 1}, 17, 2)
    assert [indices(piece) for piece in MOVEMENTS["Split"](node)] == [[0, 1], [2, 3, 4, 5]]


def test_rows_cannot_be_mixed_with_classes() -> None:
    with pytest.raises(CannotProveError, match="mix"):
        MOVEMENTS["Reshape"](Node("Reshape", (classes(), ints(2, -1, 3)), {}, 17))


def test_joined_pieces_are_the_whole() -> None:
    pieces = MOVEMENTS["Split"](Node("Split", (classes(), ints(2, 4)), {"axis": 1}, 17, 2))
    (made,) = MOVEMENTS["Concat"](Node("Concat", tuple(pieces), {"axis": 1}, 17))
    assert indices(made) == list(range(6))
