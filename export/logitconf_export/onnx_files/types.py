"""The types that travel between rooms: arrays, and what a model may be given as."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy.typing as npt

if TYPE_CHECKING:
    import onnx

Array: TypeAlias = npt.NDArray[Any]
Arrays: TypeAlias = Mapping[str, Array]
"""Arrays by name: the inputs of a model, or the content of a file."""

ModelSource: TypeAlias = "str | Path | bytes | onnx.ModelProto"
"""A model as a file, its bytes or itself."""
