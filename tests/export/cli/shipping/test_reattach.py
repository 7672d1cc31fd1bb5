"""The command ``reattach``: heads that a conversion rewired are put back."""

from pathlib import Path

import onnx
import pytest
from support import command_line, several_hosts, variants
from support.command_line import Rows, call, done, make_files

from logitconf_export import reattach


@pytest.fixture(autouse=True)
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rows:
    """The files of make_files in the working folder, and their rows."""
    monkeypatch.chdir(tmp_path)
    return make_files(tmp_path)


def test_a_head_that_a_conversion_rewired_is_put_back(capsys: pytest.CaptureFixture[str]) -> None:
    done(capsys, "attach host.onnx --score softmax --threshold -0.7 -o headed.onnx")
    onnx.save(variants.half(onnx.load("headed.onnx")), "half.onnx")
    assert call(capsys, "verify half.onnx --data val.npz").code == 1
    out = done(capsys, "reattach half.onnx -o mended.onnx")
    assert out.startswith("Reattached: mended.onnx accepts score < −0.70")
    assert "z: logits, 4 classes on axis 1" in out
    assert onnx.load("mended.onnx") == reattach("half.onnx")
    done(capsys, "verify mended.onnx --data val.npz")


def test_heads_of_several_places_are_put_back(capsys: pytest.CaptureFixture[str]) -> None:
    onnx.save(several_hosts.three_softmaxes(), "three.onnx")
    given = "--score softmax --threshold -0.6 --several joint"
    done(capsys, f"attach three.onnx {given} -o joint.onnx")
    out = done(capsys, "reattach joint.onnx -o again.onnx")
    assert "has 3 heads, which judge first, second and third by one decision" in out
    assert onnx.load("again.onnx") == onnx.load("joint.onnx")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("reattach host.onnx -o new.onnx", "must have a head .* got none; attach one first"),
        ("reattach none.onnx -o new.onnx", "none.onnx must be a readable ONNX file"),
        ("reattach host.onnx --force -o host.onnx", "must not be the input host.onnx"),
    ],
)
def test_misuse_is_refused_and_writes_nothing(
    command: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    done(capsys, "fit logits.npz --score softmax -o one.json")
    command_line.refused(capsys, command, message)
