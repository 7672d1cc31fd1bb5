"""What a person at a terminal and a program behind a pipe get to see."""

import re
import warnings

import pytest

from logitconf.errors import LogitconfWarning
from logitconf_export.cli.common.output import (
    print_error,
    print_facts,
    print_line,
    print_table,
    warnings_as_lines,
)
from logitconf_export.cli.results.layout import shown

LONG = "a value that is longer than any terminal is wide " * 4


def test_behind_a_pipe_nothing_is_cut_or_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    print_facts("card.json", [("score", "energy"), ("note", LONG)])
    out = capsys.readouterr().out
    assert out == f"card.json\n  score  energy\n  note   {LONG.rstrip()}\n"


def test_columns_are_aligned_behind_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("", ("a", "bb"), [("1", "2"), ("333", "4")])
    assert capsys.readouterr().out == "  a    bb\n  1    2\n  333  4\n"


def test_a_terminal_gets_a_table_with_every_word(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    print_table("Scores", ("name", "value"), [("a[b]", "1.5"), ("long", LONG)])
    out = capsys.readouterr().out
    assert "a[b]" in out
    assert max(len(line) for line in re.sub("\x1b\\[[0-9;]*m", "", out).splitlines()) <= 60
    assert out.count("terminal") == LONG.count("terminal")


def test_an_error_is_one_line_and_its_choices_below(capsys: pytest.CaptureFixture[str]) -> None:
    print_error("several places\nhold logits; name one:\n  'a': logits\n  'b': logits")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == (
        "logitconf: error: several places hold logits; name one:\n  'a': logits\n  'b': logits\n"
    )


def test_our_warnings_are_lines_and_others_stay_themselves(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with warnings.catch_warnings(record=True) as recorded:
        warnings.simplefilter("always")
        with warnings_as_lines():
            warnings.warn("two\nlines", LogitconfWarning, stacklevel=1)
            warnings.warn("theirs", DeprecationWarning, stacklevel=1)
    assert [str(warning.message) for warning in recorded] == ["theirs"]
    assert capsys.readouterr().err == "logitconf: warning: two lines\n"


ESCAPES = "a\x1b[31mb\x1b]0;owned\x07\r\nc\x9b1m\u202ed"
SPELLED = r"a\x1b[31mb\x1b]0;owned\x07\r\nc\x9b1m\u202ed"


def test_escapes_in_names_are_shown_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    print_line(ESCAPES)
    print_facts(ESCAPES, [(ESCAPES, ESCAPES)])
    assert capsys.readouterr().out == f"{SPELLED}\n{SPELLED}\n  {SPELLED}  {SPELLED}\n"
    print_error(ESCAPES.replace("\n", ""))
    assert capsys.readouterr().err == f"logitconf: error: {SPELLED.replace(chr(92) + 'n', '')}\n"


def test_markup_in_names_is_shown_and_not_obeyed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    print_facts("[red]host[/red].onnx", [("[bold]name[/bold]", f"[blink]{ESCAPES}")])
    out = capsys.readouterr().out
    assert "[red]host[/red].onnx" in out
    assert "[bold]name[/bold]" in out
    assert f"[blink]{SPELLED}" in out


def test_text_of_every_script_stays_as_it_is() -> None:
    assert shown("größer → 90 % · 信頼度") == "größer → 90 % · 信頼度"
