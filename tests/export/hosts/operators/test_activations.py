"""Softmax and sigmoid say what they make; other activations leave no logits."""

import pytest
from support.hosts.one_node import first, refusal
from support.hosts.text import LOGITS


@pytest.mark.parametrize(
    ("operator", "task", "kind"),
    [("Softmax", "multiclass", "probabilities"), ("LogSoftmax", "multiclass", "log-probabilities"),
     ("Sigmoid", "multilabel", "probabilities")],
)  # fmt: skip
def test_an_activation_tells_the_task(operator: str, task: str, kind: str) -> None:
    place = first(f"{LOGITS} y = {operator}(z)")
    assert (place.tensor, place.task, place.output_kind) == ("z", task, kind)


def test_a_sigmoid_of_a_value_and_its_negative_is_one_logit() -> None:
    join = "n = Neg(z) t = Concat<axis = 1>({}) y = Sigmoid(t)"
    both = [f"z = MatMul(x, w1) {join.format(order)}" for order in ("n, z", "z, n")]
    assert [first(b, outputs="float[N, 2] y").task for b in both] == ["binary", "binary"]
    other = f"z = MatMul(x, w1) {join.format('z, z')}"
    assert first(other, outputs="float[N, 2] y").task == "multilabel"


@pytest.mark.parametrize(
    ("operator", "words"),
    [
        ("HardSigmoid", "cannot be had back"),
        ("Hardmax", "winner alone"),
        ("Tanh", "no probability"),
    ],
)
def test_other_activations_are_refused_with_the_reason(operator: str, words: str) -> None:
    assert words in refusal(f"{LOGITS} y = {operator}(z)")
