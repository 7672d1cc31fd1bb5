"""What a person at a terminal and a program behind a pipe get to see."""

import shlex
import warnings
from pathlib import Path

import onnx
import pytest

from logitconf.errors import LogitconfWarning
from logitconf_export.cli.common.output import (
    next_commands,
    port_facts,
    print_error,
    print_facts,
    print_table,
    warnings_as_lines,
    with_progress,
    working,
)

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
    assert "│" in out
    assert "a[b]" in out
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


def test_progress_is_silent_behind_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    with working("Fitting"):
        assert list(with_progress([1, 2], "Running", total=2)) == [1, 2]
    assert capsys.readouterr() == ("", "")


def test_progress_is_shown_on_stderr_in_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with working("Fitting"):
        pass
    assert list(with_progress([1, 2], "Running", total=2)) == [1, 2]
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Running" in printed.err


def test_ports_are_listed_with_type_and_dims_and_without_weights() -> None:
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> '
        "host (float[N, 3] x, float[3] b) => (float[N, 3] y, double[] s) "
        "<float[3] b = {1, 2, 3}> { y = Add(x, b) s = Constant<value = double[0] {}>() }"
    )
    assert port_facts(model) == [
        ("inputs", "x float [N, 3]"),
        ("outputs", "y float [N, 3], s double []"),
    ]


def test_a_port_of_an_unknown_type_is_listed_by_its_number() -> None:
    text = '<ir_version: 8, opset_import: ["": 17]> g (float[N] x) => (float[N] y) { y = Abs(x) }'
    model = onnx.parser.parse_model(text)
    model.graph.output[0].type.tensor_type.elem_type = 99
    assert dict(port_facts(model))["outputs"] == "y type 99 [N]"


def test_the_next_commands_can_be_pasted_for_a_path_with_a_blank() -> None:
    commands = next_commands(Path("my host.onnx"), fit="--score softmax", attach=" --logits z")
    fit, attach = (shlex.split(line.partition(": ")[2]) for line in commands)
    rest = ["--data", "val.npz", "--score", "softmax", "-o", "card.json"]
    assert fit == ["logitconf", "fit", "--model", "my host.onnx", *rest]
    rest = ["card.json", "--logits", "z", "-o", "out.onnx"]
    assert attach == ["logitconf", "attach", "my host.onnx", *rest]
