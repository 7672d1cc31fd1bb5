"""onnxruntime in this process."""

import numpy as np
import onnxruntime
import pytest
from support.runtime_jobs import HIGHEST, LOWEST, MODEL, job

from logitconf_export.runtimes.protocol import RunError
from logitconf_export.runtimes.targets.onnxruntime import OnnxRuntime


def test_it_runs_on_the_cpu_alone_and_is_of_the_installed_version() -> None:
    runtime = OnnxRuntime()
    assert runtime.load() == onnxruntime.__version__
    session = runtime.open(MODEL, runtime.settings())
    assert session.get_providers() == ["CPUExecutionProvider"]


def test_a_job_that_fails_says_nothing_on_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    good, no_output, no_model = OnnxRuntime().run([job(), job(outputs=("mean",)), job(b"nonsense")])
    np.testing.assert_array_equal(good, [HIGHEST, LOWEST])
    assert isinstance(no_output, RunError)
    assert "mean" in no_output.reason
    assert isinstance(no_model, RunError)
    assert capfd.readouterr() == ("", "")
