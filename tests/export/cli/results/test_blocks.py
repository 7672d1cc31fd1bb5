"""What stands under a verdict, and what a terminal must not obey."""

import shlex

import pytest

from logitconf_export.cli.results.blocks import (
    Block,
    Command,
    Facts,
    Sentence,
    Table,
    advice,
    failure,
    note,
)

ESCAPES = "a\x1b[31mb\u202ec"
SPELLED = r"a\x1b[31mb\u202ec"


def text(block: Block, width: int | None = None) -> list[str]:
    return ["".join(span.text for span in line) for line in block.lines(width)]


@pytest.mark.parametrize(
    "block",
    [
        Facts([(ESCAPES, ESCAPES)], ESCAPES),
        Table((ESCAPES, "b"), [(ESCAPES, ESCAPES)], ESCAPES),
        Sentence(ESCAPES),
        note(ESCAPES),
        failure(ESCAPES),
        Command("fit", f"logitconf fit {shlex.quote(ESCAPES)}"),
    ],
    ids=lambda block: type(block).__name__,
)
def test_escapes_are_spelled_in_every_block(block: Block) -> None:
    printed = "\n".join(text(block))
    assert SPELLED in printed
    assert "\x1b" not in printed
    assert "\u202e" not in printed


def test_a_label_stands_before_its_sentence_and_alone_has_a_style() -> None:
    (line,) = failure("the graph").lines(None)
    assert [tuple(span) for span in line] == [("failure:", "bad"), (" the graph", "")]


def test_a_line_of_advice_is_a_command_only_where_it_has_one() -> None:
    assert advice("fit with: logitconf fit a.npz") == Command("fit", "logitconf fit a.npz")
    assert advice("if you know that it is right, name it:") == Sentence(
        "if you know that it is right, name it:"
    )


def test_a_command_that_is_too_long_stands_below_its_label() -> None:
    command = "logitconf fit --model 'my host.onnx' --data val.npz --score softmax -o card.json"
    label, *lines = text(Command("fit", command), 60)
    assert label == "fit with:"
    assert shlex.split("\n".join(lines).replace("\\\n", "")) == shlex.split(command)
    assert text(Command("fit", command)) == [f"fit with: {command}"]
