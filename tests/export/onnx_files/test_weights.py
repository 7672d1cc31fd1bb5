"""Weights in other files: which they are, how large, and taking them in."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from logitconf.errors import LogitconfError
from logitconf_export.onnx_files.loading import load_model
from logitconf_export.onnx_files.weights import embed_weights, embedded_size, weight_files

WEIGHT = np.arange(12.0, dtype=np.float32).reshape(3, 4)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A layer whose weight lies in `weights.bin`."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "layer",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 3])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["N", 4])],
        [numpy_helper.from_array(WEIGHT, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path / "layer.onnx"
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    return path


def test_the_files_of_the_weights_are_named_and_not_read(outside: Path) -> None:
    model = load_model(outside)
    (outside.parent / "weights.bin").unlink()
    assert weight_files(model) == ("weights.bin",)


def test_weights_that_are_taken_in_are_those_of_the_file(outside: Path) -> None:
    model = load_model(outside)
    embed_weights(model, outside)
    assert weight_files(model) == ()
    (stored,) = model.graph.initializer
    np.testing.assert_array_equal(numpy_helper.to_array(stored), WEIGHT)


def test_the_size_counts_the_weights_without_reading_them(outside: Path) -> None:
    model = load_model(outside)
    alone = model.ByteSize()
    assert embedded_size(model, outside) == alone + WEIGHT.nbytes


def test_a_model_without_a_path_cannot_find_its_weights(outside: Path) -> None:
    with pytest.raises(LogitconfError, match=r"keeps weights in \['weights.bin'\]; give it as a"):
        embed_weights(load_model(outside), None)


def test_a_file_that_is_gone_is_named(outside: Path) -> None:
    model = load_model(outside)
    (outside.parent / "weights.bin").unlink()
    with pytest.raises(LogitconfError, match=r"weights"):
        embed_weights(model, outside)


def test_what_one_file_cannot_hold_is_refused_before_it_is_read(outside: Path) -> None:
    model = load_model(outside)
    for entry in model.graph.initializer[0].external_data:
        if entry.key == "length":
            entry.value = str(2**31)
    with pytest.raises(LogitconfError, match="holds less than 2 GiB"):
        embed_weights(model, outside)
