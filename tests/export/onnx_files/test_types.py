"""What a model may be given as: each form is the same model to whoever takes one."""

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from logitconf_export.attachment.attaching import attach
from logitconf_export.attachment.detaching import detach
from logitconf_export.attachment.ensembles import ensemble
from logitconf_export.attachment.reattaching import reattach
from logitconf_export.attachment.retuning import retune
from logitconf_export.onnx_files.loading import load_model
from logitconf_export.onnx_files.types import ModelSource
from logitconf_export.verification.verifying import verify

TEXT = '<ir_version: 8, opset_import: ["" : 17]> g (float[N] x) => (float[N] y) { y = Abs (x) }'


@pytest.fixture
def forms(tmp_path: Path) -> dict[str, ModelSource]:
    model = onnx.parser.parse_model(TEXT)
    path = tmp_path / "host.onnx"
    onnx.save(model, path)
    return {"path": path, "str": str(path), "bytes": path.read_bytes(), "model": model}


@pytest.mark.parametrize("form", ["path", "str", "bytes", "model"])
def test_a_model_is_taken_in_every_form(forms: dict[str, ModelSource], form: str) -> None:
    assert load_model(forms[form]) == forms["model"]
    assert detach(forms[form]) == forms["model"]


@pytest.mark.parametrize("function", [attach, detach, ensemble, reattach, retune, verify])
def test_public_functions_name_the_one_type(function: Callable[..., object]) -> None:
    name = next(iter(function.__annotations__))
    assert name in ("model", "models")
    written = function.__annotations__[name]
    assert "ModelSource" in str(written) or written == ModelSource
