"""Examples that need a service or an environment of their own."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import pytest
from google.protobuf import text_format  # type: ignore[import-untyped]
from numpy.typing import NDArray
from support.example_runs import EXAMPLES, digits_folder, run_shown, shown
from support.installed_runtimes import HOME
from support.printed import check_printed

from logitconf_export.attachment.attaching import attach
from logitconf_export.heads.metadata import read_metadata

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

Array = NDArray[Any]


@pytest.fixture(scope="module")
def digits() -> Path:
    """A folder with the model in it."""
    return digits_folder()


@pytest.fixture(scope="module")
def pixels(digits: Path) -> Array:
    return np.fromfile(digits / "model" / "pixels.f32", dtype="<f4").reshape(-1, 64)


@pytest.fixture(scope="module")
def decided(digits: Path, pixels: Array) -> tuple[Array, Array, Array]:
    """Digit, score and mask of every row, by onnxruntime."""
    session = onnxruntime.InferenceSession(
        digits / "model" / "model.onnx", providers=["CPUExecutionProvider"]
    )
    logits, score, mask = session.run(["logits", "score", "mask"], {"pixels": pixels})
    return logits.argmax(axis=1), score, mask


@pytest.fixture
def client(digits: Path, monkeypatch: pytest.MonkeyPatch) -> "Iterator[TestClient]":
    testing = pytest.importorskip("fastapi.testclient", reason="fastapi or httpx is not installed")
    monkeypatch.setenv("MODEL", str(digits / "model" / "model.onnx"))
    monkeypatch.syspath_prepend(str(EXAMPLES / "fastapi_service"))
    with testing.TestClient(import_module("service").app) as started:
        yield started
    sys.modules.pop("service")


def test_the_service_answers_as_the_model_decides(
    client: "TestClient", pixels: Array, decided: tuple[Array, Array, Array]
) -> None:
    response = client.post("/digits", json={"images": pixels.tolist()})
    assert response.status_code == 200
    digit, score, mask = decided
    answers = response.json()
    expected = [int(d) if accepted else None for d, accepted in zip(digit, mask, strict=True)]
    assert [answer["digit"] for answer in answers] == expected
    assert None in expected
    np.testing.assert_allclose([answer["probability"] for answer in answers], -score, rtol=1e-6)


@pytest.mark.parametrize(
    "images", [[], [[0.0] * 63], [[0.0] * 65], [[1e300] * 64], [[-0.1] * 64], [["x"] * 64]]
)
def test_the_service_refuses_what_is_no_image(
    client: "TestClient", images: list[list[object]]
) -> None:
    assert client.post("/digits", json={"images": images}).status_code == 422


def run_apart(name: str, python: str, folder: Path, packages: str = "") -> str:
    """Runs the command of an example's README by a Python of its own, and compares."""
    ((command, expected),) = shown(name)
    _, script, *arguments = command.split()
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    if packages:
        environment["PYTHONPATH"] = packages
    ran = subprocess.run(
        [python, str(EXAMPLES.parent / script), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,  # these packages talk of themselves on stderr
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    check_printed(ran.stdout, expected)
    return ran.stdout


def installed(name: str) -> Path:
    """A folder of packages, or an environment, that `install_runtimes --examples` makes."""
    if not (HOME / name).is_dir():
        pytest.skip(f"{name} is not installed; tests/support/install_runtimes --examples does it")
    return HOME / name


def test_executorch_decides_as_torch_does(tmp_path: Path) -> None:
    packages = os.pathsep.join([*sys.path, str(installed("executorch"))])
    run_shown("pt2", tmp_path)
    printed = run_apart("executorch_program", sys.executable, tmp_path, packages)
    assert re.search("by ExecuTorch: 0 of 697", printed)


def test_mlflow_logs_loads_and_serves_score_and_mask(digits: Path) -> None:
    python = installed("mlflow") / "bin" / "python"
    assert "False" not in run_apart("mlflow_model", str(python), digits)


def test_optimum_loses_the_mask_in_a_task_s_class_and_keeps_it_in_the_custom_one(
    digits: Path,
) -> None:
    printed = run_apart("optimum_model", str(installed("optimum") / "bin" / "python"), digits)
    assert "ORTModelForImageClassification: logits\n" in printed


def test_the_repository_is_what_triton_s_own_schema_describes(digits: Path) -> None:
    run_shown("triton_repository", digits)
    home = digits / "repository" / "digits"
    assert (home / "1" / "model.onnx").read_bytes() == (digits / "model/model.onnx").read_bytes()
    path = installed("triton") / "tritonclient" / "grpc" / "model_config_pb2.py"
    spec = spec_from_file_location("model_config_pb2", path)
    assert spec is not None
    assert spec.loader is not None
    schema = module_from_spec(spec)
    spec.loader.exec_module(schema)
    config = text_format.Parse((home / "config.pbtxt").read_text(), schema.ModelConfig())
    session = onnxruntime.InferenceSession(
        home / "1/model.onnx", providers=["CPUExecutionProvider"]
    )
    names = {"tensor(float)": "TYPE_FP32", "tensor(bool)": "TYPE_BOOL"}
    for described, values in (
        (config.input, session.get_inputs()),
        (config.output, session.get_outputs()),
    ):
        assert [each.name for each in described] == [value.name for value in values]
        for each, value in zip(described, values, strict=True):
            assert schema.DataType.Name(each.data_type) == names[value.type]
            # Triton puts the batch in front of the shape after reshaping
            shape = list(each.reshape.shape) if each.HasField("reshape") else list(each.dims)
            assert shape == value.shape[1:]
            assert len(each.dims) > 0
    assert config.max_batch_size > 0
    with pytest.raises(text_format.ParseError, match="no field named"):
        text_format.Parse("max_batch_sise: 4", schema.ModelConfig())


def test_names_of_classes_become_triton_s_labels(digits: Path, tmp_path: Path) -> None:
    names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    plain = digits / "model" / "model.onnx"
    card = read_metadata(onnx.load(plain)).card
    attach(plain, card, tmp_path / "model.onnx", class_names=names)
    for source, home in ((plain.parent, tmp_path / "plain"), (tmp_path, tmp_path / "named")):
        program = EXAMPLES / "triton_repository" / "make_repository.py"
        subprocess.run([sys.executable, program, source, home], check=True, capture_output=True)
    plain_config, config = (
        (tmp_path / name / "digits" / "config.pbtxt").read_text() for name in ("plain", "named")
    )
    assert not (tmp_path / "plain" / "digits" / "labels.txt").exists()
    assert (tmp_path / "named" / "digits" / "labels.txt").read_text().splitlines() == names
    line = '    label_filename: "labels.txt"\n'
    assert config.replace(line, "", 1) == plain_config
    assert f'name: "logits"\n    data_type: TYPE_FP32\n    dims: [ 10 ]\n{line}' in config
