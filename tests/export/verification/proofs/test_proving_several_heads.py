"""Each of several heads is proved in the whole file, on rows that its host makes into logits."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from support import several_hosts as hosts

from logitconf.card.score_card import ScoreCard
from logitconf.errors import LogitconfError
from logitconf_export.attachment.attaching import attach
from logitconf_export.heads.metadata import read_heads
from logitconf_export.proof.composing.arithmetic import Rounded
from logitconf_export.verification.proofs import proving
from logitconf_export.verification.proofs.proving import prove_file


@pytest.fixture(autouse=True)
def known_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors as tables would say, without measuring for minutes."""
    monkeypatch.setattr(proving, "_tables", lambda *_: None)
    monkeypatch.setattr(proving, "Measured", lambda _: Rounded("onnxruntime"))


@pytest.fixture(params=["each", "joint"])
def model(request: pytest.FixtureRequest) -> onnx.ModelProto:
    card = ScoreCard(
        "softmax", "multiclass", temperature=hosts.TEMPERATURE, threshold=hosts.THRESHOLD
    )
    return attach(hosts.three_softmaxes(), card, several=request.param)


def test_every_head_is_proved(model: onnx.ModelProto) -> None:
    report = prove_file(model)
    assert [(p.head, p.verdict) for p in report.proofs] == [(n, "PROVED") for n in hosts.NAMES]
    assert report.exit_code == 0
    assert set(report.head) == set(hosts.NAMES)
    assert "first on onnxruntime, second on onnxruntime" in report.sentence


def test_the_worst_head_is_the_verdict(model: onnx.ModelProto) -> None:
    prefix = read_heads(model).heads[1].prefix
    (threshold,) = [t for t in model.graph.initializer if t.name == f"{prefix}threshold"]
    moved = np.nextafter(np.float32(hosts.THRESHOLD), np.float32(0))
    threshold.CopyFrom(numpy_helper.from_array(np.asarray(moved), threshold.name))
    report = prove_file(model)
    assert (report.verdict, report.exit_code) == ("REFUTED", 1)
    assert [p.verdict for p in report.proofs] == ["PROVED", "REFUTED", "PROVED"]


def test_joint_nodes_that_do_not_join_the_heads_refute() -> None:
    card = ScoreCard("softmax", "multiclass", temperature=1.5, threshold=-0.6)
    model = attach(hosts.three_softmaxes(), card, several="joint")
    joint = read_heads(model).joint
    assert joint is not None
    both = next(n for n in model.graph.node if n.name.startswith(joint.prefix) and len(n.input) > 1)
    both.input[1] = both.input[0]
    assert prove_file(model).verdict == "REFUTED"


def half_gaps(given: Callable[[], proving.ProofReport]) -> list[float | None]:
    return [p.bound.half_gap for p in given().proofs if p.bound is not None]


def test_the_hosts_inputs_are_made_into_the_logits_of_each_head(model: onnx.ModelProto) -> None:
    gaps = half_gaps(lambda: prove_file(model, feeds={"x": hosts.ROWS}))
    for gap, scores in zip(gaps, hosts.expected_scores(), strict=True):
        assert gap == pytest.approx(np.abs(scores - hosts.THRESHOLD).min(), abs=1e-6)


def test_inputs_and_logits_of_one_head_give_the_same_gap() -> None:
    card = ScoreCard("softmax", "multiclass", temperature=1.5, threshold=-0.6)
    model = attach(hosts.three_softmaxes(), card, logits="z1")
    by_inputs = half_gaps(lambda: prove_file(model, feeds={"x": hosts.ROWS}))
    logits = hosts.run(model, ["z1"]) if "z1" in {o.name for o in model.graph.output} else None
    rows = hosts.ROWS @ hosts.weights()[0] if logits is None else logits["z1"]
    assert by_inputs == pytest.approx(half_gaps(lambda: prove_file(model, rows=rows)), abs=1e-6)


def test_logits_alone_do_not_say_of_which_head(model: onnx.ModelProto) -> None:
    with pytest.raises(LogitconfError, match="inputs of their"):
        prove_file(model, rows=hosts.ROWS)
