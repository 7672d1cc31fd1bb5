"""Models as other tools change them: onnxruntime's quantisation, onnxconverter-common's float16."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
import pytest
from numpy.typing import NDArray
from onnxruntime import quantization

from logitconf_export import head_nodes

Feeds = Mapping[str, NDArray[Any]]


class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
    """Hands out one batch."""

    def __init__(self, feeds: Feeds) -> None:
        self.left = iter([dict(feeds)])

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        return next(self.left, None)


def static(
    model: onnx.ModelProto,
    folder: Path,
    feeds: Feeds,
    activations: str = "QUInt8",
    exclude: bool = True,
) -> onnx.ModelProto:
    """In int8, with ranges from the feeds."""
    source, target = folder / "float.onnx", folder / "static.onnx"
    source.write_bytes(model.SerializeToString())
    quantization.quantize_static(
        source,
        target,
        Reader(feeds),
        quant_format=quantization.QuantFormat.QDQ,
        activation_type=quantization.QuantType[activations],
        weight_type=quantization.QuantType.QInt8,
        nodes_to_exclude=list(head_nodes(model)) if exclude else [],
    )
    return onnx.load(target)


def dynamic(model: onnx.ModelProto, folder: Path) -> onnx.ModelProto:
    """In int8, with ranges from each batch."""
    source, target = folder / "float.onnx", folder / "dynamic.onnx"
    source.write_bytes(model.SerializeToString())
    quantization.quantize_dynamic(source, target, nodes_to_exclude=list(head_nodes(model)))
    return onnx.load(target)


def half(model: onnx.ModelProto) -> onnx.ModelProto:
    """In float16, inputs and outputs as they were."""
    float16 = pytest.importorskip("onnxconverter_common.float16")
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the float32 number", UserWarning)  # tiny weights
        converted: onnx.ModelProto = float16.convert_float_to_float16(
            copy, keep_io_types=True, node_block_list=list(head_nodes(model))
        )
    return converted
