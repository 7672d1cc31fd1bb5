"""Heads and rows that the tests of the export side share."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from support import runtime_matrix as matrix

from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.head import ConfidenceHead
from logitconf.scores.table import check_parameters
from logitconf_export.decisions.hard_rows import random_rows

Array = npt.NDArray[Any]

TASKS: dict[str, tuple[str, int]] = {
    "multiclass": ("multiclass", 5),
    "two classes": ("multiclass", 2),
    "one logit": ("binary", 1),
    "two logits": ("binary", 2),
    "multilabel": ("multilabel", 4),
}
HEADS = [
    (score, task)
    for task, (name, columns) in TASKS.items()
    for score in matrix.scores_for(name, columns)
]
"""Every score with every task that it is defined for."""
SCORES = tuple(matrix.scores_for("multiclass", 5))
"""Every score of classes."""
SCORES_AND_COLUMNS = [(s, c) for c in (2, 5, 600) for s in matrix.scores_for("multiclass", c)]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a model said of some rows."""

    score: Array
    mask: Array


def head_for(
    score: str,
    task: str = "multiclass",
    *,
    threshold: Any = None,
    per_label: bool = False,
    given: Any = None,
    **form: Any,
) -> ConfidenceHead:
    name, columns = TASKS.get(task, (task, form.get("n_classes")))
    columns = form.pop("n_classes", columns)
    if threshold is None:
        threshold = matrix.middling_head(score, name, columns or 5).card.threshold
    parameters = check_parameters(score, given or {})
    card = ScoreCard(
        score, name, 1.5, threshold, columns, parameters=parameters, per_label=per_label
    )
    return ConfidenceHead(card, HeadForm(columns, **form))


def label_head(score: str, **form: Any) -> ConfidenceHead:
    """A head of 4 labels, each with a threshold at another quantile of random rows."""
    with_one = head_for(score, "multilabel", threshold=0.0, per_label=True)
    scores = eager(with_one, random_rows(400, 4)).score
    limits = [float(np.quantile(scores[:, k], (k + 1) / 5)) for k in range(4)]
    return head_for(score, "multilabel", threshold=tuple(limits), per_label=True, **form)


def hard_rows(columns: int) -> Array:
    """Ordinary rows and every kind of row that has gone wrong somewhere, (N, columns) float32."""
    rng = np.random.default_rng(columns)
    rows = [*rng.normal(0, 3, (20, columns))]
    base = np.linspace(-2, 2, columns) if columns > 1 else np.array([1.5])
    for position in range(columns):
        for value in (np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-40):
            row = base.copy()
            row[position] = value
            rows.append(row)
    for value in (0.0, 1e-45, -np.inf, 3e38, -3e38, 100.0):
        rows.append(np.full(columns, value))
    rows += [base * 1e37, base * 1e4, -base]
    only = np.full(columns, -np.inf)
    only[-1] = 2.0
    rows.append(only)
    with np.errstate(over="ignore"):
        return np.array(rows).astype(np.float32)


def run(model: onnx.ModelProto, logits: "Array | torch.Tensor") -> Decision:
    """The decisions of onnxruntime's CPU provider, optimised as users run it."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    value = _ort_value(logits) if isinstance(logits, torch.Tensor) else logits
    score, mask = session.run(["score", "mask"], {"logits": value})
    return Decision(score, mask)


def _ort_value(tensor: torch.Tensor) -> Any:
    """The tensor for onnxruntime, whose Python bindings take bfloat16 as bits alone."""
    if tensor.dtype == torch.bfloat16:
        bits = tensor.view(torch.int16).numpy().view(np.uint16)
        return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(
            bits, onnx.TensorProto.BFLOAT16
        )
    return onnxruntime.OrtValue.ortvalue_from_numpy(tensor.numpy())


def eager(head: ConfidenceHead, logits: Array) -> Decision:
    """The decisions of the head itself."""
    score, mask = head(torch.from_numpy(logits))[:2]
    return Decision(score.numpy(), mask.numpy())


def constants(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every tensor that the graph holds."""
    yield from model.graph.initializer
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
