"""What stands around a head: what it reads, and what else could pass for its decision."""

import onnx
import pytest
from onnx import helper, parser
from support import head_models, tampering

from logitconf_export.attachment.attaching import attach
from logitconf_export.heads.metadata import read_heads
from logitconf_export.verification import surroundings

SWITCHED = """
<ir_version: 8, opset_import: ["" : 17]>
host (float[N, 8] pixels, bool training) => (float[N, 5] probabilities)
{
    logits = Gemm (pixels, weight, bias)
    seen = If (training) <then_branch = t () => (float[N, 5] a) { a = Neg (logits) },
                          else_branch = e () => (float[N, 5] b) { b = Identity (logits) }>
    probabilities = Softmax <axis = 1> (seen)
}
"""


def verdicts(model: onnx.ModelProto) -> dict[str, bool | None]:
    return {c.name: c.passed for c in surroundings.checks_around(model, read_heads(model))}


def test_an_honest_host_passes_every_check() -> None:
    found = verdicts(attach(head_models.make_host(), head_models.make_head(n_classes=5)))
    assert set(found.values()) == {True}


def test_each_of_several_heads_is_judged_by_itself() -> None:
    found = verdicts(attach(tampering.two_outputs(), tampering.head(), several="each"))
    assert found[f"first: {surroundings.JUDGED}"] is True
    assert found[f"second: {surroundings.JUDGED}"] is True


def test_a_value_behind_a_switch_is_not_checked() -> None:
    host = parser.parse_model(SWITCHED)
    host.graph.initializer.extend(tampering.weights("weight", "bias"))
    model = attach(host, tampering.head(), logits="logits", kind="logits")
    found = verdicts(model)
    assert found[surroundings.JUDGED] is None
    assert False not in found.values()


def test_an_output_that_no_head_judges_is_listed() -> None:
    host = head_models.make_host()
    host.graph.node.append(helper.make_node("Tanh", ["pixels"], ["features"]))
    host.graph.output.append(
        helper.make_tensor_value_info("features", onnx.TensorProto.FLOAT, ["N", 8])
    )
    model = attach(host, head_models.make_head(n_classes=5))
    checks = surroundings.checks_around(model, read_heads(model))
    listed = [check for check in checks if check.name == surroundings.OTHERS]
    assert [check.passed for check in listed] == [None]
    assert "'features'" in listed[0].detail


def test_the_label_beside_the_probabilities_shows_the_same() -> None:
    host = head_models.make_host()
    host.graph.node.append(
        helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0)
    )
    host.graph.output.append(helper.make_tensor_value_info("label", onnx.TensorProto.INT64, ["N"]))
    found = verdicts(attach(host, head_models.make_head(n_classes=5)))
    assert surroundings.OTHERS not in found
    assert set(found.values()) == {True}


@pytest.mark.parametrize("element", [onnx.TensorProto.BOOL, onnx.TensorProto.FLOAT])
def test_a_mask_of_the_hosts_own_is_a_decoy_where_it_looks_like_one(element: int) -> None:
    """A mask of pixels does not; a bool for each row does."""
    host = head_models.make_host()
    operator = "IsNaN" if element == onnx.TensorProto.BOOL else "Identity"
    host.graph.node.append(helper.make_node(operator, ["first"], ["mask"]))
    host.graph.node.append(
        helper.make_node("ReduceMax", ["probabilities"], ["first"], axes=[1], keepdims=0)
    )
    host.graph.node.insert(2, host.graph.node.pop())
    host.graph.output.append(helper.make_tensor_value_info("mask", element, ["N"]))
    found = verdicts(attach(host, head_models.make_head(n_classes=5)))
    assert found[surroundings.NO_DECOY] is (element != onnx.TensorProto.BOOL)
