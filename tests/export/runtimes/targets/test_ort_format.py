"""onnxruntime with models in its own format."""

from typing import Any

import numpy as np
import pytest
from support.runtime_jobs import HIGHEST, LOWEST, MODEL, job

from logitconf_export.runtimes.protocol import RunError
from logitconf_export.runtimes.targets.onnxruntime import OnnxRuntime
from logitconf_export.runtimes.targets.ort_format import OrtFormat


def test_the_model_that_runs_is_one_in_the_own_format(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[bytes] = []
    real = OnnxRuntime.open

    def kept(runtime: OnnxRuntime, model: bytes, settings: Any) -> Any:
        opened.append(model)
        return real(runtime, model, settings)

    monkeypatch.setattr(OnnxRuntime, "open", kept)
    (answer,) = OrtFormat().run([job()])
    np.testing.assert_array_equal(answer, [HIGHEST, LOWEST])
    written, read = opened
    assert written == MODEL
    # the identifier of the flatbuffer
    assert read[4:8] == b"ORTM"


def test_a_model_that_cannot_be_converted_is_an_answer() -> None:
    bad, good = OrtFormat().run([job(b"nonsense"), job()])
    assert isinstance(bad, RunError)
    np.testing.assert_array_equal(good, [HIGHEST, LOWEST])
