"""Shape operands, and windows against the reference evaluator."""

from typing import Any, cast

import numpy as np
import pytest
from onnx import parser
from onnx.reference import ReferenceEvaluator

from logitconf_export.hosts.graph.indexing import index_model
from logitconf_export.hosts.graph.shapes import wanted_sizes, window_sizes
from logitconf_export.hosts.operators.table import OPERATORS


def test_sizes_computed_while_running_are_counted_and_constants_are_read() -> None:
    model = parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> agraph (float[N, 4] x) => (float[N, 2, 2] y) '
        "<int64[1] zero = {0}, int64[1] two = {2}> { s = Shape(x) n = Gather(s, zero) "
        "w = Concat<axis = 0>(n, two, two) y = Reshape(x, w) }"
    )
    scope = index_model(model, OPERATORS)
    assert wanted_sizes(scope, "w") == [None, 2, 2]
    assert wanted_sizes(scope, "two") == [2]
    assert wanted_sizes(scope, "s") == [None, None]


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("pads", [(0, 0), (1, 0), (2, 1)])
@pytest.mark.parametrize("dilation", [1, 2])
def test_windows_are_as_many_as_the_evaluator_makes(
    stride: int, pads: tuple[int, int], dilation: int
) -> None:
    model = parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> agraph (float[1, 1, 9] x) => (float[] y) '
        f"<float[1, 1, 3] k = {{1, 2, 3}}> {{ y = Conv<strides = [{stride}], "
        f"pads = [{pads[0]}, {pads[1]}], dilations = [{dilation}]>(x, k) }}"
    )
    x = np.ones((1, 1, 9), np.float32)
    (y,) = cast("list[Any]", ReferenceEvaluator(model).run(None, {"x": x}))
    scope = index_model(model, OPERATORS)
    assert window_sizes(scope, scope.producers["y"], (9,), (3,)) == y.shape[2:]
