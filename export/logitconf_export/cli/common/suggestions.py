"""The commands that are printed as what to do next; each runs when it is pasted."""

import shlex
from pathlib import Path


def next_commands(model: Path, *, fit: str, attach: str) -> list[str]:
    """The two commands that lead to a model with a head, each with options of its own."""
    host = shlex.quote(str(model))
    return [
        f"fit with: logitconf fit --model {host} --data val.npz {fit} -o card.json",
        f"attach with: logitconf attach {host} card.json{attach} -o out.onnx",
    ]
