"""Models with heads and rows for them, as the report page is tried on."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper, parser
from support.display_rows import labelled

import logitconf

CLASSES = 4
ONE = """<ir_version: 8, opset_import: ["": 17]>
host (float[N, 4] x) => (float[N, 4] classes) { classes = MatMul(x, eye) }"""
TWO = """<ir_version: 8, opset_import: ["": 17]>
host (float[N, 4] x) => (float[N, 4] first, float[N, 4] second) {
  first = MatMul(x, eye)
  second = MatMul(x, turned)
}"""
PIXELS = """<ir_version: 8, opset_import: ["": 17]>
host (float[N, 4, 3, 3] x) => (float[N, 4, 3, 3] classes) { classes = Conv(x, kernel) }"""


def host(text: str) -> onnx.ModelProto:
    """A host whose logits are its inputs."""
    model = parser.parse_model(text)
    eye = np.eye(CLASSES, dtype=np.float32)
    weights = {"eye": eye, "turned": eye[::-1].copy(), "kernel": eye[:, :, None, None]}
    for name, array in weights.items():
        if name in text:
            model.graph.initializer.append(numpy_helper.from_array(array, name))
    return model


def fitted(**policy: Any) -> logitconf.LogitScore:
    """A maximum softmax fitted on rows of its own."""
    logits, labels = labelled(600, CLASSES, seed=1)
    score = logitconf.SoftmaxScore().fit(logits, labels, holdout=0.5)
    return score.set_threshold(**(policy or {"coverage": 0.8}))


def shipped(path: Path, score: logitconf.LogitScore | None = None) -> Path:
    """A host with a head, in a file."""
    logitconf.attach(host(ONE), score or fitted(), path)
    return path


def rows(count: int = 300) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Inputs, which are the logits, and labels."""
    return labelled(count, CLASSES, seed=2)


def saved_rows(path: Path, count: int = 300) -> Path:
    """The same in a file."""
    inputs, labels = rows(count)
    np.savez(path, x=inputs, labels=labels)
    return path
