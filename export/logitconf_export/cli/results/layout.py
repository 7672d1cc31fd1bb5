r"""Text in lines of a width: lines break at blanks alone, never within a word or a number.

A word that is longer than a line stands on a line of its own, whole: a terminal folds what it
cannot show, and what is copied from there is still in one piece.
"""

import re
import shlex
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

GAP = 2
# a text column that is narrower than this is better read as a list
_READABLE = 16
_STEP = "    "

# control and format characters, surrogates, ends of lines and paragraphs
_OBEYED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# no line begins with a unit or ends with a sign: "30 %", "± 0.19" and "< -0.7" stay together
_BLANKS = re.compile(r"(?<![±<>=×→]) +(?![%±<>=×→\[]|[\w?, ]{0,24}\])")


class Span(NamedTuple):
    """Some text and how it looks: a style's name, empty for plain."""

    text: str
    style: str = ""


Line = list[Span]


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


def cells(text: str) -> int:
    """How many columns of a terminal the text takes.

    >>> cells("信頼度 90 %")
    11
    """
    if text.isascii():
        return len(text)
    return sum(_cells(c) for c in text)


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def padded(text: str, width: int) -> str:
    """The text with blanks behind it, as many columns as asked for."""
    return text + " " * (width - cells(text))


def wrapped(text: str, width: int | None, hang: str = "") -> list[str]:
    """The text in lines of at most a width, but for words that are longer.

    >>> wrapped("accepts score < -0.70: at most 30 % errors", 16)
    ['accepts', 'score < -0.70:', 'at most 30 %', 'errors']

    Args:
        text: without line ends.
        width: in columns; None leaves it one line.
        hang: what every line but the first begins with.
    """
    if width is None or cells(text) <= width:
        return [text]
    lines: list[str] = []
    line = ""
    for word in _BLANKS.split(text):
        longer = f"{line} {word}" if line else word
        if line and cells(longer) > width:
            lines.append(line)
            line = hang + word
        else:
            line = longer
    return [*lines, line]


def wrapped_command(command: str, width: int | None) -> list[str]:
    r"""A command in lines that a shell joins again, so that it runs when it is pasted.

    >>> print(*wrapped_command("logitconf verify 'my model.onnx' --data val.npz", 32), sep="\n")
    logitconf verify \
        'my model.onnx' \
        --data val.npz
    """
    if width is None or cells(command) <= width:
        return [command]
    lines: list[str] = []
    line = ""
    for part in _parts(command):
        longer = f"{line} {part}" if line else part
        # two columns for the backslash
        if line and cells(longer) > width - GAP:
            lines.append(line)
            line = _STEP + part
        else:
            line = longer
    return [f"{each} \\" for each in lines] + [line]


def _parts(command: str) -> Iterator[str]:
    """The words of a command; an option and its value stay together."""
    words = [shlex.quote(word) for word in shlex.split(command)]
    place = 0
    while place < len(words):
        word = words[place]
        following = words[place + 1] if place + 1 < len(words) else "-"
        if word.startswith("-") and not following.startswith("-"):
            yield f"{word} {following}"
            place += 2
        else:
            yield word
            place += 1


def facts(pairs: Sequence[tuple[str, str]], width: int | None) -> Iterator[Line]:
    """Names and their values, values below each other; under their names where that is tight."""
    longest = max((cells(name) for name, _ in pairs), default=0)
    left = None if width is None else width - longest - 2 * GAP
    below = left is not None and left < max(2 * _READABLE, longest)
    for name, value in pairs:
        if below and width is not None:
            yield [Span("  "), Span(name, "strong")]
            yield from ([Span("    " + line)] for line in wrapped(value, width - 2 * GAP))
            continue
        first, *others = wrapped(value, left)
        yield [Span("  "), Span(padded(name, longest), "strong"), Span(f"  {first}".rstrip())]
        yield from ([Span(" " * (longest + 2 * GAP) + line)] for line in others)


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int | None,
    flowing: Sequence[str] = (),
) -> Iterator[Line]:
    """A table; where it is too wide, its flowing columns are wrapped, else each row is a list.

    Args:
        columns: their names.
        rows: the cells.
        width: in columns; None for as wide as it is.
        flowing: names of the columns with sentences, which may be wrapped.
    """
    widths = [
        max([cells(name), *(cells(row[i]) for row in rows)]) for i, name in enumerate(columns)
    ]
    fitted = _fitted(widths, [name in flowing for name in columns], width)
    if fitted is None:
        yield from _as_list(columns, rows, width)
        return
    if any(columns):
        yield _line(columns, fitted, "strong")
    for row in rows:
        parts = [
            wrapped(cell, size if size < natural else None)
            for cell, size, natural in zip(row, fitted, widths, strict=True)
        ]
        for height in range(max(len(part) for part in parts)):
            line = [part[height] if height < len(part) else "" for part in parts]
            yield _line(line, fitted, "")


def _line(texts: Sequence[str], widths: Sequence[int], style: str) -> Line:
    last = max((i for i, text in enumerate(texts) if text), default=-1)
    line = [Span("  ")]
    for i, (text, width) in enumerate(zip(texts[: last + 1], widths, strict=False)):
        line.append(Span(text, style or style_of(text)))
        if i < last:
            line.append(Span(" " * (width - cells(text) + GAP)))
    return line if last >= 0 else []


def style_of(text: str) -> str:
    """The style of a cell, which its own first word names."""
    first = text.split(" ", 1)[0].rstrip(":,")
    return _MOODS.get(first, "") if text != "not checked" else "caution"


_MOODS = {"passed": "good", "PASSED": "good", "failed": "bad", "FAILED": "bad"}


def _fitted(widths: list[int], flowing: list[bool], width: int | None) -> list[int] | None:
    """Widths of the columns that fit; None if there are none."""
    if width is None:
        return widths
    left = (
        width
        - GAP * len(widths)
        - sum(w for w, may in zip(widths, flowing, strict=True) if not may)
    )
    wanted = sorted((w, i) for i, (w, may) in enumerate(zip(widths, flowing, strict=True)) if may)
    fitted = list(widths)
    # the narrowest take what they want, the others share what they leave
    for place, (natural, i) in enumerate(wanted):
        share = left // (len(wanted) - place)
        fitted[i] = min(natural, share)
        if fitted[i] < min(natural, _READABLE):
            return None
        left -= fitted[i]
    return fitted if left >= 0 else None


def _as_list(
    columns: Sequence[str], rows: Sequence[Sequence[str]], width: int | None
) -> Iterator[Line]:
    """Each row under its first cell, the other cells with their columns' names."""
    for row in rows:
        yield [Span("  "), Span(row[0], style_of(row[0]) or "strong")]
        pairs = [
            f"{name} {cell}".strip()
            for name, cell in zip(columns[1:], row[1:], strict=True)
            if cell
        ]
        line = ""
        for pair in pairs:
            longer = f"{line}, {pair}" if line else pair
            if width is not None and line and cells(longer) > width - 2 * GAP - 1:
                yield from (
                    [Span("    " + each)] for each in wrapped(f"{line},", width - 2 * GAP, "  ")
                )
                line = pair
            else:
                line = longer
        yield from (
            [Span("    " + each)]
            for each in wrapped(line, None if width is None else width - 2 * GAP, "  ")
        )
