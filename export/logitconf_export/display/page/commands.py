"""Commands that make a page again, or go on from it; each works when it is pasted."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path


def command(*words: str | Path) -> str:
    """A command line of ``logitconf``; files are named without their folders.

    >>> command("verify", Path("/home/me/my model.onnx"))
    "logitconf verify 'my model.onnx'"
    """
    return shlex.join(
        ["logitconf", *(word.name if isinstance(word, Path) else word for word in words)]
    )


def beside(word: str) -> str:
    """A name that no program takes for an option.

    >>> beside("-model.onnx"), beside("model.onnx")
    ('./-model.onnx', 'model.onnx')
    """
    return f"./{word}" if word.startswith("-") else word


def of_model(
    model: str,
    data: str | None,
    *,
    providers: Sequence[str] = (),
    runtimes: Sequence[str] = (),
    ignored: Sequence[int] = (),
    names: Sequence[str] = (),
) -> list[tuple[str, str]]:
    """What makes the page of a model again, and what goes on from it: purpose and command."""
    where = [word for name in providers for word in ("--provider", name)]
    where += [word for name in runtimes for word in ("--on", name)]
    rows = [] if data is None else ["--data", beside(data)]
    commands = []
    if data is not None:
        made = command(
            "report",
            beside(model),
            *rows,
            *where,
            *_left_out(ignored),
            *_named(names),
            "-o",
            "report.html",
        )
        commands.append(("this page", made))
    commands += [
        ("the check of its decisions", command("verify", beside(model), *rows, *where)),
        ("what the file says of itself", command("inspect", beside(model))),
    ]
    return commands


def of_card(
    card: str,
    data: str | None,
    *,
    kind: str = "logits",
    ignored: Sequence[int] = (),
    names: Sequence[str] = (),
) -> list[tuple[str, str]]:
    """What makes the page of a card again, and what goes on from it: purpose and command."""
    meant = [*([] if kind == "logits" else ["--kind", kind]), *_left_out(ignored), *_named(names)]
    commands = []
    if data is not None:
        made = command("report", beside(card), "--data", beside(data), *meant, "-o", "report.html")
        commands.append(("this page", made))
    return [*commands, ("what the card says", command("inspect", beside(card)))]


def retuning(model: str, head: str = "") -> str:
    """The command that sets another threshold, up to the threshold itself.

    Args:
        model: its file.
        head: the output that it judges, of several heads that decide each for itself.
    """
    out = f"{Path(model).stem}-retuned.onnx"
    which = [f"--head={head}"] if head else []
    return f"{command('retune', beside(model), *which, '-o', beside(out))} --threshold"


def _left_out(ignored: Sequence[int]) -> list[str]:
    return [word for label in ignored for word in ("--ignore-label", str(label))]


def _named(names: Sequence[str]) -> list[str]:
    """The option that gives names, where the command line can: none has a comma or is blank."""
    told = ",".join(names)
    return [f"--names={told}"] if [part.strip() for part in told.split(",")] == [*names] else []
