"""Every command's result at every width, in colour and without, as words and as JSON."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from support.command_line import call, done, make_files
from support.report_schema import check_report

from logitconf_export.cli.app import COMMANDS
from logitconf_export.cli.results.layout import cells
from logitconf_export.cli.results.result import Result

SCRIPT = """
fit --model host.onnx --data val.npz --risk 0.4 --holdout 0.5 -o card.json
fit logits.npz --score margin --cost 5,1 -o cost.json
compare logits.npz
attach host.onnx card.json -o out.onnx
export card.json -o head.onnx
inspect card.json
inspect host.onnx
inspect plain.onnx
inspect out.onnx
verify out.onnx --data val.npz
verify edited.onnx --data val.npz
retune out.onnx --coverage 0.6 --data val.npz -o tuned.onnx
recertify out.onnx --data val.npz -o anew.onnx
recertify card.json --data logits.npz -o anew.json
drift out.onnx tuned.onnx --data val.npz
detach out.onnx -o back.onnx
reattach out.onnx -o mended.onnx
ensemble host.onnx host.onnx -o joined.onnx
report out.onnx --data val.npz -o page.html
monitor out.onnx --data rows.npz
monitor out.onnx --data dark.npz
doctor
measure-runtime --on numpy --only ReduceMax -o tables.json
demo --out digits
"""
PAINTED = re.compile("\x1b\\[[0-9;]*m")


@dataclass(frozen=True)
class Shown:
    """A command, what it hands over, and its JSON."""

    command: str
    result: Result
    values: Any


def edited() -> None:
    """A model whose threshold another tool has changed."""
    model = onnx.load("out.onnx")
    for tensor in model.graph.initializer:
        if tensor.name == "logitconf/threshold":
            tensor.float_data[:] = []
            tensor.raw_data = b"\x00\x00\x40\xbf"
    onnx.save(model, "edited.onnx")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Shown]]:
    """Every command, run once."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("screens")
        patch.chdir(folder)
        make_files(folder)
        for name, shift in (("rows", 0.0), ("dark", 0.5)):
            score = np.linspace(-1.0, -0.4, 500, dtype=np.float32) + np.float32(shift)
            np.savez(f"{name}.npz", score=score, mask=score < -0.6, right=score < -0.7)
        results: list[Result] = []
        lines = Result.lines

        def recorded(result: Result, *given: Any, **options: Any) -> Any:
            results.append(result)
            return lines(result, *given, **options)

        patch.setattr(Result, "lines", recorded)
        from logitconf_export.cli.app import run

        shown = []
        for command in SCRIPT.strip().splitlines():
            if "edited" in command:
                edited()
            assert run([*command.split(), "--json", "result.json", "--force", "-q"]) in (0, 1)
            values = json.loads(Path("result.json").read_text())
            shown.append(Shown(command, results[-1], values))
        assert len(results) == len(shown)
        patch.setattr(Result, "lines", lines)
        yield shown


def screen(result: Result, width: int | None) -> list[str]:
    return [
        "".join(span.text for span in line).rstrip() for line in result.lines(width, verbose=True)
    ]


def words(lines: list[str]) -> list[str]:
    """All words, but for what holds the lines of a command together and the items of a list."""
    return [word.rstrip(",") for line in lines for word in line.split() if word not in ("\\", ",")]


def test_every_command_is_played(played: list[Shown]) -> None:
    assert {each.command.split()[0] for each in played} == set(COMMANDS)


def split(whole: list[str], narrow: list[str]) -> list[str]:
    """Words of a narrow screen that the whole one does not have."""
    known = {*words(whole)}
    # a shell's quotes may stand elsewhere in a command that goes over several lines
    bare = {word.replace("'", "") for word in known}
    return [
        word for word in words(narrow) if word not in known and word.replace("'", "") not in bare
    ]


def test_at_no_width_a_word_or_a_number_is_split(played: list[Shown]) -> None:
    for each in played:
        whole = screen(each.result, None)
        for width in range(40, 121):
            assert split(whole, screen(each.result, width)) == [], (each.command, width)


def test_a_split_number_would_be_seen() -> None:
    assert split(["AURC 0.0060"], ["AURC 0.0", "060"]) == ["0.0", "060"]


def test_lines_are_no_longer_than_the_screen_but_for_one_long_word(played: list[Shown]) -> None:
    for each in played:
        for width in (60, 80):
            for line in screen(each.result, width):
                room = width - (len(line) - len(line.lstrip()))
                longest = max(map(cells, line.split()), default=0)
                glued = re.search(r"[\[\]±<>=→%]", line) is not None
                assert cells(line) <= width or longest > room // 2 or glued, (each.command, line)


def test_every_command_writes_json_as_the_schema_says(played: list[Shown]) -> None:
    for each in played:
        check_report(each.values)
        if each.values["report"] != "drift":
            assert each.values["verdict"] == each.result.verdict


def test_the_commands_in_the_json_are_those_that_are_printed(played: list[Shown]) -> None:
    for each in played:
        printed = [
            line.partition(" with: ")[2]
            for line in screen(each.result, None)
            if " with: logitconf " in line
        ]
        if "next" in each.values:
            assert [step["command"] for step in each.values["next"]] == printed


@pytest.mark.usefixtures("played")
def test_json_on_stdout_is_alone_there(capsys: pytest.CaptureFixture[str]) -> None:
    out = done(capsys, "inspect card.json --json -")
    check_report(json.loads(out))
    out = done(capsys, "attach host.onnx card.json -o again.onnx --json -")
    assert json.loads(out)["file"]["path"] == "again.onnx"


@pytest.mark.usefixtures("played")
def test_a_card_on_stdout_is_alone_there_and_words_go_to_stderr(
    capsys: pytest.CaptureFixture[str],
) -> None:
    outcome = call(capsys, "fit logits.npz --score margin -o -")
    assert json.loads(outcome.out)["score"] == "margin"
    assert outcome.err.startswith("Fitted: ")
    outcome = call(capsys, "fit logits.npz --score margin -o - --json -")
    assert (outcome.code, outcome.out) == (2, "")
    assert "must not go to one place, both were stdout" in outcome.err


@pytest.mark.usefixtures("played")
def test_a_model_on_stdout_is_what_a_file_would_hold() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "logitconf", *shlex.split("attach host.onnx card.json -o -")],
        capture_output=True,
        check=True,
        timeout=120,
    )
    assert onnx.load_from_string(ran.stdout) == onnx.load("out.onnx")
    assert ran.stderr.startswith(b"Attached: ")


@pytest.mark.usefixtures("played")
@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colours_say_nothing_alone_and_are_left_out_where_nobody_wants_them(
    variable: str,
    value: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    painted = call(capsys, "inspect card.json").out
    assert painted.startswith("\x1b[1mCard:\x1b[0m")
    monkeypatch.setenv(variable, value)
    plain = call(capsys, "inspect card.json").out
    assert "\x1b" not in plain
    assert PAINTED.sub("", painted) == plain
