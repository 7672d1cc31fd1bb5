"""Scores with every kind of calibration map, the hosts that they are for, and their rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from logitconf.fitting.logit_score import LogitScore
from logitconf.fitting.score_classes import score_class

Array = NDArray[Any]
PIXELS = 8


@dataclass(frozen=True)
class MappedCase:
    """A task and the kind of map that is fitted for it.

    Attributes:
        calibration: the kind of map.
        task: of the score.
        n_classes: columns of the logits.
        ending: the operator that makes the host's output of its logits.
        per_label: whether labels are judged by themselves.
    """

    calibration: str
    task: str
    n_classes: int
    ending: str
    per_label: bool = False

    @property
    def numbers(self) -> tuple[str, ...]:
        """The initializers that the map has in a graph."""
        if self.calibration == "matrix":
            return ("matrix", "bias")
        if self.task == "multilabel":
            return ("scale",) if self.calibration == "vector" else ("scale", "bias")
        return ("bias",) if self.calibration == "platt" else ("scale", "bias")


CASES: Mapping[str, MappedCase] = MappingProxyType(
    {
        "vector": MappedCase("vector", "multiclass", 5, "Softmax <axis = 1>"),
        "matrix": MappedCase("matrix", "multiclass", 5, "Softmax <axis = 1>"),
        "two logits": MappedCase("platt", "binary", 2, "Softmax <axis = 1>"),
        "one logit": MappedCase("platt", "binary", 1, "Sigmoid"),
        "labels' scales": MappedCase("vector", "multilabel", 4, "Sigmoid"),
        "labels": MappedCase("platt", "multilabel", 4, "Sigmoid"),
        "each label": MappedCase("platt", "multilabel", 4, "Sigmoid", per_label=True),
    }
)


def host_of(case: MappedCase) -> onnx.ModelProto:
    """A classifier of 8 inputs."""
    host = onnx.parser.parse_model(
        f"""<ir_version: 8, opset_import: ["" : 17]>
        host (float[N, {PIXELS}] pixels) => (float[N, {case.n_classes}] probabilities) {{
            logits = Gemm (pixels, weight, bias)
            probabilities = {case.ending} (logits)
        }}"""
    )
    random = np.random.default_rng(1)
    for name, shape in (("weight", (PIXELS, case.n_classes)), ("bias", (case.n_classes,))):
        values = random.normal(0.0, 1.0, shape).astype(np.float32)
        host.graph.initializer.append(numpy_helper.from_array(values, name))
    return host


@cache
def rows_of(name: str, count: int = 900, seed: int = 0) -> tuple[Array, Array, Array]:
    """Inputs, the host's logits, and labels that are drawn from other scales and biases."""
    case = CASES[name]
    random = np.random.default_rng(seed)
    pixels = random.standard_normal((count, PIXELS)).astype(np.float32)
    weight, bias = (numpy_helper.to_array(t) for t in host_of(case).graph.initializer)
    logits = (pixels @ weight + bias).astype(np.float32)
    k = np.arange(case.n_classes)
    z = logits * (0.5 + 0.2 * k) + np.where(k % 2 == 0, 1.0, -1.0)
    if case.task == "multilabel" or case.n_classes == 1:
        drawn = random.random(z.shape) < 1.0 / (1.0 + np.exp(-z))
        labels = drawn.astype(np.float32)
        return pixels, logits, labels[:, 0] if case.n_classes == 1 else labels
    return pixels, logits, (z + random.gumbel(size=z.shape)).argmax(axis=1)


@cache
def fitted(name: str, score: str = "softmax") -> LogitScore:
    """A score with its map, accepting four rows of five."""
    case = CASES[name]
    _, logits, labels = rows_of(name)
    per_label: dict[str, Any] = {"per_label": True} if case.per_label else {}
    made: Any = score_class(score)
    fitted_score: LogitScore = made(task=case.task, calibration=case.calibration, **per_label)
    fitted_score.fit(logits, labels).set_threshold(coverage=0.8)
    assert fitted_score.card.calibration_map is not None
    return fitted_score
