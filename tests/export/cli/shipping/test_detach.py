"""The command ``detach``: the host comes back, or all heads but one go."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from support import command_line, several_hosts
from support.command_line import Rows, call, done, make_files

from logitconf_export import detach
from logitconf_export.heads.metadata import read_heads

CLOSE = 1e-5
"""Products and exponentials of two libraries in float32."""


@pytest.fixture(autouse=True)
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rows:
    """The files of make_files in the working folder, and their rows."""
    monkeypatch.chdir(tmp_path)
    return make_files(tmp_path)


def test_detach_gives_back_the_host(capsys: pytest.CaptureFixture[str]) -> None:
    done(capsys, "attach host.onnx --score margin --threshold -1 -o out.onnx")
    done(capsys, "detach out.onnx -o back.onnx")
    assert onnx.load("back.onnx") == onnx.load("host.onnx")


@pytest.mark.parametrize("several", ["each", "joint"])
def test_one_head_of_several_is_kept(several: str, capsys: pytest.CaptureFixture[str]) -> None:
    onnx.save(several_hosts.three_softmaxes(), "three.onnx")
    given = f"--score softmax --temperature 1.5 --threshold -0.6 --several {several}"
    done(capsys, f"attach three.onnx {given} -o all.onnx")
    out = done(capsys, "detach all.onnx --keep second -o one.onnx")
    assert out.startswith("Detached: one.onnx accepts score < −0.60")
    assert "judges       second, by" in out
    (head,) = read_heads(onnx.load("one.onnx")).heads
    assert head.attached is not None
    assert head.attached.output == "second"
    names = list(head.attached.outputs)
    found = several_hosts.run(onnx.load("one.onnx"), names)
    expected = several_hosts.expected_scores()[1]
    np.testing.assert_allclose(found[names[0]], expected, rtol=CLOSE, atol=CLOSE)
    np.testing.assert_array_equal(found[names[1]], found[names[0]] < np.float32(-0.6))
    assert detach("one.onnx") == onnx.load("three.onnx")
    refused = call(capsys, "detach all.onnx --keep fourth -o other.onnx")
    assert refused.code == 2
    assert "['first', 'second', 'third']" in refused.err
    assert not Path("other.onnx").exists()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("detach host.onnx --keep classes -o new.onnx", "must have a head to take off, got none"),
    ],
)
def test_misuse_is_refused_and_writes_nothing(
    command: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    done(capsys, "fit logits.npz --score softmax -o one.json")
    command_line.refused(capsys, command, message)
