"""No line breaks a word or a number, at any width; what is too wide becomes a list."""

import re
import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logitconf_export.cli.results.layout import (
    Line,
    cells,
    facts,
    shown,
    table,
    wrapped,
    wrapped_command,
)

BREAKS = re.compile(r"(?<![±<>=×→]) +(?![%±<>=×→\[]|[\w?, ]{0,24}\])")
"""Blanks where a line may end: not within 30 %, ± 0.19, score < −0.70 or float [N, 4]."""
WIDTHS = st.integers(40, 120)
WORDS = st.lists(
    st.one_of(
        st.floats(allow_nan=False).map(lambda x: f"{x:.6f}"),
        st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=30),
        st.sampled_from(["34.02%,", "0.0060", "±", "%", "信頼度", "a-very-long-file-name" * 4]),
    ),
    max_size=30,
)


def text_of(lines: list[Line]) -> list[str]:
    return ["".join(span.text for span in line) for line in lines]


@given(WORDS, WIDTHS)
def test_wrapped_lines_hold_the_same_words_and_no_more_than_fit(
    words: list[str], width: int
) -> None:
    lines = wrapped(" ".join(words), width, "  ")
    assert " ".join(lines).split() == " ".join(words).split()
    for line in lines:
        # what is glued together or longer than a line stands alone
        assert cells(line) <= width or len(BREAKS.split(line.strip())) == 1


@given(
    st.lists(st.tuples(st.text("abc ", min_size=1, max_size=20), WORDS), max_size=6),
    st.one_of(st.none(), WIDTHS),
)
def test_facts_keep_every_word_whole(pairs: list[tuple[str, list[str]]], width: int | None) -> None:
    lines = text_of(list(facts([(name, " ".join(words)) for name, words in pairs], width)))
    expected = [word for name, words in pairs for word in (*name.split(), *words)]
    assert " ".join(lines).split() == " ".join(expected).split()


CELLS = st.lists(
    st.lists(WORDS.map(" ".join).map(str.strip), min_size=4, max_size=4), min_size=1, max_size=5
)


@given(CELLS, WIDTHS)
def test_a_table_of_any_width_splits_no_word(rows: list[list[str]], width: int) -> None:
    columns = ("score", "AURC", "interval", "why")
    lines = text_of(list(table(columns, rows, width, flowing=("why",))))
    written = " ".join(lines).replace(",", " ").split()
    for row in rows:
        for word in " ".join(row).replace(",", " ").split():
            assert word in written


def test_a_table_that_is_too_wide_becomes_a_list() -> None:
    rows = [("margin", "0.285206", "0.224005 to 0.365654"), ("energy", "0.333147", "")]
    columns = ("score", "AURC", "interval")
    wide = text_of(list(table(columns, rows, 40)))
    assert wide[1] == "  margin  0.285206  0.224005 to 0.365654"
    narrow = text_of(list(table(columns, rows, 39)))
    assert narrow == [
        "  margin",
        "    AURC 0.285206,",
        "    interval 0.224005 to 0.365654",
        "  energy",
        "    AURC 0.333147",
    ]


def test_a_column_of_sentences_is_wrapped_before_a_table_becomes_a_list() -> None:
    rows = [("z", "4", "because a Softmax node reads it and nothing else does")]
    lines = text_of(list(table(("tensor", "classes", "why"), rows, 50, flowing=("why",))))
    assert lines == [
        "  tensor  classes  why",
        "  z       4        because a Softmax node reads it",
        "                   and nothing else does",
    ]


def test_signs_and_units_stay_with_their_numbers() -> None:
    assert wrapped("accepts score < −0.70 or 9.1 % more", 16) == [
        "accepts",
        "score < −0.70 or",
        "9.1 % more",
    ]
    assert wrapped("classes float [N, 4]", 18) == ["classes", "float [N, 4]"]


ARGUMENTS = st.lists(
    st.text(st.characters(codec="ascii", exclude_characters="\0\n\r"), min_size=1, max_size=30),
    max_size=12,
)


@given(ARGUMENTS, WIDTHS)
def test_a_command_in_several_lines_is_the_same_command(words: list[str], width: int) -> None:
    command = shlex.join(["logitconf", "fit", *words])
    lines = wrapped_command(command, width)
    # a shell drops a backslash with the end of its line
    assert shlex.split("\n".join(lines).replace("\\\n", "")) == shlex.split(command)
    assert all(line.endswith(" \\") for line in lines[:-1])


def test_a_shell_joins_the_lines_of_a_command() -> None:
    words = ["printf", "%s\n", "my host.onnx", "--data", "it's.npz", "$HOME", "-o", "card.json"]
    lines = wrapped_command(shlex.join(words), 24)
    assert len(lines) > 3
    ran = subprocess.run(
        ["sh"], input="\n".join(lines), capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout.splitlines() == words[2:]


@pytest.mark.parametrize("width", [20, 40])
def test_an_option_stays_with_its_value(width: int) -> None:
    lines = wrapped_command("logitconf attach host.onnx card.json --kind logits -o out.onnx", width)
    assert any("--kind logits" in line for line in lines)
    assert any("-o out.onnx" in line for line in lines)


def test_wide_characters_take_two_columns() -> None:
    assert cells("信頼度") == 6
    assert cells("e\u0301") == 1


def test_text_of_every_script_stays_as_it_is() -> None:
    assert shown("größer → 90 % · 信頼度") == "größer → 90 % · 信頼度"
