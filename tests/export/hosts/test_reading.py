"""Readings of hosts written as text, and their check by running."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import parser
from support.hosts.bodies import (
    BODIES,
    DETECTORS,
    LOGITS_AND_SOFTMAX,
    RECURRENT,
    TWO_HEADS,
)
from support.hosts.classical import CLASSICAL
from support.hosts.layers import BARE, BEHIND, QUANTIZED
from support.hosts.text import ACTIVATIONS, DECOMPOSED, LAYER, LOGITS, HostCase, host
from support.refuted_readings import refute

from logitconf_export.hosts.reading import read_host

CASES = (*ACTIVATIONS, *DECOMPOSED, *BEHIND, *BARE, *QUANTIZED, *BODIES, *DETECTORS, *CLASSICAL)
FLOAT32_TOLERANCE = 2e-6
"""Some ulps of float32 at 1, for a softmax in float64 against onnxruntime's in float32."""


def run_host(
    model: onnx.ModelProto, names: list[str], feeds: Mapping[str, NDArray[Any]]
) -> list[NDArray[Any]]:
    """Values of a host, by name, from onnxruntime without fusions."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    known = {value.name for value in copy.graph.output}
    for name in names:
        if name not in known:
            copy.graph.output.add(name=name)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        copy.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return [np.asarray(value) for value in session.run(names, dict(feeds))]


def softmax_of(values: NDArray[Any], axis: int) -> NDArray[np.float64]:
    """exp(x) over its sum, in float64."""
    shifted = values.astype(np.float64)
    powers = np.exp(shifted - shifted.max(axis=axis, keepdims=True))
    return np.asarray(powers / powers.sum(axis=axis, keepdims=True))


def expected_output(relation: str, values: NDArray[Any], axis: int) -> NDArray[np.float64]:
    """What the host's output must be if the tensor holds what the reading says."""
    if relation == "softmax":
        return softmax_of(values, axis)
    if relation == "log-softmax":
        return np.log(softmax_of(values, axis))
    if relation == "sigmoid":
        return np.asarray(1 / (1 + np.exp(-values.astype(np.float64))))
    return values.astype(np.float64)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_host_is_read_as_its_graph_says(case: HostCase) -> None:
    reading = read_host(case.model())
    if case.tensor is None:
        assert reading.candidates == ()
        assert case.refusal in reading.refused[0].reason
        return
    found = reading.candidates[0]
    assert (found.tensor, found.kind, found.task) == (case.tensor, case.kind, case.task)
    assert (found.n_classes, found.class_axis) == (case.n_classes, case.class_axis)
    assert (found.certain, found.per_position) == (case.certain, case.per_position)


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.relation != "none" and c.tensor], ids=lambda case: case.name
)
def test_the_output_follows_from_the_tapped_tensor(case: HostCase) -> None:
    model = case.model()
    found = read_host(model).candidates[0]
    rng = np.random.default_rng(7)
    feeds = {"x": rng.normal(size=case.shape).astype(np.float32)}
    tapped, output = run_host(model, [found.tensor, found.output], feeds)
    expected = expected_output(case.relation, tapped, found.class_axis)
    assert expected.size == output.size > 0
    np.testing.assert_allclose(
        output.astype(np.float64).reshape(expected.shape), expected, atol=FLOAT32_TOLERANCE, rtol=0
    )


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.relation != "none" and c.tensor], ids=lambda case: case.name
)
def test_rows_do_not_contradict_a_certain_reading(case: HostCase) -> None:
    model = case.model()
    reading = read_host(model)
    feeds = {"x": np.random.default_rng(8).normal(size=case.shape).astype(np.float32)}
    kept = refute(model, reading, feeds).candidates
    assert [c for c in reading.candidates if c.certain] == [c for c in kept if c.certain]


def test_the_check_by_running_fails_for_a_wrong_axis() -> None:
    """The helper above must be able to fail."""
    values = np.asarray([[1.0, 2.0], [3.0, 5.0]])
    assert not np.allclose(softmax_of(values, 1), expected_output("softmax", values, 0))
    assert not np.allclose(softmax_of(values, 1), expected_output("sigmoid", values, 1))


def test_logits_shown_beside_their_softmax_are_one_candidate() -> None:
    reading = read_host(parser.parse_model(LOGITS_AND_SOFTMAX))
    assert [c.tensor for c in reading.candidates] == ["z"]
    assert reading.candidates[0].outputs == ("y", "z")
    assert reading.candidates[0].task == "multiclass"


def test_two_heads_are_two_candidates_and_none_is_chosen() -> None:
    reading = read_host(parser.parse_model(TWO_HEADS))
    assert [c.tensor for c in reading.candidates] == ["z", "t"]
    assert reading.chosen is None


def test_an_output_shaped_like_an_input_may_be_a_state_and_is_not_chosen() -> None:
    reading = read_host(parser.parse_model(RECURRENT))
    assert [(c.tensor, c.certain) for c in reading.candidates] == [("z", True), ("next", False)]
    assert "shape of the input 'state'" in reading.candidates[1].reason
    assert reading.chosen == reading.candidates[0]


def test_a_quantised_place_is_marked() -> None:
    marked = {c.name: read_host(c.model()).candidates[0].quantized for c in QUANTIZED[:3]}
    assert marked["softmax between quantisation nodes (QDQ)"]


def test_time_and_batch_axes_are_told_apart_by_the_name_of_the_batch() -> None:
    case = next(c for c in BEHIND if c.name == "time before batch, as CTC has it")
    found = read_host(case.model()).candidates[0]
    assert (found.batch_axis, found.position_axes) == (1, (0,))


def test_a_declared_rank_that_is_wrong_is_noted() -> None:
    case = next(c for c in BEHIND if c.name == "a declared output rank that is wrong")
    assert any("declared with 2 axes but has 3" in n for n in read_host(case.model()).notes)


def test_two_different_opset_imports_are_noted() -> None:
    case = next(c for c in BEHIND if c.name.startswith("the opset imported twice"))
    assert any("imported 2 times" in note for note in read_host(case.model()).notes)


def test_reading_leaves_the_model_as_it_was() -> None:
    for case in CASES:
        model = case.model()
        before = model.SerializeToString(deterministic=True)
        read_host(model)
        assert model.SerializeToString(deterministic=True) == before


def test_a_layer_that_other_logits_are_made_of_may_be_an_embedding() -> None:
    text = host(
        "e = MatMul(x, w) r = Relu(e) z = MatMul(r, v) y = Softmax(z)",
        outputs="float[N, 3] e, float[N, 2] y",
        weights=f"{LAYER}, float[3, 2] v = {{0.5, -1.0, 2.0, 1.5, 0.25, -0.75}}",
    )
    features, classes = read_host(parser.parse_model(text)).candidates
    assert (features.tensor, features.certain, classes.certain) == ("e", False, True)
    assert "'z' is made of it" in features.reason


def test_logits_and_what_an_activation_makes_of_them_are_no_embedding() -> None:
    reading = read_host(parser.parse_model(LOGITS_AND_SOFTMAX))
    assert reading.candidates[0].certain


@pytest.mark.parametrize(
    ("low", "high", "certain"),
    [(1e-7, 1.0, True), (0.0, 1.0, True), (0.2, 1.0, False), (0.0, 0.9, False), (0.4, 0.6, False)],
)
def test_a_clip_that_takes_off_more_than_zeros_is_not_certain(
    low: float, high: float, certain: bool
) -> None:
    text = host(
        f"{LOGITS} p = Softmax(z) y = Clip(p, low, high)",
        weights=f"{LAYER}, float low = {{{low}}}, float high = {{{high}}}",
    )
    assert read_host(parser.parse_model(text)).candidates[0].certain is certain


def test_a_clip_to_computed_bounds_is_not_certain() -> None:
    body = f"{LOGITS} p = Softmax(z) m = ReduceMax<keepdims = 0>(x) y = Clip(p, m)"
    found = read_host(parser.parse_model(host(body))).candidates[0]
    assert (found.tensor, found.certain) == ("z", False)
