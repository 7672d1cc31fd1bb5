"""The command ``compare`` and its plots."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from support.command_line import Rows, call, card, done, make_files

from logitconf.fitting.comparison import compare_scores
from logitconf.scores.table import SCORES


@pytest.fixture(autouse=True)
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rows:
    monkeypatch.chdir(tmp_path)
    return make_files(tmp_path)


def test_compare_prints_every_score_and_what_to_take(
    made: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = done(capsys, "compare logits.npz --seed 3")
    found = compare_scores(made.logits, made.labels, seed=3)
    lines = printed.splitlines()
    assert lines[0].startswith(f"Take {found.best}: AURC {found.standings[0].aurc.estimate:.4f}")
    assert f"250 rows, {found.errors} errors; fitted on 250 others" in lines
    for standing in found.standings:
        row = next(line.split() for line in lines if line.split()[:1] == [standing.score])
        assert row[1] == f"{standing.aurc.estimate:.4f}"
        assert ("worse" in row) == (not standing.tied)
    detailed = done(capsys, "compare logits.npz --seed 3 -v")
    for name in SCORES:
        assert name in detailed
    assert f"{found.standings[-1].e_aurc:.6f}" in detailed


def test_the_next_command_fits_the_best_score_on_rows_that_it_was_not_compared_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    printed = done(capsys, "compare logits.npz --seed 3 --holdout 0.6")
    command = shlex.split(printed.splitlines()[-1].partition("fit with: logitconf ")[2])
    assert command[command.index("--holdout") + 1] == "0.4"
    assert command[command.index("--seed") + 1] == "3"
    done(capsys, command)
    assert f"Take {card()['score']}:" in printed


def test_calibrations_are_compared_too_and_the_next_command_names_the_best(
    capsys: pytest.CaptureFixture[str],
) -> None:
    printed = done(capsys, "compare logits.npz --calibration temperature --calibration vector")
    assert "softmax (vector)" in printed
    assert "Probabilities by what calibrated them" in printed
    command = shlex.split(printed.splitlines()[-1].partition("fit with: logitconf ")[2])
    done(capsys, command)
    named = "--calibration" in command
    assert (card().get("calibration_map") is not None) == named


def test_a_host_is_run_for_its_logits(capsys: pytest.CaptureFixture[str]) -> None:
    printed = done(capsys, "compare --model host.onnx --data val.npz")
    assert "250 rows" in printed


MISUSE = {
    "another kind": ("compare logits.npz --plot curves.pdf", ".png or .svg, got curves.pdf"),
    "a plot that exists": ("compare logits.npz --plot host.onnx.png", "host.onnx.png exists"),
    "no rows": ("compare", "one .npz file must be given"),
    "no file": ("compare absent.npz", "absent.npz"),
    "a bad share": ("compare logits.npz --holdout 1.5", "holdout must be a share"),
    "a place without a model": ("compare logits.npz --logits z", "got no model"),
    "logits said to be probabilities": (
        "compare logits.npz --kind probabilities",
        "probabilities must lie in [0, 1] and sum to 1 in each row, got other values",
    ),
}


@pytest.mark.parametrize("case", MISUSE)
def test_misuse_is_one_sentence(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("host.onnx.png").write_bytes(b"")
    command, words = MISUSE[case]
    outcome = call(capsys, command)
    assert outcome.code == 2
    assert words in outcome.err
    assert Path("host.onnx.png").read_bytes() == b""


def test_without_matplotlib_the_extra_is_named(tmp_path: Path) -> None:
    """In a process of its own, where the package cannot be imported."""
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from logitconf_export.cli.app import run\n"
        "sys.exit(run(['compare', 'logits.npz', '--plot', 'curves.png']))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert finished.returncode == 2
    assert 'pip install "logitconf[plot]"' in finished.stderr
    assert not (tmp_path / "curves.png").exists()
