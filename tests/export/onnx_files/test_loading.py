"""Loading of hosts: what is refused, and what is left alone."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper, parser
from support.hosts.text import LOGITS, host

from logitconf.errors import LogitconfError
from logitconf_export.onnx_files.loading import (
    external_tensors,
    host_opset,
    is_model,
    load_model,
)


@pytest.fixture
def model() -> onnx.ModelProto:
    return parser.parse_model(host(f"{LOGITS} y = Softmax(z)"))


def with_external(location: str, **entries: str) -> onnx.ModelProto:
    """A host whose one weight lies in another file."""
    model: onnx.ModelProto = parser.parse_model(
        host("y = MatMul(x, w)", weights="float[4, 3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}")
    )
    tensor = model.graph.initializer[0]
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=value)
    return model


def test_a_path_bytes_and_a_model_load_alike(model: onnx.ModelProto, tmp_path: Path) -> None:
    path = tmp_path / "host.onnx"
    path.write_bytes(model.SerializeToString())
    for source in (path, str(path), model.SerializeToString(), model):
        assert load_model(source) == model


def test_every_truncation_is_refused_or_a_smaller_model(model: onnx.ModelProto) -> None:
    content = model.SerializeToString()
    refused = 0
    for length in range(len(content)):
        try:
            load_model(content[:length])
        except LogitconfError:
            refused += 1
    # A cut between two fields leaves a valid message; few places are such.
    assert refused > 0.9 * len(content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is an empty file"),
        (b"PK\x03\x04rest", "a zip archive"),
        (b"version https://git-lfs.github.com/spec/v1", "a Git LFS pointer"),
        (b"\x00\x00\x00\x00ORTM", "use the .onnx file"),
        (b"\xff\xff\xff\xff", "cannot be parsed"),
        (onnx.ModelProto(ir_version=8).SerializeToString(), "at least one output"),
    ],
)
def test_what_is_no_onnx_model_is_refused_with_what_it_is(content: bytes, words: str) -> None:
    with pytest.raises(LogitconfError, match=words):
        load_model(content)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LogitconfError, match="readable ONNX file"):
        load_model(tmp_path / "none.onnx")
    with pytest.raises(LogitconfError, match="readable ONNX file"):
        load_model(tmp_path)
    with pytest.raises(LogitconfError, match="readable ONNX file"):
        load_model("a\0b")


def test_names_that_are_not_text_are_refused(model: onnx.ModelProto) -> None:
    content = model.SerializeToString().replace(b"MatMul", b"Mat\xf5ul")
    with pytest.raises(LogitconfError, match="names in UTF-8"):
        load_model(content)


@pytest.mark.parametrize(
    "location",
    ["", "../w.bin", "a/../../w.bin", "/etc/w.bin", "C:w.bin", "C:\\w.bin", "\\\\host\\w", "a\0b"],
)
def test_external_data_outside_the_folder_is_refused(location: str) -> None:
    with pytest.raises(LogitconfError, match="in the model's own folder"):
        load_model(with_external(location))


def test_external_data_with_two_locations_are_refused() -> None:
    model = with_external("w.bin")
    model.graph.initializer[0].external_data.add(key="location", value="../w.bin")
    with pytest.raises(LogitconfError, match="in the model's own folder"):
        load_model(model)


def test_external_data_in_a_subgraph_is_checked_too() -> None:
    inner = with_external("../w.bin").graph
    node = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    graph = helper.make_graph([node], "g", [], [helper.make_tensor_value_info("y", 1, None)])
    with pytest.raises(LogitconfError, match="in the model's own folder"):
        load_model(helper.make_model(graph))


def test_external_data_stay_where_they_are_unless_asked_for(tmp_path: Path) -> None:
    weights = np.arange(12, dtype=np.float32).reshape(4, 3)
    path = tmp_path / "host.onnx"
    path.write_bytes(with_external("w.bin").SerializeToString())
    assert [t.name for t in external_tensors(load_model(path))] == ["w"]
    with pytest.raises(LogitconfError, match="must be readable"):
        load_model(path, external_data=True)
    (tmp_path / "w.bin").write_bytes(weights.tobytes())
    loaded = load_model(path, external_data=True)
    assert not list(external_tensors(loaded))
    np.testing.assert_array_equal(numpy_helper.to_array(loaded.graph.initializer[0]), weights)


def test_external_data_need_a_path() -> None:
    with pytest.raises(LogitconfError, match="given as a path, got ModelProto"):
        load_model(with_external("w.bin"), external_data=True)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside.bin").write_bytes(bytes(48))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "w.bin").symlink_to(tmp_path / "outside.bin")
    (folder / "host.onnx").write_bytes(with_external("w.bin").SerializeToString())
    with pytest.raises(LogitconfError, match="a link that leads out of it"):
        load_model(folder / "host.onnx", external_data=True)


@pytest.mark.parametrize(
    ("imports", "ir", "expected"),
    [
        ('"": 17', 8, 17),
        ('"ai.onnx": 11', 7, 11),
        ('"": 17, "": 13', 8, 13),
        ('"ai.onnx": 13, "": 17', 8, 17),
        ('"ai.onnx.ml": 1', 3, 8),
        ('"ai.onnx.ml": 1', 8, 18),
        ('"ai.onnx.ml": 1', 99, 26),
    ],
)
def test_the_opset_is_the_last_import_or_the_newest_of_the_ir(
    imports: str, ir: int, expected: int
) -> None:
    assert host_opset(parser.parse_model(host("y = Relu(x)", imports=imports, ir=ir))) == expected


def test_an_opset_below_one_is_refused(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 0
    with pytest.raises(LogitconfError, match="must be 1 or more, got 0"):
        host_opset(model)


def test_a_model_is_told_from_a_card_by_its_name_or_kind() -> None:
    model = onnx.ModelProto()
    assert all(is_model(source) for source in ("a.onnx", Path("b"), b"", model))
    assert not any(is_model(source) for source in ("card.json", Path("CARD.JSON"), object()))
