from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper, parser
from support.head_cases import SCORES, head_for

from logitconf import LogitconfError
from logitconf.calibration.maps.calibration_map import CalibrationMap
from logitconf.card.score_card import ScoreCard
from logitconf.errors import LogitconfWarning
from logitconf_export.attachment.attaching import attach
from logitconf_export.attachment.detaching import detach, head_nodes
from logitconf_export.attachment.retuning import retune
from logitconf_export.heads.metadata import read_metadata

# softmax and exp of two libraries, once each
CLOSE = 1e-5


def host(
    body: str, *, inputs: str = "float[N,4] x", outputs: str, opset: int = 13, ir: int = 8
) -> onnx.ModelProto:
    model = parser.parse_model(
        f'<ir_version: {ir}, opset_import: ["" : {opset}]> agraph ({inputs}) => ({outputs}) '
        f"{{ {body} }}"
    )
    weights = np.random.default_rng(5).normal(0, 2, (4, 5)).astype(np.float32)
    model.graph.initializer.append(numpy_helper.from_array(weights, "w"))
    return model


def softmax_host(*, opset: int = 13, ir: int = 8) -> onnx.ModelProto:
    body = "z = MatMul (x, w)\n y = Softmax <axis = 1> (z)"
    return host(body, outputs="float[N,5] y", opset=opset, ir=ir)


ROWS = np.random.default_rng(6).normal(0, 1, (50, 4)).astype(np.float32)


def run(model: onnx.ModelProto, names: list[str] | None = None) -> list[Any]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    found: list[Any] = session.run(names, {"x": ROWS})
    return found


@pytest.mark.parametrize("score", SCORES)
def test_the_attached_score_is_that_of_the_hosts_logits(score: str) -> None:
    model = softmax_host()
    head = head_for(score)
    attached = attach(model, head)
    weights = numpy_helper.to_array(model.graph.initializer[0])
    import torch

    expected = head(torch.from_numpy(ROWS @ weights))
    y, found, mask = run(attached)
    np.testing.assert_array_equal(y, run(model)[0])
    np.testing.assert_allclose(found, expected[0].numpy(), rtol=CLOSE, atol=CLOSE / 10)
    np.testing.assert_array_equal(mask, expected[1].numpy())


def test_the_host_stays_as_it_was() -> None:
    model = softmax_host()
    before = model.SerializeToString(deterministic=True)
    attached = attach(model, head_for("energy"))
    assert model.SerializeToString(deterministic=True) == before
    count = len(model.graph.node)
    assert list(attached.graph.node)[:count] == list(model.graph.node)
    assert attached.graph.initializer[0] == model.graph.initializer[0]
    assert attached.graph.output[0] == model.graph.output[0]
    assert attached.opset_import == model.opset_import
    assert attached.ir_version == model.ir_version
    onnx.checker.check_model(attached, full_check=True)


@pytest.mark.parametrize(("opset", "ir"), [(7, 3), (9, 4), (11, 6), (13, 7), (17, 8), (21, 10)])
def test_the_head_is_written_at_the_hosts_opset(opset: int, ir: int) -> None:
    model = softmax_host(opset=opset, ir=ir)
    if ir < 4:
        tensor = model.graph.initializer[0]
        model.graph.input.append(
            onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
        )
    for score in SCORES:
        attached = attach(model, head_for(score))
        np.testing.assert_array_equal(run(attached)[0], run(model)[0])
        assert detach(attached) == model


@pytest.mark.parametrize("score", SCORES)
def test_detach_gives_back_the_host(score: str) -> None:
    model = softmax_host()
    assert detach(attach(model, head_for(score))) == model


def test_detaching_a_model_without_a_head_changes_nothing() -> None:
    model = softmax_host()
    assert detach(model) == model


def test_attaching_again_replaces_the_head() -> None:
    model = softmax_host()
    again = attach(attach(model, head_for("softmax")), head_for("margin"))
    assert again == attach(model, head_for("margin"))


def test_head_nodes_are_those_that_attach_added() -> None:
    model = softmax_host()
    attached = attach(model, head_for("softmax"))
    added = [node.name for node in attached.graph.node][len(model.graph.node) :]
    assert list(head_nodes(attached)) == added


def test_names_that_the_host_uses_already_are_left_to_it() -> None:
    model = host(
        'z = MatMul (x, w)\n score = Softmax <axis = 1> (z)\n "logitconf/sum" = Relu (z)',
        outputs='float[N,5] score, float[N,5] "logitconf/sum"',
    )
    attached = attach(model, head_for("softmax"), logits="z", kind="logits")
    record = read_metadata(attached).attached
    assert record is not None
    assert (record.prefix, record.score, record.mask) == (
        "logitconf2/",
        "logitconf2/score",
        "mask",
    )
    np.testing.assert_array_equal(run(attached, ["score"])[0], run(model, ["score"])[0])
    assert detach(attached) == model


def test_a_host_with_another_number_of_classes_is_refused() -> None:
    with pytest.raises(LogitconfError, match="made for 7 columns, but 'z' has 5"):
        attach(softmax_host(), head_for("softmax", "multiclass", n_classes=7))


def test_a_tensor_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(LogitconfError, match="nothere"):
        attach(softmax_host(), head_for("softmax"), logits="nothere")


def test_probabilities_are_taken_as_their_logs() -> None:
    model = softmax_host()
    head = head_for("softmax")
    found = run(attach(model, head, logits="y", kind="probabilities"), ["score"])[0]
    np.testing.assert_allclose(
        found, run(attach(model, head), ["score"])[0], rtol=CLOSE, atol=CLOSE / 10
    )


def test_energy_of_probabilities_is_refused_with_the_reason() -> None:
    with pytest.raises(LogitconfError, match="energy needs logits, got probabilities"):
        attach(softmax_host(), head_for("energy"), logits="y", kind="probabilities")


def test_external_weights_are_referred_to_and_not_read(tmp_path: Path) -> None:
    path = tmp_path / "host.onnx"
    onnx.save_model(
        softmax_host(), path, save_as_external_data=True, location="w.bin", size_threshold=0
    )
    weights = (tmp_path / "w.bin").read_bytes()
    (tmp_path / "w.bin").unlink()
    attach(path, head_for("softmax"), tmp_path / "out.onnx")
    (tmp_path / "w.bin").write_bytes(weights)
    session = onnxruntime.InferenceSession(
        tmp_path / "out.onnx", providers=["CPUExecutionProvider"]
    )
    expected = run(attach(softmax_host(), head_for("softmax")), ["mask"])[0]
    np.testing.assert_array_equal(session.run(["mask"], {"x": ROWS})[0], expected)


def test_another_folder_needs_the_weights_copied(tmp_path: Path) -> None:
    path, other = tmp_path / "host.onnx", tmp_path / "other"
    other.mkdir()
    onnx.save_model(
        softmax_host(), path, save_as_external_data=True, location="w.bin", size_threshold=0
    )
    with pytest.raises(LogitconfError, match=r"same\s+folder"):
        attach(path, head_for("softmax"), other / "out.onnx")
    assert list(other.iterdir()) == []
    attach(path, head_for("softmax"), other / "out.onnx", copy_weights=True)
    onnxruntime.InferenceSession(other / "out.onnx", providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("score", SCORES)
def test_retune_equals_a_fresh_export(score: str) -> None:
    from dataclasses import replace

    from logitconf import ConfidenceHead

    head = head_for(score)
    assert isinstance(head.card.threshold, float)
    threshold = 0.9 * head.card.threshold
    card = replace(head.card, temperature=0.7, threshold=threshold, policy={"name": "value"})
    model = softmax_host()
    fresh = attach(model, ConfidenceHead(card, head.form))
    assert retune(attach(model, head), temperature=0.7, threshold=threshold) == fresh


@pytest.mark.parametrize(
    ("numbers", "phrase"),
    [
        ({}, "needs a temperature or a threshold"),
        ({"temperature": 0.0}, "temperature must be in"),
        ({"threshold": float("inf")}, "threshold must be finite"),
        ({"threshold": (1.0, 2.0)}, "this head has one threshold"),
    ],
)
def test_retune_refuses_what_makes_no_head(numbers: dict[str, float], phrase: str) -> None:
    attached = attach(softmax_host(), head_for("softmax"))
    with pytest.raises(LogitconfError, match=phrase):
        retune(attached, **numbers)  # type: ignore[arg-type]


BIASED = CalibrationMap("vector", scale=(1.0,) * 5, bias=(4.0, -1.0, -1.0, -1.0, -1.0))


@pytest.mark.parametrize(
    ("outputs", "advice"),
    [((), "; ask for it (--outputs label)"), (("label",), "which the output label gives; read it")],
)
def test_a_map_that_can_change_the_label_is_told_once(
    outputs: tuple[str, ...], advice: str
) -> None:
    card = ScoreCard("softmax", "multiclass", 1.0, -0.5, 5, calibration_map=BIASED)
    with pytest.warns(LogitconfWarning, match="can change the label against") as told:
        model = attach(softmax_host(), card, outputs=outputs)
    assert len(told) == 1
    assert str(told[0].message).endswith(advice)
    assert f"the host's own '{softmax_host().graph.output[0].name}'" in str(told[0].message)
    if outputs:
        label, host_output = run(model, ["label", softmax_host().graph.output[0].name])
        assert (label != host_output.argmax(axis=1)).any()


def test_a_map_that_keeps_every_label_is_no_news() -> None:
    same = CalibrationMap("vector", scale=(1.0,) * 5, bias=(0.0,) * 5)
    attach(
        softmax_host(),
        ScoreCard("softmax", "multiclass", 1.0, -0.5, 5, calibration_map=same),
        outputs=("label",),
    )
