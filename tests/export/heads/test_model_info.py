"""Names and thresholds for OpenVINO's model API: written, renewed, taken off, and read by it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper, parser
from support.head_models import make_host
from support.installed_runtimes import HOME

from logitconf.card.modes import LabelMap
from logitconf.card.score_card import ScoreCard
from logitconf.errors import LogitconfError
from logitconf_export.attachment.attaching import attach
from logitconf_export.attachment.detaching import detach
from logitconf_export.attachment.reattaching import reattach
from logitconf_export.attachment.retuning import retune
from logitconf_export.heads.metadata import MODEL_INFO, read_metadata
from logitconf_export.verification.structure import MODEL_INFO as CHECK
from logitconf_export.verification.verifying import verify

NAMES = ("cat", "dog", "polar bear", "fox", "owl")
CARD = ScoreCard("softmax", "multiclass", 1.5, -0.75, 5, class_names=NAMES)


def said(model: onnx.ModelProto) -> dict[str, str]:
    """What the reader reads, as its own load_parameters_from_onnx does."""
    keys = {entry.key: entry.value for entry in model.metadata_props}
    return {key.split()[1]: text for key, text in keys.items() if key.split()[0] == "model_info"}


def host_that_says(**entries: str) -> onnx.ModelProto:
    host = make_host()
    for key, value in entries.items():
        host.metadata_props.add(key=MODEL_INFO + key, value=value)
        host.metadata_props.add(key=f"other {key}", value=value)
    return host


def test_names_kind_and_threshold_are_written_on_request_alone() -> None:
    assert said(attach(make_host(), CARD)) == {}
    assert said(attach(make_host(), CARD, model_info=True)) == {
        "model_type": "Classification",
        "labels": "cat dog polar_bear fox owl",
        "confidence_threshold": "0.75",
    }


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        (replace(CARD, class_names=None), {"confidence_threshold": "0.75"}),
        (replace(CARD, score="margin"), {"labels": "cat dog polar_bear fox owl"}),
        (
            replace(CARD, task="multilabel"),
            {"labels": "cat dog polar_bear fox owl", "multilabel": "True"},
        ),
        (replace(CARD, threshold=(-0.75,) * 5), {"labels": "cat dog polar_bear fox owl"}),
        (
            replace(CARD, label_map=LabelMap((0, 1, 1, 3, 4), (2, 2, 2, 2, 2))),
            {"labels": "cat dog dog fox owl", "confidence_threshold": "0.75"},
        ),
    ],
)
def test_what_a_card_does_not_say_is_not_written(card: ScoreCard, expected: dict[str, str]) -> None:
    host = make_host()
    if card.task == "multilabel":
        host.graph.node[1].op_type = "Sigmoid"
        del host.graph.node[1].attribute[:]
    model = attach(host, card, model_info=True)
    assert said(model) == {"model_type": "Classification"} | expected


def test_the_threshold_is_the_float32_number_that_the_mask_compares_with() -> None:
    model = attach(make_host(), replace(CARD, threshold=-0.9), model_info=True)
    assert float(said(model)["confidence_threshold"]) == float(np.float32(0.9)) != 0.9


def test_detach_gives_back_what_the_host_said() -> None:
    for host in (
        make_host(),
        host_that_says(labels="a b c d e"),
        host_that_says(confidence_threshold="0.1", resize_type="standard", model_type="x"),
    ):
        model = attach(host, CARD, model_info=True)
        assert said(model)["labels"] == "cat dog polar_bear fox owl"
        assert detach(model) == host
        for later in (retune(model, threshold=-0.8), reattach(model)):
            assert detach(later) == host
        again = attach(model, CARD)
        assert said(again) == said(host)
        assert detach(again) == host


def test_retune_renews_the_threshold_and_reattach_keeps_the_entries() -> None:
    model = attach(host_that_says(resize_type="standard"), CARD, model_info=True)
    tuned = retune(model, threshold=-0.875)
    assert said(tuned) == said(model) | {"confidence_threshold": "0.875"}
    assert said(reattach(tuned)) == said(tuned)
    assert read_metadata(reattach(tuned)) == read_metadata(tuned)


@pytest.mark.parametrize("value", ["0.5", None])
def test_verify_refuses_another_threshold_than_the_cards(value: str | None) -> None:
    model = attach(make_host(), CARD, model_info=True)
    options: dict[str, Any] = {"optimisations": ["all"], "pairs": 10}
    feeds = {"pixels": np.random.default_rng(0).standard_normal((20, 8)).astype(np.float32)}
    report = verify(model, feeds=feeds, **options)
    assert report.passed
    assert any(check.name == CHECK for check in report.checks)
    for place, entry in enumerate(model.metadata_props):
        if entry.key == f"{MODEL_INFO}confidence_threshold" and value is None:
            del model.metadata_props[place]
        elif entry.key == f"{MODEL_INFO}confidence_threshold":
            entry.value = value
    report = verify(model, feeds=feeds, **options)
    failed = [check for check in report.checks if check.passed is False]
    assert [check.name for check in failed] == [CHECK]
    assert "model_info confidence_threshold" in failed[0].detail
    assert verify(reattach(model), feeds=feeds, **options).passed


def test_what_the_readers_wrapper_cannot_stand_for_is_refused() -> None:
    one = parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[N,3,H,W] x) => (float[N,3,H,W] y) '
        "{ y = Softmax <axis = 1> (x) }"
    )
    pixels = replace(CARD, n_classes=3, class_names=None)
    with pytest.raises(LogitconfError, match="4 axes"):
        attach(one, pixels, logits="x", model_info=True)
    one = parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[N,1] x) => (float[N,1] y) '
        "{ y = Sigmoid (x) }"
    )
    with pytest.raises(LogitconfError, match="one column"):
        attach(one, ScoreCard("softmax", "binary", 1.0, -0.75, 1), model_info=True)
    two = parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[N,5] x) => (float[N,5] f, float[N,5] y) '
        "{ f = Relu (x)\n y = Softmax <axis = 1> (x) }"
    )
    with pytest.raises(LogitconfError, match="that is 'f' and the head judges 'y'"):
        attach(two, CARD, logits="y", kind="probabilities", model_info=True)
    both = parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[N,5] a, float[N,5] b) '
        "=> (float[N,5] y, float[N,5] z) { y = Softmax (a)\n z = Softmax (b) }"
    )
    with pytest.raises(LogitconfError, match=r"got the heads \['y', 'z'\]"):
        attach(both, CARD, several="each", model_info=True)


def test_openvinos_model_api_reads_names_and_threshold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(HOME / "model_api")
    models = pytest.importorskip(
        "model_api.models",
        reason="install logitconf[runtimes], and tests/support/install_runtimes --examples",
    )
    host = parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[1,3,4,4] x) => (float[1,5] y) '
        "{ f = Flatten (x)\n z = MatMul (f, w)\n y = Softmax <axis = 1> (z) }"
    )
    weight = np.random.default_rng(0).standard_normal((48, 5)).astype(np.float32) / 100
    host.graph.initializer.append(numpy_helper.from_array(weight, "w"))
    path = tmp_path / "with_head.onnx"
    model = retune(attach(host, CARD, model_info=True), path, threshold=-0.875)
    reader: Any = models.Model.create_model(str(path), preload=True)
    assert type(reader).__name__ == "ClassificationModel"
    assert reader.params.labels == ["cat", "dog", "polar_bear", "fox", "owl"]
    assert reader.params.confidence_threshold == 0.875
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3) * 5
    (label,) = reader(picture).top_labels
    expected = picture.transpose(2, 0, 1).reshape(1, 48).astype(np.float32) @ weight
    assert label.name == reader.params.labels[int(expected.argmax())]
    assert said(model)["labels"].split() == reader.params.labels
