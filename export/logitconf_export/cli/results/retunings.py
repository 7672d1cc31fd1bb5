"""What ``retune`` shows: old numbers and new ones, and which way the decisions move."""

from collections.abc import Sequence
from pathlib import Path

import onnx

from logitconf.card.score_card import ScoreCard
from logitconf.wording.numbers import short
from logitconf.wording.promise import promise_of
from logitconf_export.cli.results.cards import Pairs, threshold_words
from logitconf_export.cli.results.heads import model_result
from logitconf_export.cli.results.result import Result
from logitconf_export.heads.metadata import HeadMetadata, read_heads


def retuning_result(
    before: Sequence[HeadMetadata],
    tuned: onnx.ModelProto,
    path: Path,
    following: Sequence[str] = (),
) -> Result:
    """The heads before and after.

    Args:
        before: the heads as they were.
        tuned: the model with other numbers.
        path: where it was written; - for stdout.
        following: what to run next.
    """
    after = read_heads(tuned).heads
    pairs = [(old, new) for old, new in zip(before, after, strict=True) if old.card != new.card]
    facts: Pairs = []
    notes = []
    for old, new in pairs:
        if len(after) > 1:
            facts.append(("head", _name(new)))
        facts += changes(old.card, new.card)
        if old.card.certificate is not None and new.card.certificate is None:
            whose = f" of the head on {_name(new)}" if len(after) > 1 else ""
            notes.append(f"the certificate{whose} is void: it was for the old numbers")
    return model_result(
        f"Retuned: {path} {_moved([direction(old.card, new.card) for old, new in pairs])}",
        path,
        tuned,
        facts=facts,
        notes=notes,
        following=following,
    )


def changes(old: ScoreCard, new: ScoreCard) -> Pairs:
    """Each number that changed, old and new, and what became of the promise."""
    facts = []
    if old.threshold != new.threshold:
        facts.append(("threshold", f"{threshold_words(old)} → {threshold_words(new)}"))
    if old.temperature != new.temperature:
        facts.append(("temperature", f"{short(old.temperature)} → {short(new.temperature)}"))
    promises = promise_of(old), promise_of(new)
    if promises[0] != promises[1]:
        facts.append(("certificate", f"{promises[0] or 'none'} → {promises[1] or 'none'}"))
    return facts


def direction(old: ScoreCard, new: ScoreCard) -> str:
    """Which way the decisions move: ``"stricter"``, ``"looser"``, or empty where rows decide."""
    if old.temperature != new.temperature or old.threshold is None or new.threshold is None:
        return ""
    pairs = list(zip(_several(old.threshold), _several(new.threshold), strict=True))
    if all(after <= earlier for earlier, after in pairs):
        return "stricter"
    return "looser" if all(after >= earlier for earlier, after in pairs) else ""


def _moved(ways: Sequence[str]) -> str:
    if not ways:
        return "has the numbers that it had"
    if len(set(ways)) == 1 and ways[0]:
        fewer = {"stricter": "fewer", "looser": "more"}[ways[0]]
        return f"is {ways[0]}: it accepts {fewer} rows, or as many"
    return "has other numbers; rows decide which way it moves"


def _several(threshold: float | tuple[float, ...]) -> tuple[float, ...]:
    return threshold if isinstance(threshold, tuple) else (threshold,)


def _name(head: HeadMetadata) -> str:
    return "its input" if head.attached is None else head.attached.output
