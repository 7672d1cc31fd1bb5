"""The command ``retune``: other numbers in a head decide as the formula says."""

from pathlib import Path

import numpy as np
import pytest
from support import reference
from support.command_line import Rows, decide, done, make_files


@pytest.fixture(autouse=True)
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rows:
    """The files of make_files in the working folder, and their rows."""
    monkeypatch.chdir(tmp_path)
    return make_files(tmp_path)


def test_retune_changes_the_decisions_of_an_attached_head(
    made: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    done(capsys, "attach host.onnx --score margin --threshold -1 -o out.onnx")
    done(capsys, "retune out.onnx --threshold -2.5 --temperature 0.5 -o tuned.onnx")
    _, mask = decide("tuned.onnx", made.pixels)
    expected = reference.score("margin", made.logits, 0.5) < -2.5
    np.testing.assert_array_equal(mask, expected)
    done(capsys, "verify tuned.onnx --data val.npz")
