"""The command line: every command explains itself; nothing but the outputs is written."""

import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest
from support.command_line import (
    Rows,
    call,
    contents,
    done,
    make_files,
)
from support.example_runs import run_python

from logitconf_export.cli.app import COMMANDS


@pytest.fixture(autouse=True)
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rows:
    """The files of make_files in the working folder, and their rows."""
    monkeypatch.chdir(tmp_path)
    return make_files(tmp_path)


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str], command: str) -> None:
    out = done(capsys, f"{command} --help")
    assert f"Usage: logitconf {command}".rstrip() in out


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version_is_printed(capsys: pytest.CaptureFixture[str], option: str) -> None:
    assert done(capsys, option).startswith("logitconf 0.")


def test_the_name_alone_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert done(capsys, []).rstrip() == done(capsys, "--help").rstrip()
    assert done(capsys, "fit -h") == done(capsys, "fit --help")


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_can_be_read_at_60_columns(
    capsys: pytest.CaptureFixture[str], command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    narrow = done(capsys, f"{command} --help")
    monkeypatch.setenv("COLUMNS", "200")
    wide = done(capsys, f"{command} --help")
    assert max(map(len, narrow.splitlines())) <= 60
    # no word is broken or cut
    words = set(re.sub("[│╭╮╰╯─]", " ", wide).split())
    assert set(re.sub("[│╭╮╰╯─]", " ", narrow).split()) == words


def completions(words: str, folder: Path) -> tuple[list[str], set[str]]:
    """What bash is offered for the words typed, and which heavy packages that loads."""
    code = (
        "import os, sys\n"
        f"os.environ['COMP_WORDS'] = {words!r}\n"
        f"os.environ['COMP_CWORD'] = {str(len(words.split()) - (not words.endswith(' ')))!r}\n"
        "os.environ['_LOGITCONF_COMPLETE'] = 'complete_bash'\n"
        "from logitconf_export.cli.app import run\n"
        "try:\n    run([])\nexcept SystemExit:\n    pass\n"
        f"print('\\nloaded', *(m for m in {HEAVY!r} if m in sys.modules))"
    )
    *offered, loaded = run_python("-c", code, folder=folder, seconds=120).split("\nloaded")
    return "".join(offered).split(), set(loaded.split())


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("logitconf ", list(COMMANDS)),
        ("logitconf de", ["detach", "demo"]),
        ("logitconf fit --sc", ["--score"]),
        ("logitconf fit --score so", ["softmax", "softmax_margin"]),
        ("logitconf verify --provider cu", ["cuda", "cuda-tf32"]),
        ("logitconf verify --on open", ["openvino", "opencv"]),
        ("logitconf compare --kind l", ["logits", "log-probabilities"]),
    ],
)
def test_a_shell_is_offered_what_may_follow(words: str, offered: list[str], tmp_path: Path) -> None:
    answered, loaded = completions(words, tmp_path)
    assert sorted(answered) == sorted(offered)
    assert not loaded & {"torch", "onnx", "onnxruntime", "scipy", "numpy"}


def test_completion_can_be_installed(capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("--install-completion", "--show-completion"):
        assert option in done(capsys, "--help")


def test_no_other_file_is_written_or_changed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    before = contents(tmp_path)
    done(capsys, "fit --model host.onnx --data val.npz --score margin -o card.json")
    done(capsys, "attach host.onnx card.json -o out.onnx")
    done(capsys, "verify out.onnx --data val.npz")
    after = contents(tmp_path)
    assert set(after) - set(before) == {"card.json", "out.onnx"}
    assert {name: after[name] for name in before} == before


HEAVY = ("torch", "onnxruntime", "scipy", "onnx", "numpy", "rich")


def test_the_package_runs_as_the_command() -> None:
    assert run_python("-m", "logitconf", "--version", folder=Path(), seconds=120).startswith(
        "logitconf 0."
    )


def test_every_command_is_the_function_of_its_name_in_the_file_of_its_name() -> None:
    home = Path(import_module("logitconf_export.cli").__path__[0])
    for command, folder in COMMANDS.items():
        name = command.replace("-", "_")
        module = import_module(f"logitconf_export.cli.{folder}.{name}")
        assert inspect.isfunction(getattr(module, name))
        assert (home / folder / f"{name}.py").is_file()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            RuntimeError("no such thing"),
            "unexpected RuntimeError: no such thing .test_app.py, line",
        ),
        (MemoryError(), "not enough memory"),
        (RecursionError("too deep"), "unexpected RecursionError"),
        (OSError(28, "No space left"), "unexpected OSError"),
    ],
)
def test_a_fault_of_ours_is_no_failed_check(
    error: Exception,
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(_: object) -> None:
        raise error

    monkeypatch.setattr("logitconf_export.onnx_files.loading.load_model", broken)
    outcome = call(capsys, "inspect host.onnx")
    assert (outcome.code, outcome.out) == (2, "")
    assert re.match(f"logitconf: error: {message}", outcome.err)
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize(
    "command", ["fit", "fit --nosuch", "attach host.onnx -o x --threshold much", "nosuch"]
)
def test_wrong_usage_exits_with_2(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, command).code == 2
