"""Axes come from attributes or inputs, as the opset has it."""

import numpy as np
import pytest

from logitconf_export.proof.composing.nodes import Node, known
from logitconf_export.proof.composing.tensors import CannotProveError, Known


def test_axes_are_counted_from_the_front() -> None:
    axes = Known(np.array([-1]), "axes")
    assert Node("ReduceSum", (None, axes), {}, 17).axes(2) == (1,)
    assert Node("ReduceMax", (None,), {"axes": [1]}, 13).axes(2) == (1,)
    assert Node("ReduceMax", (None,), {}, 17).axes(2) is None


def test_a_shape_that_depends_on_rows_stops_it() -> None:
    with pytest.raises(CannotProveError):
        known(None)
