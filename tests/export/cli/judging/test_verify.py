"""The command ``verify``: passes what attach wrote, fails what was tampered with, keeps reports."""

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import onnx
import onnxruntime
import pytest
from support.command_line import (
    Rows,
    call,
    done,
    make_files,
)


@pytest.fixture(autouse=True)
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rows:
    """The files of make_files in the working folder, and their rows."""
    monkeypatch.chdir(tmp_path)
    return make_files(tmp_path)


@pytest.mark.parametrize("data", ["", " --data val.npz", " --data logits.npz"])
def test_verify_passes_what_attach_wrote(capsys: pytest.CaptureFixture[str], data: str) -> None:
    done(capsys, "fit logits.npz --score softmax --coverage 0.9 -o card.json")
    done(capsys, "attach host.onnx card.json -o out.onnx")
    out = done(capsys, f"verify out.onnx{data} --provider cpu")
    first = out.splitlines()[0]
    if data:
        assert first == "PASSED: 0 of 500 rows decided differently on cpu"
    else:
        assert re.match("PASSED: 0 of [0-9,]+ generated rows decided differently beyond", first)


def test_verify_keeps_its_report_and_a_bundle_that_replays_without_torch(
    capsys: pytest.CaptureFixture[str],
) -> None:
    done(capsys, "attach host.onnx --score margin --threshold -1 -o out.onnx")
    command = "verify out.onnx --data val.npz --json r.json --junit r.xml --golden golden"
    done(capsys, command)
    report = json.loads(Path("r.json").read_text())
    assert (report["schema"], report["passed"]) == (1, True)
    suite = ElementTree.parse("r.xml").getroot()
    assert (suite.tag, suite.get("failures")) == ("testsuite", "0")
    replay = [sys.executable, "golden/replay.py"]
    assert subprocess.run(replay, check=False, capture_output=True).returncode == 0
    outcome = call(capsys, f"{command} --force")
    assert (outcome.code, "golden exists" in outcome.err) == (2, True)
    outcome = call(capsys, "verify out.onnx --json r.json")
    assert (outcome.code, "r.json exists" in outcome.err) == (2, True)


def test_verify_takes_a_head_that_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    done(capsys, "fit logits.npz --score margin --coverage 0.9 -o card.json")
    done(capsys, "export card.json -o head.onnx")
    out = done(capsys, "verify head.onnx --data logits.npz -v")
    assert "your rows" in out


def test_verify_fails_with_exit_code_1_when_the_threshold_was_edited(
    capsys: pytest.CaptureFixture[str],
) -> None:
    done(capsys, "attach host.onnx --score margin --threshold -1 -o out.onnx")
    model = onnx.load("out.onnx")
    threshold = next(t for t in model.graph.initializer if t.name == "logitconf/threshold")
    threshold.CopyFrom(onnx.numpy_helper.from_array(np.array(-2.0, np.float32), threshold.name))
    onnx.save(model, "edited.onnx")
    outcome = call(capsys, "verify edited.onnx --data val.npz")
    assert outcome.code == 1
    assert "the card says -1.0" in outcome.out
    assert re.match("FAILED: [0-9]+ of 500 rows decided differently on cpu\n", outcome.out)
    mend = outcome.out.splitlines()[-1].partition("reattach with: logitconf ")[2].split()
    done(capsys, mend)
    assert done(capsys, f"verify {mend[-1]} --data val.npz").startswith("PASSED: ")


def test_verify_fails_with_exit_code_1_when_the_provider_is_not_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    missing = next(
        name
        for name, provider in (("cuda", "CUDA"), ("coreml", "CoreML"))
        if f"{provider}ExecutionProvider" not in onnxruntime.get_available_providers()
    )
    done(capsys, "attach host.onnx --score margin --threshold -1 -o out.onnx")
    outcome = call(capsys, f"verify out.onnx --provider cpu --provider {missing}")
    assert outcome.code == 1
    assert f"{missing} was asked for" in outcome.out


def test_verify_runs_the_head_where_it_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    done(capsys, "attach host.onnx --score margin --threshold -1 -o out.onnx")
    command = "verify out.onnx --data val.npz --on onnx-reference --on onnxruntime"
    out = done(capsys, command)
    assert re.match("PASSED: 0 of 500 rows decided differently on .*onnx.reference", out)
    detailed = done(capsys, f"{command} -v")
    assert "head  onnx.reference" in detailed
    assert "host  cpu" in detailed
    outcome = call(capsys, "verify out.onnx --on onnx-reference==0.1")
    assert outcome.code == 1
    assert "0.1 was asked for" in outcome.out
    outcome = call(capsys, "verify out.onnx --on onnx-reference --provider cpu")
    assert (outcome.code, "add --on onnxruntime" in outcome.err) == (2, True)
    outcome = call(capsys, "verify out.onnx --on tvm")
    assert (outcome.code, "runtime must be one of" in outcome.err) == (2, True)
