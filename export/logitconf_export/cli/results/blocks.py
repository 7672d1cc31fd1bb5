"""What stands under a verdict: facts, tables, sentences, commands, each laid out for a width."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from logitconf_export.cli.results.layout import (
    Line,
    Span,
    facts,
    shown,
    table,
    wrapped,
    wrapped_command,
)


class Block(Protocol):
    """Some lines of a result."""

    def lines(self, width: int | None) -> Iterator[Line]:
        """Laid out for a width in columns; None where nothing is to be wrapped."""
        ...


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and their values.

    Attributes:
        pairs: of them.
        title: above them; none if empty.
    """

    pairs: Sequence[tuple[str, str]]
    title: str = ""

    def lines(self, width: int | None) -> Iterator[Line]:
        """One fact a line, or more if it is wrapped."""
        yield from _title(self.title, width)
        yield from facts([(shown(name), shown(value)) for name, value in self.pairs], width)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells.

    Attributes:
        columns: their names.
        rows: of as many cells.
        title: above them; none if empty.
        flowing: names of the columns with sentences, which may be wrapped.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""
    flowing: Sequence[str] = ()

    def lines(self, width: int | None) -> Iterator[Line]:
        """Columns where they fit, else a list."""
        yield from _title(self.title, width)
        rows = [[shown(cell) for cell in row] for row in self.rows]
        yield from table([shown(name) for name in self.columns], rows, width, self.flowing)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, with a word before it that says what it is: a note, a failure.

    Attributes:
        text: of it.
        label: the word, if it has one.
        style: of the label; of the whole sentence without one.
    """

    text: str
    label: str = ""
    style: str = ""

    def lines(self, width: int | None) -> Iterator[Line]:
        """Wrapped at blanks."""
        label = f"{self.label}: " if self.label else ""
        first, *others = wrapped(label + shown(self.text), width, "  ")
        if label and first.startswith(label.rstrip()):
            yield [Span(f"{self.label}:", self.style), Span(first[len(label) - 1 :])]
        else:
            yield [Span(first, self.style)]
        yield from ([Span(line, "" if label else self.style)] for line in others)


@dataclass(frozen=True, slots=True)
class Command:
    """A command to run next: what it does, and itself as a shell takes it."""

    what: str
    command: str

    def lines(self, width: int | None) -> Iterator[Line]:
        """On one line; where that is too long, the command below, in lines that a shell joins."""
        label, command = f"{self.what} with:", shown(self.command)
        first, *others = wrapped_command(command, None if width is None else width - len(label) - 1)
        if not others:
            yield [Span(label, "strong"), Span(f" {first}", "command")]
            return
        yield [Span(label, "strong")]
        for line in wrapped_command(command, width):
            yield [Span(line, "command")]


def note(text: str) -> Sentence:
    """Something that should be known and is no failure."""
    return Sentence(text, "note", "caution")


def failure(text: str) -> Sentence:
    """Something that failed."""
    return Sentence(text, "failure", "bad")


def advice(line: str) -> Block:
    """A line of advice: a command where it is ``"fit with: logitconf ..."``, else a sentence."""
    what, between, command = line.partition(" with: ")
    if between and command.startswith("logitconf ") and " " not in what:
        return Command(what, command)
    return Sentence(line)


def _title(title: str, width: int | None) -> Iterator[Line]:
    if title:
        yield from ([Span(line, "strong")] for line in wrapped(shown(title), width))
