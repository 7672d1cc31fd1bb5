"""The command ``export``: a head alone decides as the formula says."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from support import reference
from support.command_line import (
    Rows,
    card,
    decide,
    done,
    make_files,
)

SCORE_TOLERANCE = 1e-5
"""Float32 scores of logits below 20 against float64 ones; rounding is below 4e-6."""


@pytest.fixture(autouse=True)
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rows:
    """The files of make_files in the working folder, and their rows."""
    monkeypatch.chdir(tmp_path)
    return make_files(tmp_path)


@pytest.mark.parametrize("options", ["", "--opset 13 --precision float64", "--runtime onnxruntime"])
def test_export_writes_a_head_that_decides_alone(
    made: Rows, capsys: pytest.CaptureFixture[str], options: str
) -> None:
    done(capsys, "fit logits.npz --score entropy --coverage 0.6 -o card.json")
    done(capsys, f"export card.json -o head.onnx {options}")
    found, mask = decide("head.onnx", made.logits)
    expected = reference.score("entropy", made.logits, card()["temperature"])
    np.testing.assert_allclose(found, expected, atol=SCORE_TOLERANCE)
    assert np.count_nonzero(mask) == 300
    assert onnx.load("head.onnx").opset_import[0].version == (13 if "13" in options else 17)
