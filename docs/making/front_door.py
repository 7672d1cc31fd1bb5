"""The reference of what ``import logitconf`` offers, by the room that each name comes from."""

from importlib import import_module

import logitconf
from logitconf.scores.table import SCORES, class_of

_CHAPTERS = {
    "logitconf.fitting.logit_score": "Scores",
    "logitconf.fitting.score_classes": "Scores",
    "logitconf.fitting.learned_score": "Scores",
    "logitconf.fitting": "Fit",
    "logitconf.card": "Cards",
    "logitconf.errors": "Errors",
    "logitconf": "Parts",
    "logitconf_export.attachment": "Attach",
    "logitconf_export.heads": "Export",
    "logitconf_export": "Check",
}
"""The chapter of the names whose home begins so; the longest beginning counts."""


def as_markdown() -> str:
    """Every name of the front door under the chapter of its home, in the order of the chapters."""
    chapters: dict[str, list[str]] = {}
    for name in _names():
        home = getattr(getattr(logitconf, name), "__module__", "logitconf")
        begins = max((each for each in _CHAPTERS if home.startswith(each)), key=len)
        chapters.setdefault(_CHAPTERS[begins], []).append(_written(name, home))
    ordered = dict.fromkeys(_CHAPTERS.values())
    return "\n".join(
        f"## {chapter}\n\n" + "\n".join(chapters[chapter])
        for chapter in ordered
        if chapter in chapters
    )


def _names() -> list[str]:
    """The scores as their table has them, after what they share; the rest by name."""
    scores = ["LogitScore", *(class_of(name)[1] for name in SCORES)]
    return [*scores, *(name for name in logitconf.__all__ if name not in scores)]


def _written(name: str, home: str) -> str:
    public = hasattr(import_module(home), name)
    return f"::: {home if public else 'logitconf'}.{name}\n"
