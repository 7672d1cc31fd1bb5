"""What a softmax and a sigmoid mean, whatever they are written with."""

import pytest
from onnx import parser
from support.hosts.text import LOGITS, host

from logitconf_export.hosts.graph.indexing import index_model
from logitconf_export.hosts.graph.scope import Scope
from logitconf_export.hosts.meanings import bernoulli, categorical
from logitconf_export.hosts.operators.table import OPERATORS
from logitconf_export.hosts.reader import Reading, Unread


def scope_of(body: str, inputs: str = "float[N, 4] x") -> Scope:
    return index_model(parser.parse_model(host(body, inputs=inputs)), OPERATORS)


@pytest.mark.parametrize(
    ("body", "name", "axis", "words"),
    [
        ("y = MatMul(x, w1)", "y", 1, "one column, which is always 1.0"),
        (f"{LOGITS} y = Neg(z)", "z", 0, "axis 0 of two, which is the batch"),
        (f"{LOGITS} y = Neg(z)", "z", 2, "axis 2 of 2 axes"),
    ],
)
def test_a_softmax_without_classes_is_refused(body: str, name: str, axis: int, words: str) -> None:
    result = categorical(scope_of(body), name, axis, kind="probabilities", reason="it")
    assert isinstance(result, Unread)
    assert words in result.reason


def test_classes_on_another_axis_than_the_layer_has_are_doubted() -> None:
    scope = scope_of("h = MatMul(x, w) y = Neg(h)", "float[N, 6, 4] x")
    results = [categorical(scope, "h", a, kind="probabilities", reason="it") for a in (1, 2)]
    assert [isinstance(r, Reading) and r.certain for r in results] == [False, True]


def test_a_sigmoid_has_the_labels_of_the_layer_before_it() -> None:
    reading = bernoulli(scope_of(f"{LOGITS} y = Neg(z)"), "z", kind="probabilities", reason="it")
    assert (reading.family, reading.axis, reading.n_classes) == ("bernoulli", 1, 3)
    lone = bernoulli(scope_of("y = Neg(x)", "float[N] x"), "x", kind="probabilities", reason="it")
    assert (lone.axis, lone.n_classes) == (1, 1)


def test_what_is_a_probability_already_is_doubted() -> None:
    scope = scope_of(f"{LOGITS} p = Softmax(z) y = Neg(p)")
    result = categorical(scope, "p", 1, kind="probabilities", reason="it")
    assert isinstance(result, Reading)
    assert (result.certain, "a Softmax already" in result.reason) == (False, True)
