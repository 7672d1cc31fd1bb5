"""OpenVINO, with a stand-in: what it is told, and what becomes of its outputs and errors."""

import sys
from importlib import metadata
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support.runtime_jobs import HIGHEST, LOWEST, job

from logitconf.errors import MissingExtraError
from logitconf_export.runtimes.protocol import RunError
from logitconf_export.runtimes.targets.openvino import OpenVino


class Core:
    """Compiles whatever it is given, and refuses nonsense."""

    asked: tuple[str, dict[str, str]]

    def read_model(self, model: bytes, weights: bytes) -> bytes:
        if model == b"nonsense" or weights:
            raise RuntimeError("not a model")
        return model

    def compile_model(self, model: bytes, device: str, hints: dict[str, str]) -> Any:
        del model
        Core.asked = (device, hints)
        return lambda feeds: {
            "lowest": feeds["logits"].min(axis=1),
            "highest": feeds["logits"].max(axis=1),
        }


def test_it_computes_in_float32_on_the_cpu_and_outputs_go_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without the hint it would compute in bfloat16 where the processor can."""
    monkeypatch.setitem(sys.modules, "openvino", SimpleNamespace(Core=Core))
    good, bad = OpenVino().run([job(), job(b"nonsense")])
    np.testing.assert_array_equal(good, [HIGHEST, LOWEST])
    assert bad == RunError("RuntimeError: not a model")
    assert Core.asked == ("CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def test_its_version_is_that_of_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", SimpleNamespace(__version__="0-of-the-build"))
    monkeypatch.setattr(metadata, "version", {"openvino": "2026.4.0"}.__getitem__)
    assert OpenVino().load() == "2026.4.0"
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingExtraError, match="openvino is not installed; install it with pip"):
        OpenVino().load()
