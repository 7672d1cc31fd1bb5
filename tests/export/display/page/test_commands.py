"""Commands that a page prints."""

import shlex
from pathlib import Path

from logitconf_export.display.page import commands


def test_files_are_named_without_their_folders_and_quoted() -> None:
    line = commands.command("verify", Path("/home/me/it's $(mine).onnx"))
    assert shlex.split(line) == ["logitconf", "verify", "it's $(mine).onnx"]


def test_what_makes_a_page_again_says_where_it_ran() -> None:
    lines = dict(
        commands.of_model(
            "-odd name.onnx", "val.npz", providers=["cuda"], runtimes=["tract"], ignored=[255, -1]
        )
    )
    assert shlex.split(lines["this page"]) == [
        *("logitconf", "report", "./-odd name.onnx", "--data", "val.npz", "--provider", "cuda"),
        *("--on", "tract", "--ignore-label", "255", "--ignore-label", "-1", "-o", "report.html"),
    ]
    verify = shlex.split(lines["the check of its decisions"])
    assert verify[:3] == ["logitconf", "verify", "./-odd name.onnx"]
    assert "--ignore-label" not in verify


def test_without_a_file_of_rows_no_command_makes_the_page() -> None:
    assert "this page" not in dict(commands.of_model("a.onnx", None))


def test_the_threshold_is_what_is_left_to_say_of_a_retuning() -> None:
    assert commands.retuning("my model.onnx") == (
        "logitconf retune 'my model.onnx' -o 'my model-retuned.onnx' --threshold"
    )
    assert commands.retuning("m.onnx", "-y") == (
        "logitconf retune m.onnx --head=-y -o m-retuned.onnx --threshold"
    )


def test_the_page_of_a_card_is_made_again_with_what_its_rows_hold() -> None:
    lines = dict(commands.of_card("card.json", "rows.npz", kind="probabilities"))
    assert lines["this page"] == (
        "logitconf report card.json --data rows.npz --kind probabilities -o report.html"
    )
    assert lines["what the card says"] == "logitconf inspect card.json"
    lines = dict(commands.of_card("card.json", "rows.npz", ignored=[3], names=["a b", "c"]))
    assert shlex.split(lines["this page"])[5:-2] == ["--ignore-label", "3", "--names=a b,c"]
    # a comma would part a name in two
    assert "--names" not in dict(commands.of_card("c", "r", names=["a,b", "c"]))["this page"]
    assert list(dict(commands.of_card("card.json", None))) == ["what the card says"]
