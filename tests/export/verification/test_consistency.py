"""Card, initializers and graph agree, or the first difference is said."""

import re

import onnx
import pytest
from support import faults, head_cases, head_models

from logitconf.card.score_card import HeadForm
from logitconf_export.attachment.attaching import attach
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.heads.in_file import head_in
from logitconf_export.verification.consistency import (
    graph_disagreements,
    initializer_disagreements,
    rebuilt_head,
)


def _graph(model: onnx.ModelProto, dtype: str = "float32") -> tuple[str, ...]:
    found = head_in(model)
    return graph_disagreements(found, rebuilt_head(found), dtype)


@pytest.mark.parametrize("opset", [7, 11, 17, 20])
@pytest.mark.parametrize("score", head_cases.SCORES)
def test_a_file_agrees_with_itself_at_every_opset(score: str, opset: int) -> None:
    model = to_onnx(head_models.make_head(score), opset=opset)
    assert _graph(model) == ()
    assert initializer_disagreements(head_in(model)) == ()


def test_names_do_not_matter() -> None:
    model = to_onnx(head_models.make_head())
    for node in model.graph.node:
        node.name = f"renamed/{node.name}"
        node.input[:] = [f"{n}_" if n == "logitconf/sum" else n for n in node.input]
        node.output[:] = [f"{n}_" if n == "logitconf/sum" else n for n in node.output]
    assert _graph(model) == ()


def test_a_host_that_already_has_such_names_gets_a_prefix_that_is_followed() -> None:
    host = head_models.make_host()
    host.graph.node[1].name = "logitconf/max"
    assert _graph(attach(host, head_models.make_head(n_classes=5))) == ()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("mean for sum", r"comes from ReduceMean\(axes=\[1\], keepdims=0\), expected ReduceSum"),
        ("axis of the maximum wrong", r"ReduceMax\(axes=\[0\], keepdims=1\)"),
        ("comparison swapped", "'logitconf/threshold' stands where 'score' belongs"),
        ("temperature multiplied", "is read, expected the opposite"),
        ("temperature used as threshold", "is read where 'logitconf/threshold' belongs"),
        ("mask inverted", r"comes from Not\(\), expected And\(\)"),
    ],
)
def test_the_first_difference_is_said(fault: str, message: str) -> None:
    model = to_onnx(head_models.make_head())
    faults.GRAPH_FAULTS[fault](model)
    (difference,) = _graph(model)
    assert re.search(message, difference), difference


def test_another_constant_is_a_difference() -> None:
    model = to_onnx(head_models.make_head("entropy"))
    faults._set("logitconf/-1e+30", lambda value: value / 2)(model)
    assert "constant 'logitconf/-1e+30' is" in _graph(model)[0]


def test_an_initializer_that_is_gone_is_named() -> None:
    model = to_onnx(head_models.make_head())
    tensor = next(t for t in model.graph.initializer if t.name == "logitconf/threshold")
    model.graph.initializer.remove(tensor)
    assert initializer_disagreements(head_in(model)) == (
        "the graph has no initializer 'logitconf/threshold'",
    )


def test_the_dtype_that_is_read_matters() -> None:
    model = to_onnx(head_models.make_head(), logits_dtype="float16")
    assert _graph(model, "float16") == ()
    assert _graph(model, "float32") != ()


def test_another_form_is_a_difference() -> None:
    model = to_onnx(head_models.make_head(form=HeadForm(10, mask_type="uint8")))
    faults._card("head", mask_type="bool")(model)
    assert "comes from Cast" in _graph(model)[0]


def test_an_optional_input_that_is_left_out_is_a_difference() -> None:
    head = head_models.make_head("learned", "binary", 1)
    model = to_onnx(head)
    assert graph_disagreements(head_in(model), head, "float32") == ()
    clip = next(node for node in model.graph.node if node.op_type == "Clip")
    clip.input[1] = ""
    wrong = graph_disagreements(head_in(model), head, "float32")
    assert any("belongs" in difference or "no initializer" in difference for difference in wrong)
