"""Rows for a host that nobody has data for: inputs of declared shapes, and labels for a place."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from logitconf_export.hosts.candidates import Candidate
from logitconf_export.onnx_files.loading import host_inputs
from logitconf_export.runtimes.host_runs import run_host, with_output

Feeds = dict[str, NDArray[Any]]

ROWS, LENGTH = 40, 5
"""How many rows, and the size of every other free dimension."""
DRAWN = 0.5
"""Share of the labels that are drawn at random, so that a temperature can be fitted."""


def made_up_inputs(model: onnx.ModelProto, shape: tuple[int, ...] = (), rows: int = ROWS) -> Feeds:
    """An array for every input.

    Args:
        model: the host.
        shape: of the first input, where it declares no size.
        rows: on the axis that has the name of the first free one, else on the first axis.
    """
    random = np.random.default_rng(0)
    declared = [_dims(value) for value in host_inputs(model)]
    batch = next((dim for dims in declared for dim in dims if isinstance(dim, str) and dim), None)
    feeds: Feeds = {}
    for value, dims in zip(host_inputs(model), declared, strict=True):
        hint = shape if len(shape) == len(dims) else (LENGTH,) * len(dims)
        sizes = [
            size if isinstance(size, int) else given for size, given in zip(dims, hint, strict=True)
        ]
        if sizes:
            sizes[dims.index(batch) if batch in dims else 0] = rows
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type))
        if dtype.kind == "f":
            feeds[value.name] = random.normal(size=sizes).astype(dtype)
        else:
            feeds[value.name] = np.full(sizes, 1 if dtype.kind == "b" else LENGTH, dtype)
    return feeds


def _dims(value: onnx.ValueInfoProto) -> list[int | str]:
    return [dim.dim_value or dim.dim_param for dim in value.type.tensor_type.shape.dim]


def made_up_logits(model: onnx.ModelProto, feeds: Feeds, place: Candidate) -> NDArray[Any]:
    """What the place holds, (n, K); positions are rows."""
    if place.batch_axis not in place.position_axes:
        values = run_host(model, feeds, place, folder=Path())
        return values.reshape(len(values), -1)
    # positions folded into the rows already: more rows than go in, which run_host refuses
    session = onnxruntime.InferenceSession(
        with_output(model, place.tensor).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return np.asarray(session.run([place.tensor], feeds)[0])


def made_up_labels(
    model: onnx.ModelProto, feeds: Feeds, place: Candidate, task: str
) -> NDArray[np.int64]:
    """What the place predicts for some rows, what is drawn for the others; positions are rows."""
    random = np.random.default_rng(1)
    values = made_up_logits(model, feeds, place)
    if task == "multilabel" or values.shape[1] == 1:
        predicted = (values > (0.5 if place.kind == "probabilities" else 0.0)).astype(np.int64)
        other = random.integers(0, 2, predicted.shape)
    else:
        predicted = np.asarray(values.argmax(axis=1), np.int64)
        other = random.integers(0, values.shape[1], predicted.shape)
    labels = np.where(random.random(predicted.shape) < DRAWN, other, predicted)
    return labels if task == "multilabel" else labels.reshape(-1)
