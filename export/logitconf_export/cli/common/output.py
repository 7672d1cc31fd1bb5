"""What the commands print: results on stdout, everything else on stderr."""

import json
import os
import shutil
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from logitconf.errors import LogitconfWarning
from logitconf.files import write_atomically
from logitconf_export.cli.common.streams import write_bytes
from logitconf_export.cli.common.view import STDOUT, View
from logitconf_export.cli.results.blocks import Facts, Table
from logitconf_export.cli.results.layout import Line, Span, shown
from logitconf_export.cli.results.result import Result

if TYPE_CHECKING:
    import onnx

    from logitconf_export.cli.common.options import OutputFile

_ANSI = {"good": "1;32", "bad": "1;31", "caution": "1;33", "strong": "1", "command": "36"}
"""What each style says beside its words: green passed, red failed, yellow take care."""


def show(
    result: Result, view: View, *, output: "OutputFile | None" = None, force: bool = False
) -> None:
    """Prints a result: its words, or its JSON where that is to be on stdout.

    Args:
        result: of the command.
        view: how much of it, and where its JSON goes.
        output: the file that the command wrote; where that is stdout, words go to stderr.
        force: whether the JSON may replace a file; ``output`` says it, too.
    """
    if view.json is not None:
        text = json.dumps(dict(result.values()), indent=2, allow_nan=False) + "\n"
        if view.json == STDOUT:
            sys.stdout.write(text)
            return
        may = force or (output is not None and output.force)
        write_atomically(view.json, text.encode(), force=may)
    out = sys.stderr if output is not None and output.file is None else sys.stdout
    _write(out, result.lines(_width(out), verbose=view.verbose, quiet=view.quiet))


def deliver(result: Result, model: "onnx.ModelProto", output: "OutputFile", view: View) -> None:
    """Prints what a command wrote; a model that is to be on stdout is written there.

    Raises:
        LogitconfError: for a model on stdout that keeps weights in other files.
    """
    if output.file is None:
        from logitconf_export.cli.results.heads import in_one_piece

        write_bytes(in_one_piece(model))
    show(result, view, output=output)


def print_facts(title: str, facts: Sequence[tuple[str, str]]) -> None:
    """Names and their values under a title."""
    _write(sys.stdout, Facts(facts, title).lines(_width(sys.stdout)))


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table under a title; where a terminal is too narrow, a list. Nothing is ever cut."""
    _write(sys.stdout, Table(columns, rows, title).lines(_width(sys.stdout)))


def print_line(text: str) -> None:
    """One line of the result."""
    sys.stdout.write(f"{shown(text)}\n")


def _write(stream: TextIO, lines: Iterable[Line]) -> None:
    coloured = _coloured(stream)
    for line in lines:
        stream.write("".join(_painted(span, coloured=coloured) for span in line).rstrip() + "\n")


def _painted(span: Span, *, coloured: bool) -> str:
    code = _ANSI.get(span.style)
    return f"\x1b[{code}m{span.text}\x1b[0m" if coloured and code and span.text else span.text


def watched(stream: TextIO) -> bool:
    """Whether someone looks at the stream."""
    return stream.isatty() or bool(os.environ.get("FORCE_COLOR"))


def _coloured(stream: TextIO) -> bool:
    """Whether the stream shows colours, as https://no-color.org asks."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return watched(stream) and not plain


def _width(stream: TextIO) -> int | None:
    """Columns of a terminal; None behind a pipe, where lines are as long as they are."""
    return shutil.get_terminal_size().columns if watched(stream) else None


def print_error(message: str) -> None:
    """Why the command stopped: one line, and below it a list of choices where there is one."""
    sys.stderr.write(f"logitconf: error: {folded(message)}\n")


def folded(message: str) -> str:
    r"""The message on one line; indented lines, which list choices, stay lines of their own.

    >>> folded("name one of\nthese:\n  a\n  b")
    'name one of these:\n  a\n  b'
    """
    lines = [shown(line) for line in message.split("\n")]
    listed = [line for line in lines if line.startswith("  ")]
    sentence = " ".join(" ".join(lines[: len(lines) - len(listed)]).split())
    return "\n".join([sentence, *listed])


@contextmanager
def warnings_as_lines() -> Iterator[None]:
    """Prints each of our warnings as one line on stderr; others keep their own form."""
    with warnings.catch_warnings():
        original = warnings.showwarning

        def show(  # noqa: PLR0917 - the signature is the standard library's
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, LogitconfWarning):
                sys.stderr.write(f"logitconf: warning: {folded(str(message))}\n")
            else:
                original(message, category, filename, lineno, file, line)

        warnings.simplefilter("always", LogitconfWarning)
        warnings.showwarning = show
        yield
