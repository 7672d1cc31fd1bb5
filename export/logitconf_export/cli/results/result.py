"""What every command hands over to be shown: the verdict first, JSON for programs."""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from logitconf_export.cli.results.blocks import Block, Command, Sentence, advice
from logitconf_export.cli.results.layout import Line, Span, shown, wrapped


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a command.

    Attributes:
        verdict: the outcome in one sentence; a word in front of a colon names it.
        values: the outcome as JSON values, schema and report first; made only if asked for.
        style: of that word: ``"good"``, ``"bad"``, ``"caution"`` or none.
        blocks: what is always shown below.
        details: what ``-v`` adds.
        notes: what should be known, and what failed; below everything else.
        following: what to run next, a command or a line of advice each.
    """

    verdict: str
    values: Callable[[], Mapping[str, Any]]
    style: str = ""
    blocks: Sequence[Block] = ()
    details: Sequence[Block] = ()
    notes: Sequence[Block] = ()
    following: Sequence[str] = ()

    def lines(self, width: int | None, *, verbose: bool = False, quiet: bool = False) -> list[Line]:
        """The lines of a screen.

        Args:
            width: of it in columns; None where nothing is to be wrapped.
            verbose: whether details are shown.
            quiet: whether the verdict alone is shown.
        """
        lines = list(self._verdict(width))
        if quiet:
            return lines
        joins = False
        for block in (*self.blocks, *(self.details if verbose else ())):
            part = list(block.lines(width))
            # sentences follow each other, all else stands apart
            sentence = isinstance(block, Sentence)
            lines += [[], *part] if part and not (joins and sentence) else part
            joins = sentence
        for group in (self.notes, [advice(line) for line in self.following]):
            part = [line for block in group for line in block.lines(width)]
            lines += [[], *part] if part else []
        return lines

    def _verdict(self, width: int | None) -> Iterator[Line]:
        first, *others = wrapped(shown(self.verdict), width, "  ")
        word, colon, rest = first.partition(":")
        if self.style and colon:
            yield [Span(word + colon, self.style), Span(rest)]
        else:
            yield [Span(first, self.style or "strong")]
        yield from ([Span(line)] for line in others)


def commands(following: Sequence[str]) -> list[dict[str, str]]:
    """The commands among the lines of what to do next, as JSON values; advice is for people."""
    lines = [advice(line) for line in following]
    return [
        {"what": line.what, "command": line.command} for line in lines if isinstance(line, Command)
    ]


def headed(report: str, values: Mapping[str, Any], *, verdict: str) -> Mapping[str, Any]:
    """The JSON of a result: version of the format, which report it is, the verdict, the rest."""
    from logitconf_export.verification.report import headed as with_version

    return with_version(report, {"verdict": verdict, **values})


def quoted(path: Path) -> str:
    """The path for a shell, and never taken for an option."""
    return shlex.quote(f"./{path}" if f"{path}".startswith("-") else f"{path}")


def named(path: Path) -> str:
    """What was written, as a verdict calls it."""
    return "the file on stdout" if f"{path}" == "-" else f"{path}"


def written(path: Path) -> tuple[str, str]:
    """The fact that a file was written, and how large it is."""
    return "written", f"{path} ({size(path.stat().st_size)})"


def size(n_bytes: int) -> str:
    """A number of bytes in words.

    >>> size(891), size(12_510), size(3_400_000)
    ('891 bytes', '12.5 kB', '3.4 MB')
    """
    if n_bytes < 1000:
        return f"{n_bytes} bytes"
    number, units = float(n_bytes), ["GB", "MB", "kB"]
    unit = units[-1]
    while number >= 999.5 and units:
        number, unit = number / 1000.0, units.pop()
    return f"{number:.0f} {unit}" if number >= 100 else f"{number:.3g} {unit}"
