"""Rows and labels made up for hosts that nobody has data for, by what they declare."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from support.real_hosts import Feed

from logitconf_export.hosts.candidates import Candidate
from logitconf_export.onnx_files.loading import host_inputs

ROWS, VALUES = 200, 60_000
"""At most so many rows, and about so many numbers in all of them."""

Arrays = dict[str, NDArray[Any]]


def made_rows(host: onnx.ModelProto, feeds: Mapping[str, Feed]) -> Arrays:
    """Random rows as a host declares its inputs; kinds and sizes as ``feeds`` says, if it does.

    Raises:
        ValueError: for inputs that are no tensors of numbers.
    """
    rng = np.random.default_rng(7)
    declared = {value.name: value.type.tensor_type for value in host_inputs(host)}
    shapes = {
        name: feeds.get(name, ("", tuple(dim.dim_value or 2 for dim in tensor.shape.dim)))
        for name, tensor in declared.items()
    }
    first = next(shape for _, shape in shapes.values())
    own = first[0] if first else 1
    numbers = sum(int(np.prod(shape)) for _, shape in shapes.values()) // own
    rows = max(12, min(ROWS, VALUES // max(numbers, 1)))
    arrays = {}
    for name, (kind, shape) in shapes.items():
        free = [not dim.HasField("dim_value") for dim in declared[name].shape.dim]
        axes = [axis for axis, size in enumerate(shape) if size == own]
        axis = next((a for a in axes if free[a]), axes[0] if axes and not any(free) else None)
        wanted = tuple(rows if a == axis else size for a, size in enumerate(shape))
        dtype = onnx.helper.tensor_dtype_to_np_dtype(declared[name].elem_type)
        if dtype.kind not in "fiub":
            raise ValueError(f"'{name}' takes {dtype}")
        likely = "normal" if dtype.kind == "f" else "index"
        arrays[name] = _values(rng, kind or likely, wanted).astype(dtype)
    return arrays


def _values(rng: np.random.Generator, kind: str, shape: tuple[int, ...]) -> NDArray[Any]:
    if kind == "normal":
        return np.asarray(rng.normal(size=shape))
    if kind == "unit":
        return np.asarray(rng.uniform(size=shape))
    if kind in ("byte", "index"):
        return np.asarray(rng.integers(1, 256 if kind == "byte" else 20, size=shape))
    return np.full(shape, 1 if kind == "true" else 16000)


def made_labels(values: NDArray[Any], place: Candidate) -> NDArray[Any]:
    """The model's own decisions, one in five drawn anew, so that something can be fitted."""
    rng = np.random.default_rng(8)
    columns = 1 if values.ndim == 1 else values.shape[1]
    classes = place.task != "multilabel" and columns > 1
    if classes:
        labels = values.argmax(axis=1)
        drawn = rng.integers(0, columns, labels.shape)
    else:
        labels = (values > (0.5 if place.kind == "probabilities" else 0.0)).astype(np.int64)
        labels = labels if place.task == "multilabel" else labels.reshape(-1)
        drawn = rng.integers(0, 2, labels.shape)
    return np.asarray(np.where(rng.random(labels.shape) < 0.2, drawn, labels))
