"""Heads and hosts that the tests of verification share."""

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from support import runtime_matrix as matrix

from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.head import ConfidenceHead
from logitconf.scores.table import SCORES, check_parameters

HOST_TEXT = """
<ir_version: 8, opset_import: ["" : 17]>
host (float[N, 8] pixels) => (float[N, 5] probabilities) {
    logits = Gemm (pixels, weight, bias)
    probabilities = Softmax <axis = 1> (logits)
}
"""
"""A classifier of 8 inputs and 5 classes, without its weights."""

HEADS = [
    (score, task, columns)
    for task, columns in matrix.TASK_CLASSES
    if columns <= 10
    for score in matrix.scores_for(task, columns)
]
"""Every score with every task that it is defined for and the number of its columns."""
CLASS_SCORES = matrix.scores_for("multiclass", 5)
"""Every score of classes that compete."""
MEMBERS = 3
MEMBER_HEADS = [
    (score, task, columns)
    for task, columns in matrix.TASK_CLASSES
    if columns <= 10
    for score in matrix.scores_for(task, columns, MEMBERS)
    if SCORES[score].over_members
]
"""The same for the scores that compare members."""


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
    limit = matrix.middling_head(score, task, n_classes or 10).card.threshold
    card = ScoreCard(
        score,
        task,
        temperature,
        limit if threshold is None else threshold,
        parameters=check_parameters(score, {}),
    )
    return ConfidenceHead(card, form or HeadForm(n_classes))


def make_ensemble_head(
    score: str, task: str, columns: int, *, precision: str = "float32"
) -> ConfidenceHead:
    """A head that compares members, with a threshold in the middle."""
    card = matrix.middling_head(score, task, columns, MEMBERS).card
    return ConfidenceHead(card, HeadForm(columns, precision=precision, members=MEMBERS))


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
