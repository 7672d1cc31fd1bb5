"""What a head may be given as: a score, a card, the path of a card, or a head made already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from logitconf.arrays import to_numpy
from logitconf.card.score_card import HeadForm, ScoreCard, check_outputs
from logitconf.errors import LogitconfError
from logitconf.head_spec import Head, layout_of
from logitconf.scores.table import SCORES

if TYPE_CHECKING:
    from logitconf.fitting.logit_score import LogitScore
    from logitconf.head import ConfidenceHead

HeadSource: TypeAlias = "LogitScore | ScoreCard | str | Path | Head | ConfidenceHead"
"""A fitted score, its card as a value or in a file, or a head: as values or as a torch module."""


def card_of(source: HeadSource) -> ScoreCard:
    """The card of a score, of a head, or in a file.

    Raises:
        LogitconfError: if it is none of them.
    """
    if isinstance(source, ScoreCard):
        return source
    if isinstance(source, str | Path):
        return ScoreCard.load(source)
    card = getattr(source, "card", None)
    if not isinstance(card, ScoreCard):
        raise LogitconfError(
            "a head must be given as a fitted score, a score card, the path of a card or a "
            f"compiled head, got {type(source).__name__}"
        )
    return card


def head_of(
    source: HeadSource,
    *,
    n_classes: int | None = None,
    rank: int | None = None,
    class_axis: int | None = None,
    runtime: str | None = None,
    precision: str | None = None,
    mask_type: str | None = None,
    outputs: Iterable[str] | None = None,
    probabilities: bool | None = None,
    members: int | None = None,
    tunable: bool | None = None,
) -> Head:
    """The head as plain values. What a torch module holds in its buffers is what it exports.

    Args:
        source: of the head.
        n_classes: columns along the class axis; what the card or the head says unless given.
        rank: axes of the logits; 2 unless given.
        class_axis: where the classes are; 1 unless given.
        runtime: ``"any"``, right on every runtime, unless given; ``"onnxruntime"``
            or ``"cuda"``.
        precision: ``"float32"`` unless given; ``"float64"`` computes in double and rounds once.
        mask_type: ``"bool"`` unless given; ``"uint8"`` or ``"float32"``.
        outputs: what it gives beside score and mask, of ``logitconf.card.score_card.OUTPUTS``.
        probabilities: whether ``"probabilities"`` is one of them.
        members: how many, along the last axis, where the card does not say.
        tunable: whether callers may give other thresholds and temperatures.

    Raises:
        LogitconfError: if it cannot be made, with the reason.
    """
    asked: dict[str, Any] = {
        "n_classes": n_classes,
        "rank": rank,
        "class_axis": class_axis,
        "runtime": runtime,
        "precision": precision,
        "mask_type": mask_type,
        "outputs": None if outputs is None else check_outputs(outputs),
        "members": members,
        "tunable": tunable,
    }
    given = {name: value for name, value in asked.items() if value is not None}
    card, form = card_of(source), getattr(source, "form", None)
    if not isinstance(form, HeadForm):
        start = HeadForm(card.n_classes, members=card.members or members)
        return Head.of_card(card, _asked(start, given, probabilities))
    if isinstance(source, Head):
        head = source
    else:
        made = Head.of_card(card, form)
        held = {name: to_numpy(getattr(source, name)) for name in made.buffers}
        head = made.with_numbers(held)
    asked_form = _asked(form, given, probabilities)
    return head if asked_form == form else head.with_form(asked_form)


def with_names(head: Head, names: Sequence[str], n_classes: int | None = None) -> Head:
    """The head with the names of its classes in its card.

    Args:
        head: to be named.
        names: one for each class in their order; of one logit two, of no and of yes.
        n_classes: columns of the logits, where the head does not say.

    Raises:
        LogitconfError: if there are not as many names as classes.
    """
    # looked up here: fits of maps and tables of rows come with the room
    from logitconf.fitting.class_names import check_names

    card = head.card
    layout = layout_of(card, head.form)
    if layout.n_classes is None:
        layout = replace(layout, n_classes=n_classes)
    if SCORES[card.score].learned and card.task != "multilabel":
        raise LogitconfError(
            "class_names (--names) must be of a score of classes, got a learned confidence, which "
            "judges predictions and has none; leave them out"
        )
    if card.label_map is not None:
        # a label need not stand for any class, so there may be more; the card checks how many
        layout = replace(layout, n_classes=None)
    return replace(head, card=replace(card, class_names=check_names(names, layout)))


def _asked(form: HeadForm, given: Mapping[str, Any], probabilities: bool | None) -> HeadForm:
    """The form with what was asked for in its place."""
    made = replace(form, **given)
    if probabilities is None:
        return made
    others = [name for name in made.outputs if name != "probabilities"]
    return replace(made, outputs=(*others, *(["probabilities"] if probabilities else [])))
