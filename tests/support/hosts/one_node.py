"""One node at work: what the tables say of it beside what the reference evaluator computes."""

from typing import Any, cast

import numpy as np
import onnx
from onnx import parser
from onnx.reference import ReferenceEvaluator
from support.hosts.text import host

from logitconf_export.hosts.candidates import Candidate
from logitconf_export.hosts.graph.indexing import index_model
from logitconf_export.hosts.graph.scope import Shape
from logitconf_export.hosts.operators.table import OPERATORS
from logitconf_export.hosts.reading import read_host


def said_and_computed(
    body: str, shape: tuple[int, ...] = (2, 3, 4), weights: str = "float unused = {0.0}"
) -> tuple[Shape | None, tuple[int, ...]]:
    """The shape of y that is inferred, and the one that the evaluator gives."""
    dims = ", ".join(map(str, shape))
    model = parser.parse_model(
        f'<ir_version: 8, opset_import: ["": 17]> agraph (float[{dims}] x) => (float[] y) '
        f"<{weights}> {{ {body} }}"
    )
    model.graph.output[0].type.tensor_type.ClearField("shape")
    x = np.linspace(-1, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape)
    (y,) = cast("list[Any]", ReferenceEvaluator(model).run(None, {"x": x}))
    return index_model(model, OPERATORS).fact("y").shape, y.shape


def first(body: str, **parts: str) -> Candidate:
    """The first candidate of a host."""
    return read_host(read_model(body, **parts)).candidates[0]


def refusal(body: str, **parts: str) -> str:
    """Why the first output of a host is refused."""
    return read_host(read_model(body, **parts)).refused[0].reason


def read_model(body: str, **parts: str) -> onnx.ModelProto:
    """A host by its text."""
    return parser.parse_model(host(body, **parts))  # type: ignore[arg-type]
