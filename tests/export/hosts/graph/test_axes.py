"""An axis followed through an operator is where the reference evaluator puts its slices."""

from typing import Any, cast

import numpy as np
import pytest
from onnx import parser
from onnx.reference import ReferenceEvaluator

from logitconf_export.hosts.graph.axes import axis_after
from logitconf_export.hosts.graph.indexing import index_model
from logitconf_export.hosts.operators.table import OPERATORS

SHAPE = (2, 3, 1, 5)


def moved(
    body: str, shape: tuple[int, ...], weights: str = "", opset: int = 17
) -> list[int | None]:
    """Where the reader says that each input axis goes; checked against the values themselves."""
    dims = ", ".join(map(str, shape))
    model = parser.parse_model(
        f'<ir_version: 8, opset_import: ["": {opset}]> agraph (float[{dims}] x) => (float[] y) '
        f"<float unused = {{0.0}} {weights}> {{ {body} }}"
    )
    scope = index_model(model, OPERATORS)
    node = scope.producers["y"]
    x = np.random.default_rng(1).permutation(int(np.prod(shape))).reshape(shape)
    (y,) = cast("list[Any]", ReferenceEvaluator(model).run(None, {"x": x.astype(np.float32)}))
    places = [axis_after(scope, node, axis) for axis in range(len(shape))]
    for axis, place in enumerate(places):
        if place is None:
            continue
        assert x.shape[axis] == y.shape[place]
        for index in range(x.shape[axis]):
            before = set(np.take(x, index, axis).ravel().astype(float))
            after = set(np.take(y, index, place).ravel().astype(float))
            # A reduction leaves some of a slice's values, the others leave all of them.
            assert after <= before
    return places


@pytest.mark.parametrize(
    ("body", "weights", "expected"),
    [
        ("y = Transpose<perm = [0, 3, 1, 2]>(x)", "", [0, 2, 3, 1]),
        ("y = Transpose(x)", "", [3, 2, 1, 0]),
        ("y = Squeeze(x, a)", ", int64[1] a = {2}", [0, 1, None, 2]),
        ("y = Squeeze(x, a)", ", int64[1] a = {-2}", [0, 1, None, 2]),
        ("y = Squeeze(x)", "", [0, 1, None, 2]),
        ("y = Unsqueeze(x, a)", ", int64[2] a = {0, 3}", [1, 2, 4, 5]),
        ("y = Unsqueeze(x, a)", ", int64[1] a = {-1}", [0, 1, 2, 3]),
        ("y = Flatten<axis = 1>(x)", "", [0, None, None, None]),
        ("y = Flatten<axis = 3>(x)", "", [None, None, None, 1]),
        ("y = Reshape(x, s)", ", int64[3] s = {2, 3, 5}", [0, 1, None, 2]),
        ("y = Reshape(x, s)", ", int64[3] s = {0, -1, 5}", [0, 1, None, 2]),
        ("y = Reshape(x, s)", ", int64[2] s = {6, 5}", [None, None, None, 1]),
        ("y = Reshape(x, s)", ", int64[5] s = {1, 2, 3, 5, 1}", [1, 2, None, 3]),
        ("y = ReduceMax<axes = [2], keepdims = 0>(x)", "", [0, 1, None, 2]),
        ("y = ReduceMax<axes = [-1], keepdims = 1>(x)", "", [0, 1, 2, None]),
        ("y = GlobalMaxPool(x)", "", [0, 1, None, None]),
        ("y = Gather<axis = 1>(x, i)", ", int64 i = {2}", [0, None, 1, 2]),
        ("y = Gather<axis = 1>(x, i)", ", int64[2] i = {2, 0}", [0, None, 2, 3]),
        ("y = Relu(x)", "", [0, 1, 2, 3]),
    ],
)
def test_an_axis_is_where_its_slices_are(
    body: str, weights: str, expected: list[int | None]
) -> None:
    assert moved(body, SHAPE, weights) == expected


def test_squeeze_of_opset_11_keeps_its_axes_in_an_attribute() -> None:
    assert moved("y = Squeeze<axes = [2]>(x)", SHAPE, opset=11) == [0, 1, None, 2]


def test_a_reshape_that_could_be_a_transposition_is_not_followed() -> None:
    """(2, 2) to (4, 1): neither axis survives."""
    assert moved("y = Reshape(x, s)", (2, 2), ", int64[2] s = {4, 1}") == [None, None]


@pytest.mark.parametrize("target", [(2, 3, 4), (4, 6), (3, 8), (24,), (2, 12), (1, 4, 6, 1)])
def test_any_reshape_is_followed_rightly_or_not_at_all(target: tuple[int, ...]) -> None:
    sizes = ", ".join(map(str, target))
    moved("y = Reshape(x, s)", (4, 6), f", int64[{len(target)}] s = {{{sizes}}}")
    moved("y = Reshape(x, s)", (2, 3, 4), f", int64[{len(target)}] s = {{{sizes}}}")


@pytest.mark.parametrize(
    ("target", "place"),
    [((3, -1), None), ((-1, 3), 1), ((0, -1), 1), ((-1, 3, 1), 1), ((1, -1, 3), 2)],
)
def test_an_axis_of_unknown_size_is_followed_only_where_it_must_be_the_same(
    target: tuple[int, ...], place: int | None
) -> None:
    """Rows of a free number: (3, -1) mixes them, unless there happen to be three."""
    sizes = ", ".join(map(str, target))
    model = parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> agraph (float[?, 3] x) => (float[] y) '
        f"<int64[{len(target)}] s = {{{sizes}}}> {{ y = Reshape(x, s) }}"
    )
    model.graph.output[0].type.tensor_type.ClearField("shape")
    scope = index_model(model, OPERATORS)
    assert axis_after(scope, scope.producers["y"], 1) == place
