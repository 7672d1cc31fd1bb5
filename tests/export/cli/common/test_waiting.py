"""What a terminal shows while a command works, and that nothing else shows anything."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from logitconf.telling.progress import steps, work
from logitconf_export.cli.common.view import STDOUT, View
from logitconf_export.cli.common.waiting import working

SLOW = """
import sys, time
from logitconf.telling.progress import steps
from logitconf_export.cli.common.view import View
from logitconf_export.cli.common.waiting import working
with working("Waiting", View(quiet=sys.argv[1] == "quiet")):
    for _ in steps(range(2), "A moment"):
        pass
    for _ in steps(range(8), "Counting sheep"):
        time.sleep(0.25)
print("done")
"""


def seen_in_a_terminal(how: str) -> tuple[str, str]:
    """What stdout, a pipe, and stderr, a terminal of 80 columns, get."""
    terminal, own = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", SLOW, how],
        stdout=subprocess.PIPE,
        stderr=own,
        stdin=own,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "80"},
    ) as process:
        os.close(own)
        drawn = b"".join(iter(lambda: _read(terminal), b""))
        assert process.stdout is not None
        out = process.stdout.read().decode()
        assert process.wait(60) == 0
    os.close(terminal)
    return out, drawn.decode()


def _read(terminal: int) -> bytes:
    """What was drawn since; nothing where the other end is closed."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def test_a_terminal_sees_what_is_done_and_the_time_left() -> None:
    out, drawn = seen_in_a_terminal("loud")
    assert out == "done\n"
    assert "Waiting" in drawn
    assert "Counting sheep" in drawn
    assert "50%" in drawn
    assert "00:01" in drawn
    # what is over in a moment gets no line
    assert "A moment" not in drawn


def test_a_terminal_sees_nothing_of_it_where_little_was_asked_for() -> None:
    assert seen_in_a_terminal("quiet") == ("done\n", "")


@pytest.mark.parametrize("view", [None, View(), View(quiet=True), View(json=STDOUT)])
def test_nothing_is_drawn_where_stderr_is_no_terminal(
    view: View | None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    with working("Fitting", view):
        assert list(steps([1, 2], "Running")) == [1, 2]
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("view", [View(quiet=True), View(json=STDOUT)])
def test_a_quiet_command_and_one_that_writes_json_draw_nothing(
    view: View, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with working("Fitting", view):
        pass
    assert capsys.readouterr() == ("", "")


def test_work_of_unknown_length_and_json_in_a_file_are_no_obstacle(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with working("Fitting", View(json=Path("x.json"))), work("Reading", None) as advance:
        advance(3)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Fitting" in printed.err
