"""verify --prove: the word on stdout, the exit code, and what the report says."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from support import several_hosts
from support.command_line import call
from support.report_schema import check_report

from logitconf.card.score_card import ScoreCard
from logitconf_export.attachment.attaching import attach
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.proof.composing.arithmetic import Rounded
from logitconf_export.verification.proofs import proving


@pytest.fixture(autouse=True)
def known_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors as tables would say, without measuring for minutes."""
    errors = (("Exp", 0.9), ("Log", 3.5))
    monkeypatch.setattr(proving, "_tables", lambda *_: None)
    monkeypatch.setattr(proving, "Measured", lambda _: Rounded("onnxruntime", errors))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    card = ScoreCard("softmax", "multiclass", temperature=1.5, threshold=-0.6, n_classes=10)
    to_onnx(card, tmp_path / "head.onnx", n_classes=10)
    return tmp_path / "head.onnx"


def test_a_head_is_proved_on_the_command_line(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = call(capsys, f"verify {model} --prove --json -")
    report = json.loads(outcome.out)
    check_report(report)
    assert (outcome.code, report["report"], report["outcome"]) == (0, "proof", "PROVED")


def test_calibration_rows_say_whether_one_can_flip(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = np.random.default_rng(0).normal(size=(50, 10)).astype(np.float32) * 4
    np.savez(tmp_path / "val.npz", logits=rows)
    outcome = call(capsys, f"verify {model} --prove --data {tmp_path / 'val.npz'}")
    assert "proved: no calibration row can flip" in " ".join(outcome.out.split())


def test_a_host_is_run_on_its_own_inputs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = ScoreCard("softmax", "multiclass", temperature=1.5, threshold=-0.6)
    attach(several_hosts.three_softmaxes(), card, tmp_path / "host.onnx", several="each")
    np.savez(tmp_path / "val.npz", x=several_hosts.ROWS, labels=np.zeros(200, dtype=np.int64))
    command = f"verify {tmp_path / 'host.onnx'} --prove --data {tmp_path / 'val.npz'}"
    outcome = call(capsys, command)
    assert (outcome.code, outcome.out.split(":")[0]) == (0, "PROVED")
    for name in several_hosts.NAMES:
        assert f"{name} on onnxruntime: proved: no calibration row" in " ".join(outcome.out.split())
    np.savez(tmp_path / "val.npz", y=several_hosts.ROWS)
    assert "must hold the model's inputs ['x']" in " ".join(call(capsys, command).err.split())


def test_another_threshold_is_refuted(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed = onnx.load(model)
    for tensor in changed.graph.initializer:
        if tensor.name == "logitconf/threshold":
            other = np.nextafter(np.float32(-0.6), np.float32(0))
            tensor.CopyFrom(numpy_helper.from_array(other, tensor.name))
    onnx.save(changed, model)
    outcome = call(capsys, f"verify {model} --prove")
    assert (outcome.code, outcome.out.split(":")[0]) == (1, "REFUTED")


def test_what_stops_a_proof_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parameters = {"gamma": 0.1, "top": 3}
    card = ScoreCard("gen", "multiclass", threshold=0.3, n_classes=10, parameters=parameters)
    to_onnx(card, tmp_path / "gen.onnx", n_classes=10)
    outcome = call(capsys, f"verify {tmp_path / 'gen.onnx'} --prove")
    assert (outcome.code, outcome.out.split(":")[0]) == (2, "CANNOT PROVE")
    assert "gen of the largest classes alone (top) cannot be proved yet" in outcome.out


def test_options_of_proofs_need_a_proof(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = call(capsys, f"verify {model} --limit 50")
    assert (outcome.code, "--prove" in outcome.err) == (2, True)
