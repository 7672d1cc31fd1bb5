"""What the commands print: results on stdout, everything else on stderr."""

import shlex
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO, TypeVar

import onnx
from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from logitconf.card import ScoreCard
from logitconf.errors import LogitconfWarning
from logitconf_export.heads.metadata import HeadMetadata, has_metadata, read_heads
from logitconf_export.onnx_files.loading import host_inputs

Item = TypeVar("Item")
Facts = Sequence[tuple[str, str]]


def next_commands(model: Path, *, fit: str, attach: str) -> list[str]:
    """The two commands that lead to a model with a head, each with options of its own."""
    host = shlex.quote(str(model))
    return [
        f"fit with: logitconf fit --model {host} --data val.npz {fit} -o card.json",
        f"attach with: logitconf attach {host} card.json{attach} -o out.onnx",
    ]


def print_facts(title: str, facts: Facts) -> None:
    """Names and their values under a title; aligned plain text where no one watches."""
    print_table(title, ("", ""), facts)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table under a title: drawn in a terminal, else aligned plain text that is never cut."""
    console = Console()
    if not console.is_terminal:
        sys.stdout.write(_plain_table(title, columns, rows))
        return
    table = Table(title=title, title_justify="left", show_header=any(columns))
    for position, name in enumerate(columns):
        table.add_column(name, overflow="fold", style="bold" if position == 0 else "")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


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
    sys.stdout.write(f"{text}\n")


def print_error(message: str) -> None:
    """Why the command stopped: one line, and below it a list of choices where there is one."""
    sys.stderr.write(f"logitconf: error: {folded(message)}\n")


def folded(message: str) -> str:
    r"""The message on one line; indented lines, which list choices, stay lines of their own.

    >>> folded("name one of\nthese:\n  a\n  b")
    'name one of these:\n  a\n  b'
    """
    lines = message.splitlines()
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
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(description):
        yield


def with_progress(items: Iterable[Item], description: str, *, total: int) -> Iterable[Item]:
    """The items, with a progress bar in a terminal."""
    console = Console(stderr=True)
    return track(
        items,
        description,
        total=total,
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def port_facts(model: onnx.ModelProto) -> Facts:
    """Inputs and outputs of a model with their types and dims."""
    return [
        ("inputs", ", ".join(_port(value) for value in host_inputs(model))),
        ("outputs", ", ".join(_port(value) for value in model.graph.output)),
    ]


def _port(value: onnx.ValueInfoProto) -> str:
    if not value.type.HasField("tensor_type"):
        return value.name
    tensor = value.type.tensor_type
    known = tensor.elem_type in onnx.TensorProto.DataType.values()
    element = (
        onnx.TensorProto.DataType.Name(tensor.elem_type).lower()
        if known
        else f"type {tensor.elem_type}"
    )
    dims = ", ".join(
        str(dim.dim_value) if dim.HasField("dim_value") else dim.dim_param or "?"
        for dim in tensor.shape.dim
    )
    return f"{value.name} {element} [{dims}]"


def head_facts(model: onnx.ModelProto) -> Facts:
    """Where every head of the model sits, and its numbers; nothing without a head."""
    heads = read_heads(model).heads if has_metadata(model) else ()
    return [
        fact
        for head in heads
        for fact in (("attached to", place_words(head)), *_number_facts(head.card))
    ]


def _number_facts(card: ScoreCard) -> Facts:
    return [
        ("score", card.score),
        ("temperature", f"{card.temperature:.9g}"),
        ("threshold", f"{card.threshold}"),
    ]


def place_words(head: HeadMetadata) -> str:
    """Where a head sits: what it reads, and the host's output that it judges."""
    attached = head.attached or {}
    axis, n_classes = head.form.class_axis, head.form.n_classes
    count = "a free number of columns" if n_classes is None else f"{n_classes} columns"
    return (
        f"{attached['tensor']}, which holds {attached['kind']}, {count} on axis {axis}; "
        f"judges the output {attached['output']} by {attached['score']} and {attached['mask']}"
    )
