"""Ports in words: names, types and dims, and what has none of them."""

import onnx
from onnx import TensorProto, helper

from logitconf_export.onnx_files.ports import port_type, port_words


def test_dims_are_sizes_names_or_not_known() -> None:
    value = helper.make_tensor_value_info("x", TensorProto.INT64, ["N", 3, None])
    assert port_type(value) == ("int64", ["N", 3, "?"])
    assert port_words(value) == "x int64 [N, 3, ?]"


def test_types_of_newer_files_and_what_is_no_tensor_are_told_too() -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [])
    value.type.tensor_type.elem_type = 999
    assert port_words(value) == "x type 999 []"
    assert port_words(onnx.ValueInfoProto(name="map")) == "map"
