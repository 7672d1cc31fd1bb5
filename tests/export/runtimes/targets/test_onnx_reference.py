"""The evaluator of onnx."""

import numpy as np
import onnx
from onnx import parser
from support.runtime_jobs import HIGHEST, LOWEST, job

from logitconf_export.runtimes.protocol import Job, RunError
from logitconf_export.runtimes.targets.onnx_reference import OnnxReference


def model(body: str) -> bytes:
    head = '<ir_version: 8, opset_import: ["": 17, "own": 1]> g (float[N] x) => (float[N] y)'
    return bytes(parser.parse_model(f"{head} {body}").SerializeToString())


def test_it_is_that_of_the_installed_onnx_and_gives_the_outputs_asked_for() -> None:
    assert OnnxReference().load() == onnx.__version__
    (answer,) = OnnxReference().run([job()])
    np.testing.assert_array_equal(answer, [HIGHEST, LOWEST])


def test_a_log_of_zero_is_a_value_and_no_warning() -> None:
    """Warnings are errors in these tests, so a warning would fail here."""
    feeds = {"x": np.array([0.0, 1.0, -1.0], np.float32)}
    (answer,) = OnnxReference().run([Job(model("{ y = Log(x) }"), feeds, ("y",))])
    np.testing.assert_array_equal(answer, [[-np.inf, 0.0, np.nan]])


def test_what_it_cannot_run_is_an_answer() -> None:
    feeds = {"x": np.zeros(2, np.float32)}
    unknown, nonsense = OnnxReference().run(
        [Job(model("{ y = own.Unknown(x) }"), feeds, ("y",)), job(b"nonsense")]
    )
    assert isinstance(unknown, RunError)
    assert "Unknown" in unknown.reason
    assert isinstance(nonsense, RunError)
