"""What the commands print: results on stdout, everything else on stderr."""

import os
import sys
import unicodedata
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO, TypeVar

from logitconf.errors import LogitconfWarning

Item = TypeVar("Item")
Facts = Sequence[tuple[str, str]]

# control and format characters, surrogates, ends of lines and paragraphs
_OBEYED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def shown(text: str) -> str:
    r"""The text with what a terminal would obey spelled out: escapes, line ends, directions.

    >>> shown("a\x1b[31mb\nc")
    'a\\x1b[31mb\\nc'
    """
    if text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in _OBEYED else c
        for c in text
    )


def print_facts(title: str, facts: Facts) -> None:
    """Names and their values under a title; aligned plain text where no one watches."""
    print_table(title, ("", ""), facts)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table under a title: drawn in a terminal, else aligned plain text that is never cut."""
    title, rows = shown(title), [[shown(cell) for cell in row] for row in rows]
    if not _watched(sys.stdout):
        sys.stdout.write(_plain_table(title, columns, rows))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), title_justify="left", show_header=any(columns))
    for position, name in enumerate(columns):
        table.add_column(name, overflow="fold", style="bold" if position == 0 else "")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def _watched(stream: TextIO) -> bool:
    """Whether someone looks at the stream; rich, which draws, loads only for them."""
    return stream.isatty() or bool(os.environ.get("FORCE_COLOR"))


def _plain_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, *rows] if any(columns) else list(rows)
    widths = [max((len(line[i]) for line in lines), default=0) for i in range(len(columns))]
    text = [title] if title else []
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        text.append(("  " + "  ".join(cells)).rstrip())
    return "\n".join(text) + "\n"


def print_line(text: str) -> None:
    """One line of the result."""
    sys.stdout.write(f"{shown(text)}\n")


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


@contextmanager
def working(description: str) -> Iterator[None]:
    """Shows in a terminal that something is being done."""
    if not _watched(sys.stderr):
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(description):
        yield


def with_progress(items: Iterable[Item], description: str, *, total: int) -> Iterable[Item]:
    """The items, with a progress bar in a terminal."""
    if not _watched(sys.stderr):
        return items
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(items, description, total=total, console=console, transient=True)
