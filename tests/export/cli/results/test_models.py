"""What is printed of a model."""

import onnx

from logitconf_export.cli.results.models import port_facts


def test_ports_are_listed_with_type_and_dims_and_without_weights() -> None:
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> '
        "host (float[N, 3] x, float[3] b) => (float[N, 3] y, double[] s) "
        "<float[3] b = {1, 2, 3}> { y = Add(x, b) s = Constant<value = double[0] {}>() }"
    )
    assert port_facts(model) == [
        ("inputs", "x float [N, 3]"),
        ("outputs", "y float [N, 3], s double []"),
    ]


def test_a_port_of_an_unknown_type_is_listed_by_its_number() -> None:
    text = '<ir_version: 8, opset_import: ["": 17]> g (float[N] x) => (float[N] y) { y = Abs(x) }'
    model = onnx.parser.parse_model(text)
    model.graph.output[0].type.tensor_type.elem_type = 99
    assert dict(port_facts(model))["outputs"] == "y type 99 [N]"
