"""OpenCV, with a stand-in: what it is asked for, and which versions will do."""

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support.runtime_jobs import HIGHEST, LOWEST, MODEL, ROWS, job

from logitconf.errors import MissingExtraError
from logitconf_export.runtimes.protocol import Job, RunError
from logitconf_export.runtimes.targets.opencv import OpenCv


class RefusalError(Exception):
    """OpenCV's own error."""


class Net:
    """Reads the rows as OpenCV does: by name, and only as a contiguous array."""

    def __init__(self) -> None:
        self.rows: Any = None

    def setInput(self, value: Any, name: str) -> None:  # noqa: N802
        assert name == "logits"
        assert value.flags.c_contiguous
        self.rows = value

    def forward(self, names: list[str]) -> list[Any]:
        outputs = {"lowest": self.rows.min(axis=1), "highest": self.rows.max(axis=1)}
        return [outputs[name] for name in names]


def read(data: Any, *, engine: int) -> Net:
    if engine != 3 or data.tobytes() != MODEL:
        raise RefusalError("not read")
    return Net()


def test_models_are_read_by_the_new_engine_and_its_errors_are_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dnn = SimpleNamespace(ENGINE_NEW=3, readNetFromONNX=read)
    opencv = SimpleNamespace(__version__="5.0.0", error=RefusalError, dnn=dnn)
    monkeypatch.setitem(sys.modules, "cv2", opencv)
    assert OpenCv().load() == "5.0.0"
    columns_first = Job(MODEL, {"logits": np.asfortranarray(ROWS)}, ("highest", "lowest"))
    good, bad = OpenCv().run([columns_first, job(b"nonsense")])
    np.testing.assert_array_equal(good, [HIGHEST, LOWEST])
    assert bad == RunError("RefusalError: not read")


def test_an_opencv_before_the_new_engine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    old = SimpleNamespace(__version__="4.12.0", dnn=SimpleNamespace())
    monkeypatch.setitem(sys.modules, "cv2", old)
    with pytest.raises(MissingExtraError, match=r"OpenCV 5 is needed, got 4\.12\.0; install"):
        OpenCv().load()
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingExtraError, match="opencv-python-headless is not installed"):
        OpenCv().load()
