"""Files that decide otherwise than their card says: what builds them, and what they start from."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx
from onnx import numpy_helper, parser

from logitconf.card.confidence import ConfidenceMap
from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.head import ConfidenceHead
from logitconf_export import attach, to_onnx

Source: TypeAlias = onnx.ModelProto | Path
Build: TypeAlias = Callable[[Path], Source]
"""Makes the file, or the model; the folder is where it may put weights."""

PREFIX = "logitconf/"
CLASSES = 5
_TEXT = """
<ir_version: 8, opset_import: ["" : 17]>
host (float[N, 8] pixels) => (float[N, 5] probabilities) {
    hidden = Gemm (pixels, weight, bias)
    logits = Identity (hidden)
    probabilities = Softmax <axis = 1> (logits)
}
"""
_TWO = """
<ir_version: 8, opset_import: ["" : 17]>
host (float[N, 8] pixels) => (float[N, 5] first, float[N, 5] second) {
    z1 = Gemm (pixels, weight, bias)
    z2 = Gemm (pixels, weight_2, bias_2)
    first = Softmax <axis = 1> (z1)
    second = Softmax <axis = 1> (z2)
}
"""


@dataclass(frozen=True, slots=True)
class Tampering:
    """One design.

    Attributes:
        build: makes it.
        caught_by: the check that names it, or words of the refusal.
    """

    build: Build
    caught_by: str


def weights(*names: str) -> list[onnx.TensorProto]:
    """Random weights and biases of 8 inputs and 5 classes."""
    random = np.random.default_rng(3)
    made = []
    for name in names:
        shape = (8, CLASSES) if name.startswith("weight") else (CLASSES,)
        values = random.standard_normal(shape).astype(np.float32)
        made.append(numpy_helper.from_array(values, name))
    return made


def plain_host() -> onnx.ModelProto:
    """One classifier; its logits lead to its probabilities."""
    host = parser.parse_model(_TEXT.replace("    logits = Identity (hidden)\n", "").replace(
        "hidden =", "logits ="
    ))  # fmt: skip
    host.graph.initializer.extend(weights("weight", "bias"))
    return host


def two_outputs() -> onnx.ModelProto:
    """Two classifiers of the same inputs."""
    host = parser.parse_model(_TWO)
    host.graph.initializer.extend(weights("weight", "bias", "weight_2", "bias_2"))
    return host


def head(
    score: str = "softmax",
    task: str = "multiclass",
    *,
    temperature: float = 1.5,
    threshold: Any = -0.6,
    form: HeadForm | None = None,
) -> ConfidenceHead:
    """A head that accepts some rows and rejects others."""
    card = ScoreCard(score, task, temperature, threshold)
    return ConfidenceHead(card, form or HeadForm(CLASSES))


def hosted(score: str = "softmax", **numbers: Any) -> onnx.ModelProto:
    """The plain host with an honest head."""
    return attach(plain_host(), head(score, **numbers))


def alone() -> onnx.ModelProto:
    """An honest head that stands alone."""
    return to_onnx(head())


def sure(change: Callable[[onnx.ModelProto], None]) -> onnx.ModelProto:
    """The plain host with an honest head that gives its confidence, and then a change."""
    knots = ConfidenceMap((-1.0, -0.75, -0.25), (0.96875, 0.75, 0.25), 500)
    card = ScoreCard("softmax", "multiclass", 1.5, -0.6, confidence=knots)
    form = HeadForm(CLASSES, outputs=("label", "confidence"))
    model = attach(plain_host(), ConfidenceHead(card, form))
    change(model)
    return model


def hosted_with(change: Callable[[onnx.ModelProto], None]) -> Build:
    """The plain host with an honest head, and then a change."""

    def build(_: Path) -> onnx.ModelProto:
        model = hosted()
        change(model)
        return model

    return build


def alone_with(change: Callable[[onnx.ModelProto], None]) -> Build:
    """An honest head that stands alone, and then a change."""

    def build(_: Path) -> onnx.ModelProto:
        model = alone()
        change(model)
        return model

    return build


def about(model: onnx.ModelProto) -> dict[str, Any]:
    """What the file says of its head."""
    entry = next(e for e in model.metadata_props if e.key == "logitconf")
    values: dict[str, Any] = json.loads(entry.value)
    return values


def say(model: onnx.ModelProto, values: Mapping[str, Any]) -> None:
    """Rewrites what the file says of its head."""
    entry = next(e for e in model.metadata_props if e.key == "logitconf")
    entry.value = json.dumps(values)


def say_attached(model: onnx.ModelProto, **words: Any) -> None:
    """Rewrites where the file says that its head sits."""
    values = about(model)
    values["attached"].update(words)
    say(model, values)


def body(text: str, shapes: str = "float[N, 5] logits") -> onnx.GraphProto:
    """Nodes and constants in ONNX text: ``<constants> { nodes }``."""
    return parser.parse_graph(f"g ({shapes}) => (float[N, 5] seen) {text}")


def insert(
    model: onnx.ModelProto, graph: onnx.GraphProto, place: int | None = None
) -> onnx.ModelProto:
    """Puts nodes and constants into the model, before the head's first node unless told where."""
    if place is None:
        names = [node.name.startswith(PREFIX) for node in model.graph.node]
        place = names.index(True) if True in names else len(names)
    for offset, node in enumerate(graph.node):
        model.graph.node.insert(place + offset, node)
    model.graph.initializer.extend(graph.initializer)
    return model


def is_head(node: onnx.NodeProto) -> bool:
    """Whether a node is the head's by its name or outputs."""
    return node.name.startswith(PREFIX) or bool({"score", "mask"} & set(node.output))


def read_instead(model: onnx.ModelProto, old: str, new: str) -> None:
    """Lets the head's nodes read another value."""
    for node in model.graph.node:
        if is_head(node):
            node.input[:] = [new if name == old else name for name in node.input]


def rename(model: onnx.ModelProto, old: str, new: str) -> None:
    """Renames a value wherever nodes make or read it, not as an output of the model."""
    for node in model.graph.node:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]


def made_by(model: onnx.ModelProto, output: str) -> onnx.NodeProto:
    """The node that makes a value."""
    node: onnx.NodeProto = next(node for node in model.graph.node if output in node.output)
    return node


def number(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    """An initializer of the head."""
    tensor: onnx.TensorProto = next(
        t for t in model.graph.initializer if t.name == f"{PREFIX}{name}"
    )
    return tensor


def drop(items: Any, unwanted: Sequence[Any]) -> None:
    """Takes items out of a repeated field."""
    for item in unwanted:
        items.remove(item)
