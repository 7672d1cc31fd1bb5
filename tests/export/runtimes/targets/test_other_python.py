"""An onnxruntime in an environment of its own."""

import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from support.runtime_jobs import HIGHEST, LOWEST, job

from logitconf.errors import MissingExtraError
from logitconf_export.runtimes.targets.other_python import OtherPython


def test_it_runs_the_onnxruntime_of_that_python() -> None:
    runtime = OtherPython("onnxruntime of here", Path(sys.executable))
    assert runtime.load() == onnxruntime.__version__
    (answer,) = runtime.run([job()])
    np.testing.assert_array_equal(answer, [HIGHEST, LOWEST])


def test_an_environment_that_is_missing_is_named_before_anything_runs(tmp_path: Path) -> None:
    runtime = OtherPython("onnxruntime 1.15", tmp_path / "python")
    for ask in (runtime.load, lambda: runtime.run([job()])):
        with pytest.raises(MissingExtraError, match=f"1.15 needs an environment at {tmp_path}"):
            ask()
