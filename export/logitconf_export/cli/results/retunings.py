"""What ``retune`` shows: old numbers and new ones, and which way the decisions move."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import onnx

from logitconf.card.score_card import ScoreCard
from logitconf.wording.numbers import counted, percent, short
from logitconf_export.cli.results.cards import Pairs, threshold_words
from logitconf_export.cli.results.fits import Figures, figures_of
from logitconf_export.cli.results.heads import model_result
from logitconf_export.cli.results.result import Result, named
from logitconf_export.display.judged import judge
from logitconf_export.heads.metadata import HeadMetadata, read_heads
from logitconf_export.onnx_files.types import Array


@dataclass(frozen=True, slots=True)
class Effect:
    """What other numbers do to some rows.

    Attributes:
        before: their figures by the old numbers.
        after: by the new ones.
        labelled: whether labels are known, and so errors.
    """

    before: Figures
    after: Figures
    labelled: bool

    @classmethod
    def on_rows(
        cls,
        before: ScoreCard,
        after: ScoreCard,
        logits: Array,
        labels: Array | None,
        *,
        kind: str,
        noun: str | None = None,
    ) -> "Effect":
        """What two cards do to the same rows; see `logitconf_export.display.judged.judge`."""
        earlier, later = (
            figures_of(judge(card, logits, labels, kind=kind, noun=noun))
            for card in (before, after)
        )
        return cls(earlier, later, labelled=labels is not None)

    @property
    def moved(self) -> str:
        """Which way the decisions moved, and what the accepted are worth now."""
        old, new = self.before, self.after
        way = "stricter" if new.accepted < old.accepted else "looser"
        way = "as strict as before" if new.accepted == old.accepted else way
        words = f"{way}: it accepts {percent(new.coverage)} instead of {percent(old.coverage)}"
        if (
            self.labelled
            and old.accuracy_accepted is not None
            and new.accuracy_accepted is not None
        ):
            words += (
                f", {percent(new.accuracy_accepted)} of them right instead of "
                f"{percent(old.accuracy_accepted)}"
            )
        return f"{words}, on {counted(new.decisions, new.noun)}"

    @property
    def values(self) -> dict[str, Any]:
        """Coverage and accuracy before and after, as JSON values."""
        return {
            "rows": self.after.decisions,
            "coverage": [self.before.coverage, self.after.coverage],
            "accuracy_accepted": [self.before.accuracy_accepted, self.after.accuracy_accepted]
            if self.labelled
            else None,
        }


def retuning_result(
    before: Sequence[HeadMetadata],
    tuned: onnx.ModelProto,
    path: Path,
    following: Sequence[str] = (),
    *,
    effects: Mapping[int, Effect] = MappingProxyType({}),
    notes: Sequence[str] = (),
    done: str = "Retuned",
) -> Result:
    """The heads before and after.

    Args:
        before: the heads as they were.
        tuned: the model with other numbers.
        path: where it was written; - for stdout.
        following: what to run next.
        effects: what the new numbers do to the user's rows, by the place of the head.
        notes: what should be known.
        done: what was done, in a word.
    """
    after = read_heads(tuned).heads
    facts: Pairs = []
    ways: list[str] = []
    told = list(notes)
    for place, (old, new) in enumerate(zip(before, after, strict=True)):
        if old.card == new.card:
            continue
        effect = effects.get(place)
        ways.append(_way(old.card, new.card) if effect is None else effect.moved)
        if len(after) > 1:
            facts.append(("head", f"{_name(new)} is {ways[-1]}"))
        facts += changes(old.card, new.card)
        if old.card.certificate is not None and new.card.certificate is None:
            whose = f" of the head on {_name(new)}" if len(after) > 1 else ""
            told.append(f"the certificate{whose} is void: it was for the old numbers")
    if not ways:
        moved = "has the numbers that it had"
    else:
        moved = f"is {ways[0]}" if len(set(ways)) == 1 else f"has {len(ways)} other heads"
    return model_result(
        f"{done}: {named(path)} {moved}",
        path,
        tuned,
        facts=facts,
        notes=told,
        following=following,
        values={
            "changes": [
                {
                    "head": place,
                    "temperature": [old.card.temperature, new.card.temperature],
                    "threshold": [old.card.threshold, new.card.threshold],
                    "effect": effects[place].values if place in effects else None,
                }
                for place, (old, new) in enumerate(zip(before, after, strict=True))
                if old.card != new.card
            ]
        },
    )


def _way(old: ScoreCard, new: ScoreCard) -> str:
    way = direction(old, new)
    if not way:
        return "tuned otherwise; rows decide which way it moves, --data shows it"
    return f"{way}: it accepts {'fewer' if way == 'stricter' else 'more'} rows, or as many"


def changes(old: ScoreCard, new: ScoreCard) -> Pairs:
    """Each number that changed, old and new."""
    facts = []
    if old.threshold != new.threshold:
        facts.append(("threshold", f"{threshold_words(old)} → {threshold_words(new)}"))
    if old.temperature != new.temperature:
        facts.append(("temperature", f"{short(old.temperature)} → {short(new.temperature)}"))
    return facts


def direction(old: ScoreCard, new: ScoreCard) -> str:
    """Which way the decisions move: ``"stricter"``, ``"looser"``, or empty where rows decide."""
    if old.temperature != new.temperature or old.threshold is None or new.threshold is None:
        return ""
    pairs = list(zip(_several(old.threshold), _several(new.threshold), strict=True))
    if all(after <= earlier for earlier, after in pairs):
        return "stricter"
    return "looser" if all(after >= earlier for earlier, after in pairs) else ""


def _several(threshold: float | tuple[float, ...]) -> tuple[float, ...]:
    return threshold if isinstance(threshold, tuple) else (threshold,)


def _name(head: HeadMetadata) -> str:
    return "its input" if head.attached is None else head.attached.output
