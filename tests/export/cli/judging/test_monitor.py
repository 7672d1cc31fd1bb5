"""The command that watches rows as they come."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.command_line import call, done, make_files, refused

ROWS = 2000


@pytest.fixture(autouse=True)
def fitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A certified card, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    make_files(tmp_path)
    done(capsys, "fit logits.npz --holdout 0.5 --risk 0.4 -o card.json")


def stream(shift: float, wrong: float = 0.0) -> None:
    """Writes scores of calibration's middle, shifted, and labels of which some are wrong."""
    card = json.loads(Path("card.json").read_text(encoding="utf-8"))
    generator = np.random.default_rng(0)
    low, high = card["sketch"]["cutoffs"][0], card["threshold"]
    score = np.full(ROWS, low + shift, dtype=np.float32)
    right = (generator.random(ROWS) >= wrong).astype(np.int64)
    np.savez("rows.npz", score=score, mask=score < high, right=right)


def test_a_quiet_stream_holds_and_the_log_is_gone_on_with(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stream(0.0)
    command = "monitor card.json --data rows.npz --log monitor.log"
    assert done(capsys, command).startswith("HOLDS: nothing speaks against it, after 2,000 rows")
    assert done(capsys, command).startswith("HOLDS: nothing speaks against it, after 4,000 rows")
    assert "after 4,000 rows" in done(capsys, "monitor card.json --log monitor.log")
    other = "monitor card.json --log monitor.log --margin 0.1"
    refused(capsys, other, "monitor.log is the log of another card, alpha or margin")


def test_changed_inputs_and_a_broken_promise_are_told_apart(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stream(10.0)
    changed = call(capsys, "monitor card.json --data rows.npz")
    assert changed.code == 1
    assert changed.out.startswith("IN DOUBT: the inputs have changed, after 2,000 rows")
    stream(0.0, wrong=0.6)
    broken = call(capsys, "monitor card.json --data rows.npz --json -")
    assert broken.code == 1
    values = json.loads(broken.out)
    assert (values["report"], values["state"]) == ("monitor", "void")
    assert list(values["alarms"]) == ["promise broken"]


def test_a_copy_runs_where_there_is_no_logitconf(capsys: pytest.CaptureFixture[str]) -> None:
    stream(0.0)
    done(capsys, "monitor card.json --copy watch")
    assert sorted(path.name for path in Path("watch").iterdir()) == ["card.json", "monitor.py"]
    command = [sys.executable, "-I", "monitor.py", "card.json", "monitor.log", "../rows.npz"]
    alone = subprocess.run(
        command, cwd="watch", capture_output=True, text=True, timeout=60, check=False
    )
    assert alone.returncode == 0, alone.stderr
    assert alone.stdout.startswith("holds: 2000 rows")
    refused(capsys, "monitor card.json --copy watch", "watch exists")


def test_what_does_not_fit_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    np.savez("rows.npz", score=np.zeros(3))
    refused(capsys, "monitor card.json --data rows.npz", "'mask'")
    done(capsys, "fit logits.npz -o plain.json")
    card = json.loads(Path("plain.json").read_text(encoding="utf-8"))
    del card["sketch"]
    Path("plain.json").write_text(json.dumps(card), encoding="utf-8")
    refused(capsys, "monitor plain.json", "must have a sketch of its scores")
