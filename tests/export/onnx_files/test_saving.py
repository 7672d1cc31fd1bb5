import os
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import parser

from logitconf.errors import LogitconfError
from logitconf_export.onnx_files.saving import Destination

WEIGHTS = np.arange(12, dtype=np.float32).tobytes()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A model whose weights lie in w.bin beside it."""
    folder = tmp_path / "source"
    folder.mkdir()
    return with_weights(folder / "host.onnx", "w.bin")


def with_weights(path: Path, location: str) -> Path:
    model = parser.parse_model(
        '<ir_version: 8, opset_import: ["": 13]> agraph (float[N,3] x) => (float[N,4] y) '
        "<float[3,4] w = {1,2,3,4,5,6,7,8,9,10,11,12}> { y = MatMul (x, w) }"
    )
    tensor = model.graph.initializer[0]
    tensor.ClearField("float_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    path.write_bytes(model.SerializeToString())
    weights = path.parent / location
    weights.parent.mkdir(exist_ok=True)
    if not weights.exists():
        weights.write_bytes(WEIGHTS)
    return path


def saved(source: Path, path: Path, *, copy_weights: bool = False, force: bool = False) -> None:
    target = Destination.of(path, source, copy_weights=copy_weights, force=force)
    target.save(onnx.load(source, load_external_data=False))


def tree(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir())


def test_nowhere_is_a_destination_too() -> None:
    Destination.of(None, b"").save(onnx.ModelProto())


def test_weights_stay_in_place_in_the_same_folder(source: Path) -> None:
    saved(source, source.parent / "out.onnx")
    assert tree(source.parent) == ["host.onnx", "out.onnx", "w.bin"]
    onnx.checker.check_model(source.parent / "out.onnx")


def test_weights_are_copied_to_another_folder_if_asked(source: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with pytest.raises(LogitconfError, match="ask for the weights to be copied"):
        saved(source, tmp_path / "other" / "out.onnx")
    saved(source, tmp_path / "other" / "out.onnx", copy_weights=True)
    assert tree(tmp_path / "other") == ["out.onnx", "w.bin"]
    assert (tmp_path / "other" / "w.bin").read_bytes() == WEIGHTS
    onnx.checker.check_model(tmp_path / "other" / "out.onnx")


def test_weights_in_a_folder_below_keep_it(tmp_path: Path) -> None:
    for name in ("source", "other"):
        (tmp_path / name).mkdir()
    path = with_weights(tmp_path / "source" / "host.onnx", "data/w.bin")
    saved(path, tmp_path / "other" / "out.onnx", copy_weights=True)
    assert tree(tmp_path / "other") == ["data/w.bin", "out.onnx"]


@pytest.mark.parametrize("name", ["w.bin", "./w.bin", "link"])
def test_the_output_is_never_a_file_of_the_models_weights(
    name: str, source: Path, tmp_path: Path
) -> None:
    (source.parent / "link").symlink_to("w.bin")
    with pytest.raises(LogitconfError, match="must not be a file of the model's weights"):
        saved(source, source.parent / name, force=True)
    assert (source.parent / "w.bin").read_bytes() == WEIGHTS
    (tmp_path / "other").mkdir()
    if name != "link":
        with pytest.raises(LogitconfError, match="must not be a file of the model's weights"):
            saved(source, tmp_path / "other" / name, copy_weights=True, force=True)
        assert tree(tmp_path / "other") == []


def test_weights_to_be_taken_in_are_no_output_either(source: Path) -> None:
    target = Destination.of(source.parent / "w.bin", source, force=True)
    with pytest.raises(LogitconfError, match="must not be a file of the model's weights"):
        target.check(onnx.load(source, load_external_data=False), embedded=True)


def test_weights_behind_a_link_that_leads_out_are_not_copied(source: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"another's")
    (source.parent / "w.bin").unlink()
    (source.parent / "w.bin").symlink_to(secret)
    (tmp_path / "other").mkdir()
    with pytest.raises(LogitconfError, match="a link that leads out of it"):
        saved(source, tmp_path / "other" / "out.onnx", copy_weights=True, force=True)
    assert tree(tmp_path / "other") == []


def test_weights_are_not_copied_through_a_link_that_leads_out(tmp_path: Path) -> None:
    for name in ("source", "other", "elsewhere"):
        (tmp_path / name).mkdir()
    path = with_weights(tmp_path / "source" / "host.onnx", "data/w.bin")
    (tmp_path / "other" / "data").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LogitconfError, match="a link that leads out of it"):
        saved(path, tmp_path / "other" / "out.onnx", copy_weights=True, force=True)
    assert tree(tmp_path / "elsewhere") == []


@pytest.mark.parametrize("location", ["../w.bin", "/etc/hostname", "a/../../w.bin", "C:\\w"])
def test_weights_said_to_lie_outside_are_not_copied(
    location: str, source: Path, tmp_path: Path
) -> None:
    model = onnx.load(source, load_external_data=False)
    model.graph.initializer[0].external_data[0].value = location
    (tmp_path / "other").mkdir()
    target = Destination.of(tmp_path / "other" / "out.onnx", source, copy_weights=True)
    with pytest.raises(LogitconfError, match=re.escape(repr(location))):
        target.save(model)
    assert tree(tmp_path / "other") == []


def test_a_pipe_in_place_of_weights_is_refused(source: Path, tmp_path: Path) -> None:
    (source.parent / "w.bin").unlink()
    os.mkfifo(source.parent / "w.bin")
    (tmp_path / "other").mkdir()
    with pytest.raises(LogitconfError, match="external data must be in a file"):
        saved(source, tmp_path / "other" / "out.onnx", copy_weights=True)


def test_another_models_weights_are_not_replaced_without_force(
    source: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "w.bin").write_bytes(b"another model's")
    with pytest.raises(LogitconfError, match="exists; name another file"):
        saved(source, other / "out.onnx", copy_weights=True)
    assert tree(other) == ["w.bin"]
    saved(source, other / "out.onnx", copy_weights=True, force=True)
    assert (other / "w.bin").read_bytes() == WEIGHTS


def test_a_model_without_a_path_has_no_weights_to_find(source: Path, tmp_path: Path) -> None:
    model = onnx.load(source, load_external_data=False)
    with pytest.raises(LogitconfError, match="give it as a path"):
        Destination.of(tmp_path / "out.onnx", model).save(model)
