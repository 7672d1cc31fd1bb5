"""Whether a tensor leads to an output: sound hosts agree, tampered ones never do."""

import pytest
from onnx import parser
from support.hosts.bodies import BODIES, DETECTORS, TWO_HEADS
from support.hosts.classical import CLASSICAL
from support.hosts.layers import BARE, BEHIND, QUANTIZED
from support.hosts.text import ACTIVATIONS, DECOMPOSED, LAYER, LOGITS, HostCase, host

from logitconf_export.hosts.judging import Judgement, judged_by
from logitconf_export.hosts.reading import read_host

CASES = (*ACTIVATIONS, *DECOMPOSED, *BEHIND, *BARE, *QUANTIZED, *BODIES, *DETECTORS, *CLASSICAL)
SWITCH = "an If whose branches both take a softmax of the same outer value"
CERTAIN = [c for c in CASES if c.tensor is not None and c.certain and c.name != SWITCH]
MORE = (
    "float hundred = {100.0}, float three = {3.0}, bool training = {1}, float half = {0.5}, "
    "int64[5] rolled = {1, 2, 3, 4, 0}, float[3] fixed = {1.0, 2.0, 3.0}, "
    "int64[2] halves = {-1, 1}, int64[2] whole = {-1, 3}, float[1] c = {100.0}, "
    "float low = {0.0}, int64 first = {0}"
)
TWO_OUTPUTS = "float[N, 3] y, float[N, 3] t"


def judged(body: str, tensor: str, **claims: str | int) -> Judgement:
    """The judgement of one tensor for the output y of a host with further constants."""
    text = host(body, outputs=TWO_OUTPUTS, weights=f"{LAYER}, {MORE}")
    return judged_by(parser.parse_model(text), tensor, "y", **claims)  # type: ignore[arg-type]


@pytest.mark.parametrize("case", CERTAIN, ids=lambda case: case.name)
def test_every_certain_reading_agrees_with_itself(case: HostCase) -> None:
    model = case.model()
    place = read_host(model).candidates[0]
    result = judged_by(
        model, place.tensor, place.output, kind=place.kind, task=place.task,
        class_axis=place.class_axis,
    )  # fmt: skip
    assert (result.verdict, result.kind) == ("agrees", place.kind), result


def test_a_switch_between_is_not_judged() -> None:
    case = next(c for c in CASES if c.name == SWITCH)
    result = judged_by(case.model(), "z", "y")
    assert (result.verdict, result.kind) == ("uncertain", "logits")
    assert "an If lies between" in result.reason


@pytest.mark.parametrize(
    ("body", "tensor", "kind"),
    [
        ("y = Softmax(z) t = Identity(z)", "z", "logits"),
        ("y = Softmax(z) t = Identity(z)", "t", "logits"),
        ("y = Softmax(z) t = Identity(z)", "y", "probabilities"),
        ("p = Softmax(z) y = Log(p) t = Identity(z)", "p", "probabilities"),
        ("p = Softmax(z) y = Log(p) t = Identity(z)", "y", "log-probabilities"),
        ("y = Sigmoid(z) t = Identity(z)", "z", "logits"),
        ("d = Dropout(z) y = Softmax(d) t = Identity(z)", "z", "logits"),
        ("d = Dropout(z) y = Softmax(z) t = Identity(z)", "d", "logits"),
        ("q = Transpose(z) y = Softmax(z) t = Identity(z)", "q", "logits"),
        ("i = ArgMax<axis = 1>(z) y = Cast<to = 1>(i) t = Identity(z)", "z", "logits"),
    ],
)
def test_a_tensor_that_leads_to_the_output_agrees(body: str, tensor: str, kind: str) -> None:
    result = judged(f"{LOGITS} {body}", tensor)
    assert (result.verdict, result.kind) == ("agrees", kind), result


def test_the_class_axis_follows_a_transposition() -> None:
    body = f"{LOGITS} q = Transpose(z) y = Softmax(z) t = Identity(z)"
    assert judged(body, "q").class_axis == 0
    assert judged(body, "q", class_axis=1).verdict == "contradicts"


@pytest.mark.parametrize(
    ("body", "tensor", "words"),
    [
        ("y = Softmax(z) t = Mul(z, hundred)", "t", "does not lead to 'y'"),
        ("y = Softmax(z) t = Softmax(h)", "h", "'z', made of 'h' by more than moves"),
        ("y = Softmax(z) t = Identity(z)", "x", "by more than moves"),
        ("y = Softmax(z) t = Gather<axis = 0>(z, rolled)", "t", "does not lead"),
        ("t = Gather<axis = 0>(z, rolled) y = Softmax(t)", "z", "'t', made of 'z' by more"),
        ("p = Softmax(z) y = Gather<axis = 0>(p, rolled) t = Identity(z)", "z", "by more than"),
        ("y = Softmax(z) t = Add(h, z)", "t", "does not lead"),
        ("y = Softmax(z) t = Identity(fixed)", "t", "is a constant"),
        ("y = Softmax(z) t = Identity(z)", "fixed", "is a constant"),
        ("y = Softmax(z) t = Identity(z)", "gone", "has no value 'gone'"),
        ("y = Softmax(z) t = Dropout(z, half, training)", "t", "does not lead"),
        ("y = Softmax(z) r = RandomNormalLike(z) t = Add(z, r)", "t", "does not lead"),
        (
            "y = Softmax(z) s = Shape(x) n = Gather(s, first) m = Cast<to = 9>(n) "
            "u = Mul(z, hundred) t = Where(m, u, z)", "t", "does not lead",
        ),
        ("y = Softmax(z) m = Less(z, unit) f = Cast<to = 1>(m) t = Sub(z, f)", "t", "not lead"),
        ("y = Softmax(z) t = Softmax(y)", "t", "does not lead"),
        ("y = Softmax(z) e = Exp(z) t = Log(e)", "e", "does not lead"),
        ("e = Exp(z) y = Softmax(z) t = Identity(e)", "t", "does not lead"),
        ("u = Relu(x) h2 = MatMul(u, w) y = Softmax(h2) t = Identity(z)", "z", "does not lead"),
        ("d = Dropout(z, half, training) y = Softmax(d) t = Identity(z)", "z", "by more than"),
        (
            "r = RandomNormalLike(z) p = Softmax(z) y = Clip(p, low, unit) t = Identity(r)", "r",
            "does not lead",
        ),
    ],
)  # fmt: skip
def test_a_tampered_tensor_contradicts(body: str, tensor: str, words: str) -> None:
    result = judged(f"{LOGITS} {body}", tensor)
    assert result.verdict == "contradicts", result
    assert words in result.reason


def test_the_outputs_of_two_heads_swapped_contradict() -> None:
    model = parser.parse_model(TWO_HEADS)
    places = read_host(model).candidates
    assert [judged_by(model, c.tensor, c.output).verdict for c in places] == ["agrees"] * 2
    swapped = zip(places, reversed(places), strict=True)
    results = [judged_by(model, one.tensor, other.output) for one, other in swapped]
    assert [result.verdict for result in results] == ["contradicts"] * 2


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        ({"kind": "probabilities"}, "'z' holds logits, not probabilities"),
        ({"task": "multilabel"}, "cannot be multilabel: its columns are classes that compete"),
        ({"task": "binary"}, "cannot be binary"),
        ({"class_axis": 0}, "on axis 1, not 0"),
    ],
)
def test_a_claim_against_the_graph_contradicts(claim: dict[str, str | int], words: str) -> None:
    result = judged(f"{LOGITS} y = Softmax(z) t = Identity(z)", "z", **claim)
    assert result.verdict == "contradicts"
    assert words in result.reason


def test_probabilities_called_logits_contradict() -> None:
    body = f"{LOGITS} y = Softmax(z) t = Identity(z)"
    assert judged(body, "y", kind="probabilities").verdict == "agrees"
    result = judged(body, "y", kind="logits")
    assert (result.verdict, "holds probabilities, not logits" in result.reason) == (
        "contradicts", True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "tensor", "words"),
    [
        ("u = Div(z, hundred) y = Softmax(u) t = Identity(z)", "z", "scaling with a constant"),
        ("y = HardSigmoid(z) t = Identity(z)", "z", "cannot be read"),
        ("s = ReduceMax(x) p = Softmax(z) y = Clip(p, low, s) t = Identity(z)", "z", "'s', which"),
        (
            "s = Shape(x) n = Gather(s, first) f = Cast<to = 1>(n) p = Softmax(z) "
            "y = Clip(p, low, f) t = Identity(z)", "z", "the size of the batch",
        ),
        ("v = RandomNormalLike(x) k = Add(x, v) m = MatMul(k, w) y = Softmax(m) t = Identity(z)",
         "m", "what is before it is random: it has a RandomNormalLike"),
        ("k = Dropout(x, half, training) m = MatMul(k, w) y = Softmax(m) t = Identity(z)",
         "m", "Dropout in training mode"),
    ],
)  # fmt: skip
def test_what_the_graph_cannot_tell_is_uncertain(body: str, tensor: str, words: str) -> None:
    result = judged(f"{LOGITS} {body}", tensor)
    assert result.verdict == "uncertain", result
    assert words in result.reason


def test_randomness_between_contradicts() -> None:
    body = "r = RandomNormal<shape = [1]>() p = Softmax(z) y = Clip(p, low, r) t = Identity(z)"
    result = judged(f"{LOGITS} {body}", "z")
    assert (result.verdict, "which is random" in result.reason) == ("contradicts", True), result


def test_an_output_that_is_not_there_contradicts() -> None:
    model = parser.parse_model(host(f"{LOGITS} y = Softmax(z)"))
    assert "no output 'nope'" in judged_by(model, "z", "nope").reason


@pytest.mark.parametrize("domain", ["", "ai.onnx"])
def test_a_function_that_bears_the_name_of_a_copy_is_none(domain: str) -> None:
    """Identity of the model's own multiplies by 100."""
    text = host(f"{LOGITS} y = Softmax(z) t = Identity(z)", outputs=TWO_OUTPUTS)
    model = parser.parse_model(text)
    assert judged_by(model, "t", "y").verdict == "agrees"
    shadow = parser.parse_function(
        f'<domain: "{domain or "own"}", opset_import: ["": 17]> Identity (a) => (b) '
        "{ c = Constant<value_float = 100.0>() b = Mul(a, c) }"
    )
    shadow.domain = domain
    model.functions.append(shadow)
    assert judged_by(model, "t", "y").verdict == "contradicts"
    assert judged_by(model, "z", "y").verdict == "agrees"


def test_rows_that_change_places_with_positions_are_uncertain() -> None:
    text = host(
        "z = MatMul(x, w) y = Softmax(z) t = Reshape(z, shape)",
        inputs="float[2, 5, 4] x", outputs="float[2, 5, 3] y, float[5, 2, 3] t",
        weights=f"{LAYER}, int64[3] shape = {{5, 2, 3}}",
    )  # fmt: skip
    result = judged_by(parser.parse_model(text), "t", "y")
    assert (result.verdict, result.reason) == ("uncertain", "its rows cannot be followed")
