"""The commands in the README work, one after the other, on a host and data made for them."""

import re
import shlex
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from support import reference
from support.command_line import Rows, call, make_files

from logitconf_export.cli.app import COMMANDS

README = Path(__file__).resolve().parents[2] / "README.md"


def commands() -> list[list[str]]:
    """Every line with a prompt, in order, without the prompt."""
    blocks = re.findall(r"^```console\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert all(line.startswith("$ logitconf ") for line in lines)
    return [shlex.split(line)[2:] for line in lines]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("readme")


@pytest.fixture(scope="module")
def rows(folder: Path) -> Rows:
    return make_files(folder)


def test_every_command_is_shown() -> None:
    assert {command[0] for command in commands()} == set(COMMANDS)


def test_the_commands_succeed_in_order(
    rows: Rows, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    for command in commands():
        if command[0] == "demo":
            continue  # test_demo runs it
        outcome = call(capsys, command)
        assert (outcome.code, outcome.err) == (0, ""), (command, outcome)
    session = onnxruntime.InferenceSession("out.onnx", providers=["CPUExecutionProvider"])
    (mask,) = session.run(["mask"], {"pixels": rows.pixels})
    assert mask.mean() == pytest.approx(0.9)
    given = onnxruntime.InferenceSession("given.onnx", providers=["CPUExecutionProvider"])
    (mask,) = given.run(["mask"], {"pixels": rows.pixels})
    expected = reference.score("softmax", rows.logits, 1.5) < np.float64(np.float32(-0.7))
    np.testing.assert_array_equal(mask, expected)
