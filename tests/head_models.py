"""Heads and hosts that the tests of verification share."""

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from logitconf.card import HeadForm, ScoreCard
from logitconf.head import ConfidenceHead

HOST_TEXT = """
<ir_version: 8, opset_import: ["" : 17]>
host (float[N, 8] pixels) => (float[N, 5] probabilities) {
    logits = Gemm (pixels, weight, bias)
    probabilities = Softmax <axis = 1> (logits)
}
"""
"""A classifier of 8 inputs and 5 classes, without its weights."""

THRESHOLDS = {"softmax": -0.7, "entropy": 0.4, "energy": -4.0, "margin": -1.25}
"""A threshold for each score that splits random rows of every task."""

TASK_COLUMNS = (("multiclass", 10), ("binary", 1), ("binary", 2), ("multilabel", 6))
"""Every task with the number of its columns."""


def make_head(
    score: str = "softmax",
    task: str = "multiclass",
    n_classes: int | None = 10,
    *,
    temperature: float = 1.5,
    threshold: float | tuple[float, ...] | None = None,
    form: HeadForm | None = None,
) -> ConfidenceHead:
    """A head with a threshold that accepts some rows and rejects others."""
    limit = THRESHOLDS[score] if threshold is None else threshold
    card = ScoreCard(score, task, temperature, limit)
    return ConfidenceHead(card, form or HeadForm(n_classes))


def make_host(seed: int = 0) -> onnx.ModelProto:
    """The host of `HOST_TEXT` with random weights."""
    random = np.random.default_rng(seed)
    host = onnx.parser.parse_model(HOST_TEXT)
    for name, shape in (("weight", (8, 5)), ("bias", (5,))):
        values = random.standard_normal(shape).astype(np.float32)
        host.graph.initializer.append(numpy_helper.from_array(values, name))
    return host


def make_pixels(rows: int, seed: int = 1) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    """Random inputs of the host, (rows, 8)."""
    return np.random.default_rng(seed).standard_normal((rows, 8)).astype(np.float32)


def save(model: onnx.ModelProto, path: Path) -> Path:
    """The path, after the model was written there."""
    path.write_bytes(model.SerializeToString())
    return path
