"""Heads in models that other tools have changed since."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper, parser
from support.other_tools import TOOLS, renamed, without_metadata

from logitconf import LogitconfError, LogitScore
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf_export import attach, detach, reattach
from logitconf_export.attachment.recognition import find_heads
from logitconf_export.heads.metadata import has_metadata, read_heads

ROWS = np.random.default_rng(1).normal(size=(40, 8)).astype(np.float32)
THRESHOLDS = {"softmax": -0.6, "entropy": 0.6, "energy": -2.0, "margin": -1.0}


def make_host(columns: int = 5, activation: str = "Softmax <axis = 1>") -> onnx.ModelProto:
    """A host that has numbers of a head's own: ones and zeros."""
    model = parser.parse_model(
        f"""<ir_version: 8, opset_import: ["": 17]>
        host (float[N,8] x) => (float[N,{columns}] p) <float one = {{1}}, float zero = {{0}}> {{
            h = MatMul (x, w)
            scaled = Mul (h, one)
            z = Add (scaled, zero)
            p = {activation} (z)
        }}"""
    )
    weights = np.random.default_rng(0).normal(size=(8, columns)).astype(np.float32)
    model.graph.initializer.append(numpy_helper.from_array(weights, "w"))
    return model


def make_score(
    name: str = "softmax", temperature: float = 1.7, task: str = "multiclass"
) -> LogitScore:
    score: LogitScore = SCORE_CLASSES[name](temperature, task)
    score.set_threshold(value=THRESHOLDS[name])
    return score


def run(model: onnx.ModelProto) -> dict[str, NDArray[np.float32]]:
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    # what is fused depends on who reads a value; without it equal nodes give equal bits
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    feeds = {session.get_inputs()[0].name: ROWS}
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, feeds), strict=True))


def check_detached(changed: onnx.ModelProto, hosts_outputs: int) -> None:
    before, after = run(changed), run(detach(changed))
    assert list(after) == list(before)[:hosts_outputs]
    for name, values in after.items():
        np.testing.assert_array_equal(values, before[name], strict=True)


def check_reattached(again: onnx.ModelProto, changed: onnx.ModelProto, names: list[str]) -> None:
    before, after = run(changed), run(again)
    assert list(after) == names
    for now, then in zip(after.values(), before.values(), strict=True):
        np.testing.assert_allclose(now, then, atol=1e-5)
    assert has_metadata(again)
    assert detach(again) == detach(changed)


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("name", THRESHOLDS)
@pytest.mark.parametrize("probabilities", [False, True], ids=["", "probabilities"])
def test_a_head_is_taken_off_and_put_back_after_other_tools(
    tool: str, name: str, probabilities: bool
) -> None:
    head = make_score(name).compile(n_classes=5, probabilities=probabilities)
    changed = TOOLS[tool](attach(make_host(), head))
    check_detached(changed, 1)
    check_reattached(reattach(changed), changed, [v.name for v in changed.graph.output])


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("name", THRESHOLDS)
@pytest.mark.parametrize("temperature", [1.0, 1.7])
def test_the_card_finds_the_head_that_the_model_no_longer_mentions(
    tool: str, name: str, temperature: float, tmp_path: Path
) -> None:
    score = make_score(name, temperature)
    score.card.save(tmp_path / "card.json")
    changed = without_metadata(TOOLS[tool](attach(make_host(), score.compile(n_classes=5))))
    again = reattach(changed, card=tmp_path / "card.json")
    before, after = run(changed), run(again)
    assert list(after) == list(before)
    for now, then in zip(after.values(), before.values(), strict=True):
        np.testing.assert_allclose(now, then, atol=1e-5)
    assert [head.card for head in read_heads(again).heads] == [score.card]
    if tool not in {"values renamed", "all renamed"}:
        check_detached(changed, 1)


def test_how_the_head_was_written_is_seen_in_what_is_left_of_it() -> None:
    score = make_score()
    head = score.compile(n_classes=5, precision="float64", mask_type="uint8", probabilities=True)
    model = attach(make_host(), head)
    again = reattach(without_metadata(model), card=score.card)
    assert read_heads(again) == read_heads(model)
    assert again == model


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("several", ["each", "joint"])
def test_several_heads_are_taken_off_after_other_tools(tool: str, several: str) -> None:
    host = make_host()
    host.graph.node.append(helper.make_node("Neg", ["z"], ["n"]))
    host.graph.node.append(helper.make_node("Softmax", ["n"], ["q"], axis=1))
    host.graph.output.append(helper.make_tensor_value_info("q", 1, ["N", 5]))
    model = attach(host, make_score().compile(n_classes=5), several=several)
    check_detached(TOOLS[tool](model), 2)
    check_detached(without_metadata(TOOLS["prefix before all names"](model)), 2)


def test_one_logit_a_row_is_put_back_by_its_card() -> None:
    score = make_score("margin", 1.3, "binary")
    model = attach(make_host(1, "Sigmoid"), score.compile(n_classes=1))
    again = reattach(without_metadata(model), card=score.card)
    assert again == model


def attached(probabilities: bool = False) -> onnx.ModelProto:
    return attach(make_host(), make_score().compile(n_classes=5, probabilities=probabilities))


@pytest.mark.parametrize("lost", [False, True], ids=["", "without metadata"])
def test_what_reads_the_heads_outputs_is_never_taken_off_with_it(lost: bool) -> None:
    model = attached()
    model.graph.node.append(helper.make_node("Not", ["mask"], ["rejected"]))
    model.graph.output.append(helper.make_tensor_value_info("rejected", 9, ["N"]))
    changed = without_metadata(model) if lost else model
    with pytest.raises(LogitconfError, match="rejected"):
        detach(changed)


def test_a_head_that_lost_an_output_is_refused() -> None:
    model = attached()
    del model.graph.output[1]
    with pytest.raises(LogitconfError, match=r"must have 2 outputs, but .* only \['mask'\]"):
        detach(model)


def test_metadata_without_a_head_are_refused() -> None:
    model = make_host()
    model.metadata_props.add(key="logitconf", value=attached().metadata_props[0].value)
    with pytest.raises(LogitconfError, match="none of its values"):
        detach(model)


def test_a_card_that_is_not_the_models_is_refused() -> None:
    with pytest.raises(LogitconfError, match="must be the one that the model holds"):
        reattach(attached(), card=make_score("margin").card)
    with pytest.raises(LogitconfError, match="must hold a value of the head"):
        reattach(make_host(), card=make_score().card)


def test_a_threshold_that_the_host_compares_with_too_is_no_head() -> None:
    host = make_host()
    host.graph.initializer.append(numpy_helper.from_array(np.array(-0.6, np.float32), "limit"))
    host.graph.node.append(helper.make_node("Less", ["h", "limit"], ["low"]))
    host.graph.output.append(helper.make_tensor_value_info("low", 9, ["N", 5]))
    with pytest.raises(LogitconfError, match=r"stands alone|must make a score and a mask"):
        reattach(host, card=make_score().card)


def test_a_value_of_the_host_that_has_our_name_is_no_head() -> None:
    host = renamed(make_host(), {"h": "logitconf/sum", "z": "logitconf2/score"})
    assert find_heads(host, None) is None
    assert detach(host) == host
    model = attach(host, make_score().compile(n_classes=5))
    assert detach(model) == host


def test_an_import_that_nothing_uses_is_raised_for_the_head_and_put_back() -> None:
    host = parser.parse_model(
        """<ir_version: 8, opset_import: ["ai.onnx.ml": 1, "": 1]>
        host (float[N,8] x) => (int64[N] label, float[N,3] scores) {
            label, scores = ai.onnx.ml.LinearClassifier <classlabels_ints = [0, 1, 2],
                intercepts = [0.0, 0.0, 0.0], post_transform = "NONE"> (x)
        }"""
    )
    weights = np.random.default_rng(0).normal(size=24).astype(np.float32)
    host.graph.node[0].attribute.append(helper.make_attribute("coefficients", weights))
    head = make_score().compile(n_classes=3)
    model = attach(host, head, logits="scores", kind="logits")
    imports = {entry.domain: entry.version for entry in model.opset_import}
    assert imports == {"ai.onnx.ml": 1, "": 17}
    run(model)
    assert detach(model) == host
    used = make_host()
    used.opset_import[0].version = 6
    with pytest.raises(LogitconfError, match=r"opset must be in 7\.\.26, got 6"):
        attach(used, make_score().compile(n_classes=5), logits="z", kind="logits")
