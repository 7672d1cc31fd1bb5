"""Examples that need a service or an environment of their own."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from support.example_runs import EXAMPLES, check_printed, digits_folder, run_shown, shown
from support.installed_runtimes import HOME

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

Array = NDArray[Any]
EXECUTORCH = HOME / "executorch"


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


def test_executorch_decides_as_torch_does(tmp_path: Path) -> None:
    if not EXECUTORCH.is_dir():
        pytest.skip("executorch is not installed; install_runtimes --examples does it")
    run_shown("pt2", tmp_path)
    ((command, expected),) = shown("executorch_program")
    _, script, folder = command.split()
    ran = subprocess.run(
        [sys.executable, str(EXAMPLES.parent / script), folder],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(EXECUTORCH)])},
        capture_output=True,  # its libraries talk of this machine's processor on stderr
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    check_printed(ran.stdout, expected)
    assert re.search("by ExecuTorch: 0 of 697", ran.stdout)
