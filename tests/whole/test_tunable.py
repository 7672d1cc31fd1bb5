"""Tunable heads on hosts: whoever runs the file may give other numbers, and it decides by them."""

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from support import tampering

from logitconf.card.confidence import ConfidenceMap
from logitconf.card.score_card import ScoreCard
from logitconf.errors import LogitconfError
from logitconf_export import attach, detach, reattach, retune, to_onnx, verify
from logitconf_export.heads.metadata import read_metadata
from logitconf_export.verification.structure import FIXED

CARD = ScoreCard("softmax", "multiclass", 1.5, -0.6)
NUMBERS = ("logitconf/temperature", "logitconf/threshold")


def run(model: onnx.ModelProto, **numbers: float) -> dict[str, Any]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    pixels = np.random.default_rng(2).normal(0, 1, (200, 8)).astype(np.float32)
    given = {f"logitconf/{name}": np.array(value, np.float32) for name, value in numbers.items()}
    names = ["score", "mask"]
    return dict(zip(names, session.run(names, {"pixels": pixels, **given}), strict=True))


def test_other_numbers_decide_as_a_file_that_holds_them() -> None:
    model = attach(tampering.plain_host(), CARD, tunable=True)
    assert [value.name for value in model.graph.input] == ["pixels", *NUMBERS]
    for temperature, threshold in ((1.5, -0.6), (0.7, -0.8), (3.0, -0.4)):
        found = run(model, temperature=temperature, threshold=threshold)
        held = retune(model, temperature=temperature, threshold=threshold)
        for name, expected in run(held).items():
            np.testing.assert_array_equal(found[name], expected)
    assert 0 < run(model)["mask"].sum() < run(model, threshold=-0.1)["mask"].sum()


@pytest.mark.parametrize("score", ["softmax", "margin"])
def test_it_verifies_at_its_own_numbers_and_at_others(score: str) -> None:
    card = ScoreCard(score, "multiclass", 1.5, -0.6)
    model = attach(tampering.plain_host(), card, tunable=True, outputs=["label", "probabilities"])
    report = verify(model, optimisations=["all"], pairs=50)
    assert report.passed, report.failures
    (check,) = [c for c in report.checks if "other numbers" in c.name]
    assert check.passed
    assert check.detail.endswith(" rows")


def test_a_number_that_the_graph_does_not_use_is_caught() -> None:
    model = attach(tampering.plain_host(), CARD, tunable=True)
    double = onnx.TensorProto()
    double.CopyFrom(tampering.number(model, "threshold"))
    double.name = "logitconf/limit"
    model.graph.initializer.append(double)
    tampering.read_instead(model, "logitconf/threshold", "logitconf/limit")
    failures = verify(model, optimisations=["all"], pairs=20).failures
    assert any("it decides by other numbers" in failure for failure in failures), failures


def test_a_head_that_is_not_tunable_has_no_such_inputs() -> None:
    model = attach(tampering.plain_host(), CARD)
    tunable = attach(tampering.plain_host(), CARD, tunable=True)
    model.graph.input.extend(tunable.graph.input[1:])
    failures = verify(model, optimisations=["all"], pairs=20).failures
    assert any(FIXED in failure for failure in failures)


def test_detach_gives_the_host_back_and_reattach_keeps_it_tunable() -> None:
    host = tampering.plain_host()
    model = attach(host, CARD, tunable=True)
    assert detach(model).SerializeToString() == host.SerializeToString()
    again = reattach(model)
    assert read_metadata(again).form.tunable
    assert [value.name for value in again.graph.input] == ["pixels", *NUMBERS]


def test_where_nobody_could_give_them_it_is_refused() -> None:
    with pytest.raises(LogitconfError, match="needs IR version 4 or newer, got 3"):
        to_onnx(CARD, opset=8, ir_version=3, n_classes=5, tunable=True)
    old = tampering.plain_host()
    old.ir_version = 3
    with pytest.raises(LogitconfError, match="host of IR version 4 or newer, got 3"):
        attach(old, CARD, tunable=True)
    with pytest.raises(LogitconfError, match="share one threshold, so none of them can be tunable"):
        attach(tampering.two_outputs(), CARD, several="joint", tunable=True)


def test_a_confidence_is_that_of_the_score_whatever_the_numbers() -> None:
    knots = ConfidenceMap((-1.0, -0.5), (0.96875, 0.5), 100)
    card = ScoreCard("softmax", "multiclass", 1.5, -0.6, confidence=knots)
    model = attach(tampering.plain_host(), card, tunable=True, outputs=["confidence"])
    assert verify(model, optimisations=["all"], pairs=20).passed
