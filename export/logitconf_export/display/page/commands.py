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
) -> list[tuple[str, str]]:
    """What makes the page of a model again, and what goes on from it: purpose and command."""
    where = [word for name in providers for word in ("--provider", name)]
    where += [word for name in runtimes for word in ("--on", name)]
    left_out = [word for label in ignored for word in ("--ignore-label", str(label))]
    rows = [] if data is None else ["--data", beside(data)]
    commands = []
    if data is not None:
        made = command("report", beside(model), *rows, *where, *left_out, "-o", "report.html")
        commands.append(("this page", made))
    commands += [
        ("the check of its decisions", command("verify", beside(model), *rows, *where)),
        ("what the file says of itself", command("inspect", beside(model))),
    ]
    return commands


def of_card(card: str, data: str | None, *, kind: str = "logits") -> list[tuple[str, str]]:
    """What makes the page of a card again, and what goes on from it: purpose and command."""
    meant = [] if kind == "logits" else ["--kind", kind]
    commands = []
    if data is not None:
        made = command("report", beside(card), "--data", beside(data), *meant, "-o", "report.html")
        commands.append(("this page", made))
    return [*commands, ("what the card says", command("inspect", beside(card)))]


def retuning(model: str) -> str:
    """The command that sets another threshold, up to the threshold itself."""
    out = f"{Path(model).stem}-retuned.onnx"
    return f"{command('retune', beside(model), '-o', beside(out))} --threshold"
