"""Damaged hosts give a head or a sentence; what the fuzz itself would call a fault."""

import signal
import sys
import time
from pathlib import Path

import pytest
from support import fuzz

from logitconf_export.onnx_files.loading import load_model

CASES = 2000
COMMANDS = 2


def test_damaged_hosts_are_attached_or_refused(tmp_path: Path) -> None:
    ended, _ = fuzz.run_cases(20, CASES, tmp_path, ["softmax"])
    assert sum(ended.values()) == CASES
    for damage in (*fuzz.BYTES, *fuzz.CHANGES):
        assert ended[damage.__name__, "refused"] > CASES / 100
    attached = sum(count for (_, how), count in ended.items() if how == "attached")
    assert attached > CASES / 20


def test_damaged_files_with_heads_are_edited_or_refused(tmp_path: Path) -> None:
    ended = fuzz.run_edits(30, 150, tmp_path, fuzz.EDITS[:4])
    assert {name.rpartition(" ")[0] for name in ended} == {*fuzz.EDITS[:4]}
    assert min(ended.values()) > 15
    verified = fuzz.run_edits(31, 6, tmp_path, fuzz.EDITS[4:])
    assert sum(verified.values()) == 6


def test_the_command_on_damaged_hosts_ends_with_exit_code_0_or_2(tmp_path: Path) -> None:
    assert sum(fuzz.run_commands(6, COMMANDS, tmp_path).values()) == COMMANDS


def test_a_case_that_hangs_is_stopped_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(*_: object) -> str:
        while True:
            time.process_time()

    monkeypatch.setattr(fuzz, "outcome", endless)
    monkeypatch.setattr(fuzz, "CPU_SECONDS", 0.1)
    with pytest.raises(RuntimeError, match="case 0 of seed 9") as caught:
        fuzz.run_cases(9, 1, tmp_path)
    assert isinstance(caught.value.__cause__, fuzz.HangError)
    Path(str(caught.value).partition("kept in ")[2]).unlink()
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


def test_a_command_is_ended_by_the_time_it_computes_not_by_the_time_that_passes() -> None:
    asleep = [sys.executable, "-S", "-c", "import time; time.sleep(1.5)"]
    endless = [sys.executable, "-S", "-c", "while True: pass"]
    assert fuzz.run_limited(asleep, 1).returncode == 0
    assert fuzz.run_limited(endless, 1).returncode == -signal.SIGXCPU


def test_a_command_that_hangs_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "COMMAND_CPU_SECONDS", 0)
    with pytest.raises(RuntimeError, match=f"command 0 of seed 6 .*: exit code -{signal.SIGXCPU}"):
        fuzz.run_commands(6, 1, tmp_path)


def test_a_refusal_that_leaves_a_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "left").touch()
    with pytest.raises(fuzz.WrongOutcomeError, match="a refusal left a file"):
        fuzz.outcome(b"no model", "softmax", tmp_path / "out.onnx")


def test_the_same_seed_gives_the_same_cases() -> None:
    assert list(fuzz.cases(3, 50)) == list(fuzz.cases(3, 50))
    assert list(fuzz.cases(3, 50)) != list(fuzz.cases(4, 50))
    assert all(load_model(content) for content in fuzz.seeds())
