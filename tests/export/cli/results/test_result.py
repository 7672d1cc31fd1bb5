"""A result: the verdict first, details where they are asked for, commands as values."""

from pathlib import Path

from logitconf_export.cli.results.blocks import Facts, Sentence, note
from logitconf_export.cli.results.result import Result, commands, quoted, size, written

RESULT = Result(
    "PASSED: 0 of 500 rows decided differently on cpu",
    dict,
    style="good",
    blocks=(Facts([("where", "cpu")]), Sentence("one"), Sentence("two")),
    details=(Facts([("runs", "18")]),),
    notes=(note("mind"),),
    following=["what to do:", "fit with: logitconf fit a.npz"],
)


def text(**options: bool) -> list[str]:
    return ["".join(span.text for span in line) for line in RESULT.lines(None, **options)]


def test_the_verdict_comes_first_and_commands_last() -> None:
    assert text() == [
        RESULT.verdict,
        "",
        "  where  cpu",
        "",
        "one",
        "two",
        "",
        "note: mind",
        "",
        "what to do:",
        "fit with: logitconf fit a.npz",
    ]


def test_details_are_shown_where_they_are_asked_for() -> None:
    assert "  runs  18" not in text()
    assert "  runs  18" in text(verbose=True)


def test_quiet_is_the_verdict_alone() -> None:
    assert text(quiet=True) == [RESULT.verdict]


def test_the_first_word_of_the_verdict_has_its_style() -> None:
    assert RESULT.lines(None)[0][0] == ("PASSED:", "good")


def test_commands_are_values_and_advice_is_not() -> None:
    assert commands(RESULT.following) == [{"what": "fit", "command": "logitconf fit a.npz"}]


def test_sizes_have_three_digits_at_most() -> None:
    assert [size(n) for n in (0, 999, 1000, 999_949, 999_950, 12_345_678, 5_000_000_000)] == [
        "0 bytes",
        "999 bytes",
        "1 kB",
        "1 MB",
        "1 MB",
        "12.3 MB",
        "5 GB",
    ]


def test_what_was_written_says_how_large_it_is(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_bytes(b"x" * 1234)
    assert written(tmp_path / "card.json") == ("written", f"{tmp_path / 'card.json'} (1.23 kB)")


def test_a_path_is_never_taken_for_an_option() -> None:
    assert quoted(Path("-host.onnx")) == "./-host.onnx"
    assert quoted(Path("my host.onnx")) == "'my host.onnx'"
