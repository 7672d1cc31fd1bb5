"""Runs commands in this process, on small files made for them."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper, parser
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

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


def refused(capsys: pytest.CaptureFixture[str], command: str | list[str], message: str) -> None:
    """Runs a command that must be refused in one line, a pattern of it, and write nothing."""
    before = contents(Path())
    outcome = call(capsys, command)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.count("\n") == 1
    assert re.match(f"logitconf: error: .*{message}", outcome.err), outcome.err
    assert contents(Path()) == before


def best_temperature(logits: NDArray[np.floating[Any]], labels: NDArray[np.int64]) -> float:
    """The minimiser of the NLL of classes in float64, by a method of its own."""
    exact = logits.astype(np.float64)

    def nll(b: float) -> float:
        own = b * exact[np.arange(len(exact)), labels]
        return float(np.mean(logsumexp(b * exact, axis=1) - own))

    best = minimize_scalar(nll, bounds=(0.01, 10.0), method="bounded", options={"xatol": 1e-9})
    return 1.0 / float(best.x)


def decide(
    model: str, pixels: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Score and mask of the rows of a host's only input, as onnxruntime gives them."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    score, mask = session.run(["score", "mask"], {session.get_inputs()[0].name: pixels})
    return score, mask


def card(path: str = "card.json") -> dict[str, Any]:
    """The values of a card."""
    values = json.loads(Path(path).read_text())
    assert isinstance(values, dict)
    return values


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
