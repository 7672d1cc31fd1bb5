"""Whoever reads, or stops reading, or stops the command: its exit code says what it did."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from support.command_line import contents, done, make_files

COMMAND = [sys.executable, "-m", "logitconf"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": ":".join(sys.path)}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    make_files(tmp_path)
    return tmp_path


def without_a_reader(*arguments: str) -> tuple[int, str]:
    """Exit code and stderr of a command whose stdout is closed at the other end."""
    reader, writer = os.pipe()
    os.close(reader)
    ran = subprocess.run(
        [*COMMAND, *arguments],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        timeout=120,
        check=False,
    )
    os.close(writer)
    return ran.returncode, ran.stderr


def test_a_closed_pipe_ends_quietly_and_changes_no_verdict(
    capsys: pytest.CaptureFixture[str],
) -> None:
    done(capsys, "attach host.onnx --score margin --threshold -1 -o out.onnx")
    assert without_a_reader("verify", "out.onnx") == (0, "")
    model = onnx.load("out.onnx")
    threshold = next(t for t in model.graph.initializer if t.name == "logitconf/threshold")
    threshold.float_data[:] = []
    threshold.raw_data = b"\0\0\0\xc0"
    onnx.save(model, "edited.onnx")
    assert without_a_reader("verify", "edited.onnx") == (1, "")


@pytest.mark.parametrize("command", ["--help", "fit --help", "--version", "inspect host.onnx"])
def test_help_that_nobody_reads_on_is_no_error(command: str) -> None:
    assert without_a_reader(*command.split()) == (0, "")


def test_output_is_spelled_where_it_cannot_be_encoded() -> None:
    ran = subprocess.run(
        [*COMMAND, *["fit", "logits.npz", "--score", "margin", "-o", "card.json"]],
        env={**ENVIRONMENT, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert b" -> " in ran.stdout
    assert b" +/- " in ran.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
def test_a_full_disk_is_said() -> None:
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(
            [*COMMAND, "inspect", "host.onnx"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
            timeout=120,
            check=False,
        )
    assert ran.returncode == 2
    assert b"cannot write to stdout: No space left" in ran.stderr


def test_a_stream_that_is_closed_is_no_error() -> None:
    shell = f"{sys.executable} -m logitconf inspect host.onnx >&-"
    ran = subprocess.run(
        ["sh", "-c", shell], stderr=subprocess.PIPE, env=ENVIRONMENT, timeout=120, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, b"")


WAITING = """
import signal, sys, time
def rows():
    # what a shell starts in the background ignores it
    signal.signal(signal.SIGINT, signal.default_int_handler)
    print("ready", file=sys.stderr, flush=True)
    # one long wait would miss a signal that comes just before it
    while True:
        time.sleep(0.01)
"""


@pytest.mark.skipif(not hasattr(signal, "pause"), reason="needs signals of POSIX")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_command_with_its_code_and_leaves_no_file(
    number: int, code: int, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done(capsys, "attach host.onnx --score margin --threshold -1 -o out.onnx")
    Path("waiting.py").write_text(WAITING)
    before = set(contents(folder))
    running = subprocess.Popen(
        [*COMMAND, *["verify", "out.onnx", "--inputs", "waiting:rows", "--json", "report.json"]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**ENVIRONMENT, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert running.stderr is not None
    assert running.stderr.readline() == b"ready\n"
    running.send_signal(number)
    out, err = running.communicate(timeout=120)
    assert (running.returncode, out, err) == (code, b"", b"")
    assert set(contents(folder)) == before
