"""Runs commands in this process, on small files made for them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper, parser

from logitconf_export.cli.app import run

ROWS, FEATURES, CLASSES = 500, 6, 4
TRUE_TEMPERATURE = 2.0
"""The labels are drawn from the softmax at this temperature."""

PLAIN = """<ir_version: 8, opset_import: ["": 17]>
classifier (float[N, 6] pixels) => (float[N, 4] classes) { classes = MatMul(pixels, weight) }"""
SOFTMAX = """<ir_version: 8, opset_import: ["": 17]>
classifier (float[N, 6] pixels) => (float[N, 4] classes) {
  z = MatMul(pixels, weight)
  classes = Softmax<axis = 1>(z)
}"""
SIGMOID = """<ir_version: 8, opset_import: ["": 17]>
classifier (float[N, 6] pixels) => (float[N, 1] yes) {
  z = MatMul(pixels, column)
  yes = Sigmoid(z)
}"""


@dataclass(frozen=True)
class Rows:
    """Inputs (N, 6), the logits (N, 4) that the hosts compute from them, and labels (N,)."""

    pixels: NDArray[np.float32]
    logits: NDArray[np.float32]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


def weight() -> NDArray[np.float32]:
    """The hosts' only layer (6, 4)."""
    return np.random.default_rng(5).normal(size=(FEATURES, CLASSES)).astype(np.float32)


def host(text: str) -> onnx.ModelProto:
    """A host with its weights."""
    model = parser.parse_model(text)
    matrix = weight()
    for name, array in (("weight", matrix), ("column", matrix[:, :1])):
        if name in text:
            model.graph.initializer.append(numpy_helper.from_array(array, name))
    return model


def rows() -> Rows:
    """Rows whose labels are right about as often as a temperature of 2 says."""
    random = np.random.default_rng(6)
    pixels = random.normal(size=(ROWS, FEATURES)).astype(np.float32)
    logits = pixels @ weight()
    odds = np.exp(logits / TRUE_TEMPERATURE)
    below = (odds / odds.sum(axis=1, keepdims=True)).cumsum(axis=1)
    labels = (random.random((ROWS, 1)) > below[:, :-1]).sum(axis=1).astype(np.int64)
    return Rows(pixels, logits, labels)


def make_files(folder: Path) -> Rows:
    """Hosts, data and a card as the tests name them."""
    made = rows()
    for name, text in (("plain", PLAIN), ("host", SOFTMAX), ("binary", SIGMOID)):
        onnx.save(host(text), folder / f"{name}.onnx")
    np.savez(folder / "logits.npz", logits=made.logits, labels=made.labels)
    np.savez(folder / "val.npz", pixels=made.pixels, labels=made.labels)
    return made


def call(capsys: pytest.CaptureFixture[str], command: str | list[str]) -> Outcome:
    """Runs one command; a string is split at blanks."""
    capsys.readouterr()
    code = run(command.split() if isinstance(command, str) else command)
    printed = capsys.readouterr()
    return Outcome(code, printed.out, printed.err)


def done(capsys: pytest.CaptureFixture[str], command: str | list[str]) -> str:
    """Runs a command that must succeed without a word on stderr; what it printed."""
    outcome = call(capsys, command)
    assert (outcome.code, outcome.err) == (0, ""), outcome
    return outcome.out


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
