"""What a graph says of its values: element type, shape, and the numbers of small constants."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

Dimension = int | str | None
"""A size, the name of a free size, or None where nothing is known."""

_SMALL = 4096


@dataclass(frozen=True, slots=True)
class TensorFacts:
    """What the graph says of a value's type.

    Attributes:
        dtype: ``onnx.TensorProto.DataType``; 0 where unknown or no tensor.
        shape: a dimension for each axis, None where even the rank is unknown.
    """

    dtype: int = 0
    shape: tuple[Dimension, ...] | None = None

    @property
    def rank(self) -> int | None:
        """The number of axes, if known."""
        return None if self.shape is None else len(self.shape)

    def size(self, axis: int | None) -> int | None:
        """The size of an axis, if the axis and its size are known."""
        if axis is None or self.shape is None or not -len(self.shape) <= axis < len(self.shape):
            return None
        size = self.shape[axis]
        return size if isinstance(size, int) else None


UNKNOWN = TensorFacts()


def small_array(tensor: TensorProto) -> NDArray[np.generic] | None:
    """The tensor's numbers if they are few and stored inside the model."""
    elements = 1
    for size in tensor.dims:
        elements *= size
    return tensor_array(tensor) if 0 <= elements <= _SMALL else None


def tensor_facts(tensor: TensorProto) -> TensorFacts:
    """Type and shape of a stored tensor; sizes below 0 are unknown."""
    return TensorFacts(tensor.data_type, tuple(int(d) if d >= 0 else None for d in tensor.dims))


def tensor_array(tensor: TensorProto) -> NDArray[np.generic] | None:
    """The tensor's numbers, None where they are in another file or do not fit its shape."""
    if tensor.data_location == TensorProto.EXTERNAL:
        return None
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError):
        return None


def short(name: str, limit: int = 120) -> str:
    """A name quoted for a message, cut where it is very long."""
    return repr(name if len(name) <= limit else f"{name[:limit]}...")


def value_facts(values: Iterable[onnx.ValueInfoProto]) -> dict[str, TensorFacts]:
    """Type and shape of each value; sizes below 1 stand for unknown ones in old exporters."""
    facts: dict[str, TensorFacts] = {}
    for value in values:
        kind = value.type.WhichOneof("value")
        if kind != "tensor_type":
            facts[value.name] = UNKNOWN
            continue
        tensor = value.type.tensor_type
        shape: tuple[Dimension, ...] | None = None
        if tensor.HasField("shape"):
            shape = tuple(
                (d.dim_value if d.dim_value > 0 else None)
                if d.HasField("dim_value")
                else (d.dim_param or None)
                for d in tensor.shape.dim
            )
        facts[value.name] = TensorFacts(tensor.elem_type, shape)
    return facts
