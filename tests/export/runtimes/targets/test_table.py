"""Runtimes by name: each row is there, and what is missing says how to install it."""

import sys

import numpy as np
import onnxruntime
import pytest
from onnx import parser

from logitconf.errors import LogitconfError, MissingExtraError
from logitconf_export.runtimes.protocol import Job, RunError
from logitconf_export.runtimes.targets.table import RUNTIMES, RuntimeRequest

MODEL = parser.parse_model(
    '<ir_version: 8, opset_import: ["": 17]> g (float[N, 2] logits) => (float[N] score) '
    "{ score = ReduceMax<axes = [1], keepdims = 0>(logits) }"
)
X = np.array([[1, 3], [5, 2]], dtype=np.float32)


@pytest.mark.parametrize("name", RUNTIMES)
def test_every_runtime_runs_a_model_or_says_how_to_get_it(name: str) -> None:
    missing = ""
    try:
        runtime, version = RuntimeRequest(name).load()
    except MissingExtraError as error:
        missing = str(error)
    if missing:
        assert "install" in missing
        return
    assert version[0].isdigit()
    nonsense, answer = runtime.run(
        [Job(b"nonsense", {"logits": X}), Job(MODEL.SerializeToString(), {"logits": X}, ("score",))]
    )
    assert isinstance(nonsense, RunError)
    assert not isinstance(answer, RunError), answer
    np.testing.assert_array_equal(answer[0], [3, 5])


def test_a_version_is_as_asked_for_or_said() -> None:
    version = onnxruntime.__version__
    major = version.split(".")[0]
    for wanted in (version, major, ""):
        assert RuntimeRequest("onnxruntime", wanted).load()[1] == version
    with pytest.raises(MissingExtraError, match=f"0.1 was asked for, but {version} is installed"):
        RuntimeRequest("onnxruntime", "0.1").load()


def test_a_name_that_is_none_is_refused() -> None:
    assert RuntimeRequest.of("tract==0.21") == RuntimeRequest("tract", "0.21")
    assert RuntimeRequest.of("/venv/bin/python").name == "/venv/bin/python"
    with pytest.raises(LogitconfError, match=r"runtime must be one of .*'openvino'.*got 'tvm'"):
        RuntimeRequest.of("tvm")
    with pytest.raises(LogitconfError, match=r"got 'wasm'; did you mean 'onnxruntime-web'\?"):
        RuntimeRequest.of("wasm")


def test_another_python_runs_its_own_onnxruntime_and_a_missing_one_is_said() -> None:
    runtime, version = RuntimeRequest.of(sys.executable).load()
    assert version == onnxruntime.__version__
    (answer,) = runtime.run([Job(MODEL.SerializeToString(), {"logits": X}, ("score",))])
    assert not isinstance(answer, RunError)
    np.testing.assert_array_equal(answer[0], [3, 5])
    with pytest.raises(MissingExtraError, match="needs an environment at"):
        RuntimeRequest.of("/no/such/python").load()
