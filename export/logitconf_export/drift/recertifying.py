"""A promise made anew: the card's own policy on fresh rows with labels, at the same temperature."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import onnx

from logitconf.card.score_card import ScoreCard
from logitconf.errors import LogitconfError, LogitconfWarning
from logitconf.fitting.class_names import numbered_labels
from logitconf.notebook.brief import brief
from logitconf.tasks import check_logits, check_task
from logitconf.wording.numbers import counted
from logitconf_export.attachment.detaching import each_head
from logitconf_export.attachment.retuning import write_cards
from logitconf_export.attachment.thresholds import recertify_card
from logitconf_export.drift.measuring import checked_labels, decided
from logitconf_export.heads.metadata import HeadsMetadata, read_heads
from logitconf_export.heads.sources import HeadSource, card_of
from logitconf_export.onnx_files.loading import is_model, load_model
from logitconf_export.onnx_files.types import Array, ModelSource
from logitconf_export.runtimes.feeds import host_input_names
from logitconf_export.runtimes.stored_arrays import LABELS, given_feeds, read_arrays, rows_kept

LOGITS = "logits"


@dataclass(frozen=True, slots=True, eq=False)
class Recertified:
    """A card before and after, and the rows in between.

    Attributes:
        before: the card as it was.
        card: with a threshold and a certificate from the rows.
        model: with that card; None where a card or a score was given.
        logits: (N, ...) of the rows.
        labels: theirs.
        kind: what the logits hold.
        notes: what was done that is not seen in the card.
    """

    before: ScoreCard
    card: ScoreCard
    model: onnx.ModelProto | None
    logits: Array
    labels: Array
    kind: str
    notes: tuple[str, ...]

    __repr__ = brief


def recertify(
    source: ModelSource | HeadSource,
    data: str | Path | Mapping[str, Array],
    path: str | Path | None = None,
    *,
    head: str | None = None,
    kind: str | None = None,
    provider: str = "cpu",
    ignore_labels: Sequence[int] = (),
    force: bool = False,
) -> Recertified:
    """Follows a card's own policy again on fresh rows; temperature and parameters stay.

    For a promise that a monitor calls in doubt or void: threshold, certificate and sketch are then
    those of the fresh rows, or nothing is written, since they cannot certify the promise. Rows that
    something was fitted on certify nothing. Each set of rows may be used once: who tries sets until
    one passes has no certificate.

    Args:
        source: a model with a head, or a card (a path that ends in ``.json``) or a fitted score;
            it is not changed.
        data: ``labels``, and ``logits`` or, for a host, its inputs by name; in an ``.npz`` file or
            as arrays.
        path: where to write the model or the card too, whole or not at all.
        head: in a model with several heads, the host's output that the head judges.
        kind: for a card: what ``logits`` holds; logits unless given.
        provider: short name of onnxruntime's provider.
        ignore_labels: rows with these labels are left out.
        force: whether a file at ``path`` may be replaced.

    Raises:
        UncertifiableError: if the rows cannot certify the promise.
        LogitconfError: if the card promises no risk, or the rows do not fit it.
    """
    if is_model(source):
        model = source
        several = read_heads(load_model(model))
        place = _place(several, head)
        own = several.heads[place]
        if kind is not None:
            raise LogitconfError("kind belongs to a card; a model says itself what its head reads")
        logits, labels = _of_model(model, several, place, data, provider=provider)
        before, kind = own.card, own.form.kind
    else:
        before, kind = card_of(cast(HeadSource, source)), kind or LOGITS
        logits, labels = _of_card(before, data)
    left_out = 0
    if ignore_labels:
        kept = rows_kept(labels, ignore_labels, rows=len(logits))
        left_out = int(len(kept) - kept.sum())
        logits, labels = logits[kept], labels[kept]
    chosen = recertify_card(before, logits, labels, kind=kind)
    for words in chosen.warnings:
        warnings.warn(words, LogitconfWarning, stacklevel=2)
    written = None
    if is_model(source):
        written = write_cards(source, {place: chosen.card}, path, force=force)
    elif path is not None:
        chosen.card.save(path, force=force)
    notes = chosen.notes
    if left_out:
        are = "is" if left_out == 1 else "are"
        notes = (*notes, f"{counted(left_out, 'row')} {are} left out for their label")
    return Recertified(before, chosen.card, written, logits, labels, kind, notes)


def _place(several: HeadsMetadata, head: str | None) -> int:
    """Which head the promise is of."""
    if several.joint is not None:
        raise LogitconfError(
            f"recertify is for the promise of one head, but {list(several.names)} decide jointly, "
            "by one threshold; attach them each with its own outputs (--several each), or fit a "
            "card anew on rows for all of them"
        )
    if len(several.heads) == 1 and head is None:
        return 0
    if head is None:
        raise LogitconfError(f"a promise is of one head; name one of {list(several.names)}")
    return several.named(head)


def _of_model(
    model: ModelSource,
    several: HeadsMetadata,
    place: int,
    data: str | Path | Mapping[str, Array],
    *,
    provider: str,
) -> tuple[Array, Array]:
    """What the head reads of the rows, and their labels."""
    own, loaded = several.heads[place], load_model(model)
    inputs = host_input_names(loaded)
    arrays = read_arrays(data) if isinstance(data, str | Path) else data
    if own.attached is None or (LOGITS in arrays and LOGITS not in inputs):
        return _of_card(own.card, arrays)
    feeds, labels = given_feeds(arrays, None, inputs)
    # a path, since weights may lie beside it
    one = model if len(several.heads) == 1 else [*each_head(loaded)][place]
    decisions = decided(one, feeds, provider)
    if labels is None:
        raise _no_labels()
    if labels.dtype.kind in "UO":
        labels = _numbered(own.card, decisions.logits, labels)
    return decisions.logits, checked_labels(decisions, labels)


def _of_card(card: ScoreCard, data: str | Path | Mapping[str, Array]) -> tuple[Array, Array]:
    """Logits and labels of the rows as they are given."""
    arrays = read_arrays(data) if isinstance(data, str | Path) else data
    if LOGITS not in arrays:
        raise LogitconfError(f"data must hold 'logits', it holds {sorted(arrays)}")
    if LABELS not in arrays:
        raise _no_labels()
    logits, labels = np.asarray(arrays[LOGITS]), np.asarray(arrays[LABELS])
    return logits, _numbered(card, logits, labels) if labels.dtype.kind in "UO" else labels


def _numbered(card: ScoreCard, logits: Array, names: Array) -> Array:
    """Labels that are names of classes, as numbers."""
    members = card.members is not None
    _, layout = check_logits(logits, check_task(card.task), per_member=members)
    numbers, _ = numbered_labels(names, card.class_names, layout)
    return np.asarray(numbers)


def _no_labels() -> LogitconfError:
    return LogitconfError("recertify needs rows with labels, got none; add 'labels'")
