"""The layer that a value comes from."""

import pytest
from onnx import parser
from support.hosts.text import LAYER, LOGITS, host

from logitconf_export.hosts.graph.indexing import index_model
from logitconf_export.hosts.linear_layers import LinearSource, linear_source
from logitconf_export.hosts.operators.table import OPERATORS


def source_of(body: str, weights: str = LAYER) -> LinearSource | None:
    return linear_source(
        index_model(parser.parse_model(host(body, weights=weights)), OPERATORS), "y"
    )


@pytest.mark.parametrize(
    ("body", "axis", "n_classes", "exact"),
    [
        ("y = MatMul(x, w)", 1, 3, True),
        (f"{LOGITS} y = Transpose(z)", 0, 3, True),
        (f"{LOGITS} y = Div(z, unit)", 1, 3, True),
        (f"{LOGITS} y = Relu(z)", 1, 3, False),
        (f"{LOGITS} y = Gather<axis = 0>(z, zero)", 1, None, True),
        ("a = MatMul(x, w) c = Add(x, x) d = MatMul(c, w) y = Add(a, d)", 1, 3, True),
    ],
)
def test_a_layer_is_found_with_its_axis(
    body: str, axis: int, n_classes: int | None, exact: bool
) -> None:
    source = source_of(body)
    assert source is not None
    assert (source.axis, source.n_classes, source.exact) == (axis, n_classes, exact)


@pytest.mark.parametrize(
    "body",
    ["y = Tanh(x)", f"{LOGITS} y = Div(unit, z)", f"{LOGITS} y = Sub(unit, z)",
     f"{LOGITS} y = Mul(z, h)", f"{LOGITS} k = Relu(x) m = MatMul(k, w) n = Relu(m) y = Add(z, n)",
     f"{LOGITS} i = Cast<to = 7>(z) y = Cast<to = 1>(i)", "y = MatMul(x, x)"],
)  # fmt: skip
def test_what_turns_the_order_around_or_mixes_is_no_layer(body: str) -> None:
    assert source_of(body) is None
