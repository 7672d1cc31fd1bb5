"""Declared shapes of the place of a head: a wrong number of axes is told, none is none."""

import onnx
from support import head_models

from logitconf_export.attachment.declarations import declared_dims, misdeclared
from logitconf_export.hosts.reading import read_host


def host_with(*dims: str | int) -> onnx.ModelProto:
    """The host with its logits declared so."""
    host = head_models.make_host()
    value = onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, dims)
    host.graph.value_info.append(value)
    return host


def test_a_place_that_is_declared_with_other_axes_is_told() -> None:
    (place,) = read_host(head_models.make_host()).candidates
    assert misdeclared(head_models.make_host().graph, place) is None
    assert misdeclared(host_with("N", 5).graph, place) is None
    words = misdeclared(host_with("N", 5, 1).graph, place)
    assert words is not None
    assert "'logits' has 2 axes but is declared with 3" in words


def test_dims_are_those_of_inner_values_outputs_and_inputs() -> None:
    graph = host_with("batch", 5).graph
    found = {name: declared_dims(graph, name) for name in ("logits", "probabilities", "pixels")}
    sizes = {name: [d.dim_param or d.dim_value for d in dims or ()] for name, dims in found.items()}
    assert sizes == {"logits": ["batch", 5], "probabilities": ["N", 5], "pixels": ["N", 8]}
    assert declared_dims(graph, "nothing") is None
