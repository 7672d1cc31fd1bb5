"""Runs every code block of README and docs, and writes what it really prints into the pages.

A page is played from top to bottom in a folder with the files of `logitconf demo`: commands,
Python sessions and scripts, one after the other, in one namespace. `python -m support.documents`
writes the real output into all pages, or into those that are named.
"""

import contextlib
import doctest
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from support.folders import inside
from support.printed import alike

from logitconf_export.cli.app import run

PROJECT = Path(__file__).resolve().parents[2]
DOCS = PROJECT / "docs"
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w+)(?P<rest>[^\n]*)\n(?P<code>.*?)^(?P=indent)```$",
    re.M | re.S,
)
SNIPPET = re.compile(r'--8<-- "(?P<path>[\w./-]+)(:\w+)?"')
FAILS = re.compile(r"^(logitconf: )?error: |\bFAILED\b|^(IN DOUBT|VOID): ", re.M)
"""What stands below a command that ends with another code than 0."""
COLUMNS = 100
PROGRAMS = ("python", "gpg", "minisign", "node")
"""What pages may call besides `logitconf`; where it is missing it is left out."""


class DocumentError(AssertionError):
    """A block that does not do what its page says."""


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its code without indent, and where the code stands."""

    language: str
    code: str
    indent: str
    span: tuple[int, int]


@dataclass
class Play:
    """What the blocks of one page share: a folder, and the names of its Python."""

    folder: Path
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "__main__"})
    printed: str = ""


def pages() -> list[Path]:
    """README and every page of the docs."""
    return [PROJECT / "README.md", *sorted(DOCS.rglob("*.md"))]


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    return [
        Block(
            match["language"],
            re.sub(f"^{match['indent']}", "", match["code"], flags=re.M),
            match["indent"],
            match.span("code"),
        )
        for match in FENCE.finditer(text)
    ]


def played(text: str, folder: Path) -> str:
    """The page with the real output of its blocks.

    Args:
        text: the page.
        folder: where its commands run, with the files that they need.

    Raises:
        DocumentError: if a block fails, or is of a language that nobody runs.
    """
    play, parts, end = Play(folder), [], 0
    with inside(folder), _no_agent_left(folder):
        for block in blocks(text):
            code = _real(block, play)
            lines = (f"{block.indent}{line}".rstrip() for line in code.splitlines())
            parts += [text[end : block.span[0]], *(f"{line}\n" for line in lines)]
            end = block.span[1]
    return "".join([*parts, text[end:]])


def commands(text: str) -> list[list[str]]:
    """The words of every logitconf command of a page, without the program's name."""
    return [shlex.split(line) for line in re.findall(r"^ *\$ logitconf (.*)$", text, re.M)]


def differences(shown: str, real: str) -> list[str]:
    """Blocks of a page whose output is not what was printed, words exactly and numbers nearly."""
    pairs = zip(blocks(shown), blocks(real), strict=True)
    return [
        f"shown:\n{old.code}\nreal:\n{new.code}"
        for old, new in pairs
        if not alike(old.code, new.code)
    ]


def _real(block: Block, play: Play) -> str:
    """The code of the block with what it prints now."""
    if SNIPPET.fullmatch(block.code.strip()):
        return block.code
    match block.language:
        case "console":
            return "".join(_console(block.code, play))
        case "python" if ">>> " in block.code:
            return _session(block.code, play)
        case "python":
            play.printed = _script(block.code, play)
            return block.code
        case "text":
            if not play.printed:
                raise DocumentError(f"no script before it prints this:\n{block.code}")
            printed, play.printed = play.printed, ""
            return printed
    raise DocumentError(f"nobody runs a block of {block.language}:\n{block.code}")


def _console(code: str, play: Play) -> Iterator[str]:
    """The commands, each with its output where the page shows some."""
    for part in re.findall(r"^\$ [^\n]*\n(?:(?!\$ )[^\n]*\n)*", code, re.M):
        line, _, shown = part.partition("\n")
        command = shlex.split(line[2:], comments=True)
        yield f"{line}\n"
        elsewhere = line in _commands_of_examples()
        printed = None if elsewhere else _command(command, play, fails=bool(FAILS.search(shown)))
        if printed is None:
            yield shown
        elif shown:
            yield printed if printed.endswith("\n") or not printed else f"{printed}\n"


@cache
def _commands_of_examples() -> frozenset[str]:
    """Lines of the examples' READMEs, which tests of their own run and compare."""
    readmes = (PROJECT / "examples").glob("*/README.md")
    return frozenset(line for readme in readmes for line in readme.read_text().splitlines())


def _command(command: list[str], play: Play, *, fails: bool) -> str | None:
    """What a command prints; None if it is not run here."""
    name, *arguments = command
    if name == "pip":
        _check_requirements(arguments)
        return None
    if name == "logitconf":
        with _captured() as printed:
            code = run(arguments)
        out = printed.getvalue()
    else:
        if name not in PROGRAMS:
            raise DocumentError(f"{name} is no program that pages may call: {PROGRAMS}")
        program = sys.executable if name == "python" else shutil.which(name)
        if program is None:
            return None
        ran = subprocess.run(
            [program, *arguments],
            cwd=play.folder,
            env={**os.environ, "GNUPGHOME": f"{play.folder}", "PYTHONPATH": ":".join(sys.path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        code, out = ran.returncode, ran.stdout
    if (code != 0) != fails:
        raise DocumentError(f"{shlex.join(command)} ended with {code}:\n{out}")
    return out


def _check_requirements(arguments: list[str]) -> None:
    """What is installed must exist: pip itself is not run."""
    text = (PROJECT / "pyproject.toml").read_text()
    for extras in re.findall(r"logitconf\[([\w,]+)\]", " ".join(arguments)):
        for extra in extras.split(","):
            if not re.search(rf"^{extra} = \[", text, re.M):
                raise DocumentError(f"there is no extra {extra}")


def _session(code: str, play: Play) -> str:
    """A session of the interpreter, with its real answers."""
    kept = code.splitlines(keepends=True)
    for example in reversed(doctest.DocTestParser().get_examples(code)):
        start = example.lineno + example.source.count("\n")
        kept[start : start + example.want.count("\n")] = [f"\0{example.lineno}\n"]
    text = "".join(kept)
    for example in doctest.DocTestParser().get_examples(code):
        answer = _answer(example, play)
        text = text.replace(f"\0{example.lineno}\n", answer)
    return text


def _answer(example: doctest.Example, play: Play) -> str:
    with _captured() as printed:
        try:
            exec(compile(example.source, "<page>", "single"), play.names)
        except Exception as error:
            if not example.exc_msg:
                raise
            name = f"{type(error).__module__}.{type(error).__qualname__}"
            return f"Traceback (most recent call last):\n  ...\n{name}: {error}\n"
    if example.exc_msg:
        raise DocumentError(f"no error comes of:\n{example.source}")
    return printed.getvalue()


def _script(code: str, play: Play) -> str:
    with _captured() as printed:
        exec(compile(code, "<page>", "exec"), play.names)
    return printed.getvalue()


@contextlib.contextmanager
def _captured() -> Iterator[io.StringIO]:
    printed, width = io.StringIO(), os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = f"{COLUMNS}"
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            yield printed
    finally:
        os.environ.pop("COLUMNS")
        os.environ |= {} if width is None else {"COLUMNS": width}


@contextlib.contextmanager
def _no_agent_left(folder: Path) -> Iterator[None]:
    """Ends the agent that gpg starts in the background and leaves to itself."""
    try:
        yield
    finally:
        if (folder / "private-keys-v1.d").exists():
            home = {**os.environ, "GNUPGHOME": f"{folder}"}
            subprocess.run(["gpgconf", "--kill", "gpg-agent"], env=home, check=True, timeout=60)


def make_folder(folder: Path) -> None:
    """What every page starts with: the files of the demo."""
    with _captured() as printed:
        code = run(["demo", "--out", f"{folder}"])
    if code:
        raise DocumentError(printed.getvalue())


def main() -> None:
    """Writes the real output into the pages that are named, or into all."""
    failed = False
    wanted = [Path(name).resolve() for name in sys.argv[1:]] or pages()
    with tempfile.TemporaryDirectory() as first:
        make_folder(Path(first))
        for page in wanted:
            text = page.read_text()
            with tempfile.TemporaryDirectory() as folder:
                shutil.copytree(first, folder, dirs_exist_ok=True)
                try:
                    real = played(text, Path(folder))
                except Exception as error:
                    failed = True
                    sys.stdout.write(f"{page.relative_to(PROJECT)}: {error}\n")
                    continue
            if real != text:
                page.write_text(real)
                sys.stdout.write(f"{page.relative_to(PROJECT)}: written\n")
    sys.exit(failed)


if __name__ == "__main__":
    main()
