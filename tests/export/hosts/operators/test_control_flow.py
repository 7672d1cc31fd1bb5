"""Branches must mean the same; functions are read through their inputs."""

from onnx import parser
from support.hosts.one_node import refusal
from support.hosts.text import LOGITS, host

from logitconf_export.hosts.reading import read_host

BRANCH = (
    "c = ReduceMax<keepdims = 0>(x) t = Cast<to = 9>(c) y = If(t) "
    "<then_branch = g () => (float[N, 3] a) {{ a = {}(z) }}, "
    "else_branch = k () => (float[N, 3] e) {{ e = {}(z) }}>"
)


def test_branches_that_mean_the_same_have_the_logits_before_them() -> None:
    model = parser.parse_model(host(f"{LOGITS} {BRANCH.format('Softmax', 'Softmax')}"))
    assert read_host(model).candidates[0].tensor == "z"


def test_branches_that_mean_different_things_are_refused() -> None:
    reason = refusal(f"{LOGITS} {BRANCH.format('Softmax', 'Sigmoid')}")
    assert "mean different things" in reason


def test_a_function_is_read_through_its_input_and_goes_before_an_operator() -> None:
    """A function called Softmax that computes a sigmoid is one."""
    function = '<domain: "own", opset_import: ["": 17]> Softmax (a) => (b) { b = Sigmoid(a) }'
    model = parser.parse_model(host(f"{LOGITS} y = Softmax(z)"))
    assert read_host(model).candidates[0].task == "multiclass"
    shadow = parser.parse_function(function)
    shadow.domain = ""
    model.functions.append(shadow)
    place = read_host(model).candidates[0]
    assert (place.tensor, place.task) == ("z", "multilabel")
