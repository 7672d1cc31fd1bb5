"""What a page shows of a model: its heads on the user's rows, and what verification says."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx

from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.errors import LogitconfError
from logitconf.fitting.class_names import Names, check_names, numbered_labels
from logitconf.tasks import check_logits, check_task
from logitconf.wording.numbers import counted
from logitconf_export.attachment.detaching import each_head
from logitconf_export.display.judged import JudgedRows, as_rows, judge
from logitconf_export.display.page.given_rows import (
    LOGITS,
    GivenRows,
    labels_for,
    logits_for,
    names_of,
)
from logitconf_export.heads.in_file import EmbeddedHead, head_in
from logitconf_export.heads.metadata import read_heads
from logitconf_export.heads.sources import HeadSource, card_of
from logitconf_export.onnx_files.loading import load_model
from logitconf_export.onnx_files.types import Array, Arrays, ModelSource
from logitconf_export.runtimes.feeds import HostFeeds, host_input_names
from logitconf_export.runtimes.host_runs import run_rows, with_output
from logitconf_export.runtimes.sessions import Session
from logitconf_export.runtimes.stored_arrays import host_feeds, rows_kept
from logitconf_export.verification.report import VerificationReport
from logitconf_export.verification.verifying import verify


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that a page was made from.

    Attributes:
        name: without its folder.
        sha256: of its content.
    """

    name: str
    sha256: str

    @classmethod
    def at(cls, path: str | Path) -> NamedFile:
        """The file at a path."""
        digest = hashlib.sha256()
        with Path(path).open("rb") as stream:
            while block := stream.read(2**20):
                digest.update(block)
        return cls(Path(path).name, digest.hexdigest())


@dataclass(frozen=True, slots=True, eq=False)
class HeadEvidence:
    """One head on rows.

    Attributes:
        name: the output that it judges; empty where there is one head alone.
        card: its card.
        form: how it is written; None for a card without a file.
        judged: the rows as it judges them.
        notes: what could not be shown, and why.
        names: of the classes or labels, where they are known.
    """

    name: str
    card: ScoreCard
    form: HeadForm | None
    judged: JudgedRows
    notes: tuple[str, ...] = ()
    names: Names | None = None


@dataclass(frozen=True, slots=True, eq=False)
class HeadRows:
    """What a head reads of the user's rows.

    Attributes:
        card: of the head.
        values: (N, K), or (N, K, M) of members.
        labels: theirs; None if they are not known.
        notes: what is not used of them, and why.
        noun: what one of them is called; None for a row.
        names: of the classes or labels, where they are known.
    """

    card: ScoreCard
    values: Array
    labels: Array | None
    notes: tuple[str, ...]
    noun: str | None
    names: Names | None


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """All that a page is made of.

    Attributes:
        heads: at least one, but for a file that fails and does not run.
        joint: how many rows all heads together accept, and of how many; None without a joint
            decision.
        verification: of the file; None for a card.
        model: the file of the model or card, None if it came otherwise.
        data: the file of the rows, None if they came otherwise.
        note: why no head is shown, if none is.
        share_threshold: whether several heads decide jointly, by one threshold.
    """

    heads: tuple[HeadEvidence, ...]
    joint: tuple[int, int] | None
    verification: VerificationReport | None
    model: NamedFile | None
    data: NamedFile | None
    note: str = ""
    share_threshold: bool = False


def of_card(source: HeadSource, rows: GivenRows, *, kind: str = "logits") -> Evidence:
    """A fitted score, or its card, on rows of logits.

    Raises:
        LogitconfError: if the rows do not fit it.
    """
    card = card_of(source)
    head = _head("", card, None, logits_for(card, rows), rows, kind=kind)
    file = NamedFile.at(source) if isinstance(source, str | Path) else None
    return Evidence((head,), None, None, file, None)


def of_model(
    model: ModelSource,
    rows: GivenRows,
    *,
    providers: Sequence[str] = ("cpu",),
    runtimes: Sequence[str] = ("onnxruntime",),
    verification: VerificationReport | None = None,
) -> Evidence:
    """A model with heads, on logits or on its own inputs, verified on them.

    Args:
        model: a head or a host with one or several, as a file, its bytes or a model.
        rows: ``logits`` for a head, or the inputs of a host by name; ``labels`` where known.
        providers: of onnxruntime; the rows run on the first.
        runtimes: where the head is verified.
        verification: what is known already.

    Raises:
        LogitconfError: if it has no head, or the rows do not fit it.
        MissingExtraError: without onnxruntime.
    """
    loaded = load_model(model)
    several = read_heads(loaded)
    names = [value.name for value in loaded.graph.input]
    as_logits = several.heads[0].attached is None or (LOGITS in rows.arrays and LOGITS not in names)
    feeds = None if as_logits else host_feeds(rows.arrays, host_input_names(loaded), "data")
    heads = [head_in(one) for one in each_head(loaded)]
    logits, joint = None, None
    if feeds is None:
        logits = [logits_for(head.metadata.card, rows) for head in heads]
    if verification is None:
        certified = any(head.metadata.card.certificate is not None for head in heads)
        verification = verify(
            model,
            None if logits is None else np.asarray(logits[0]),
            feeds=feeds,
            rows_as=None if logits is None else "logits",
            providers=providers,
            labels=rows.labels if certified and rows.plain else None,
            runtimes=runtimes,
        )
    path = Path(model) if isinstance(model, str | Path) else None
    folder, note = None if path is None else path.resolve().parent, ""
    try:
        if logits is None:
            logits, masks = _run(loaded, heads, feeds or {}, folder, providers[0])
            joint = None if several.joint is None else _accepted_by_all(masks)
        shown = _shown(several.names, heads, rows, logits)
    except LogitconfError as error:
        # what is wrong with the file says more than what it makes impossible
        if verification.passed:
            raise
        shown, joint, note = (), None, f"Nothing is shown of the rows: {error}."
    file = None if path is None else NamedFile.at(path)
    return Evidence(shown, joint, verification, file, None, note, several.joint is not None)


def _shown(
    names: Sequence[str], heads: Sequence[EmbeddedHead], rows: GivenRows, read: Sequence[Array]
) -> tuple[HeadEvidence, ...]:
    """Every head on what it reads of the rows."""
    names = names if len(heads) > 1 else ("",)
    return tuple(
        _head(
            name, head.metadata.card, head.metadata.form, values, rows, kind=head.metadata.form.kind
        )
        for name, head, values in zip(names, heads, read, strict=True)
    )


def rows_of_heads(model: ModelSource, rows: GivenRows) -> tuple[HeadRows, ...]:
    """What each head of a model reads of the user's rows, on the CPU.

    Raises:
        LogitconfError: if it has no head, or the rows do not fit it.
    """
    loaded = load_model(model)
    heads, inputs = [head_in(one) for one in each_head(loaded)], host_input_names(loaded)
    if not heads[0].attached or (LOGITS in rows.arrays and LOGITS not in inputs):
        read = [logits_for(head.metadata.card, rows) for head in heads]
    else:
        feeds = host_feeds(rows.arrays, inputs, "data")
        folder = Path(model).resolve().parent if isinstance(model, str | Path) else None
        read, _ = _run(loaded, heads, feeds, folder, "cpu")
    pairs = zip((head.metadata for head in heads), read, strict=True)
    return tuple(_laid_out(one.card, one.form, values, rows) for one, values in pairs)


def with_data_file(evidence: Evidence, data: object) -> Evidence:
    """The evidence with the file of the rows, if they came from one."""
    return replace(evidence, data=NamedFile.at(data)) if isinstance(data, str | Path) else evidence


def _run(
    model: onnx.ModelProto,
    heads: Sequence[EmbeddedHead],
    feeds: Arrays,
    folder: Path | None,
    provider: str,
) -> tuple[list[Array], list[Array]]:
    """What each head reads, and what it accepts, behind the cast at its door."""
    exposed, wanted = model, []
    for head in heads:
        wanted += [head.widened, head.outputs[1]]
    for name in wanted:
        exposed = with_output(exposed, name)
    with Session(exposed, provider=provider, strict=False, folder=folder, profile=False) as session:
        values = run_rows(session, HostFeeds.of(model, feeds), wanted)
    return values[::2], values[1::2]


def _accepted_by_all(masks: Sequence[Array]) -> tuple[int, int]:
    accepted = np.logical_and.reduce([mask.astype(bool) for mask in masks])
    return int(accepted.sum()), accepted.size


def _head(
    name: str,
    card: ScoreCard,
    form: HeadForm | None,
    values: Array,
    rows: GivenRows,
    *,
    kind: str,
) -> HeadEvidence:
    """The rows as a head judges them, with their labels where these fit."""
    if name and rows.names is not None and not _fit(rows.names, card, values):
        # those of one head need not be those of another
        rows = replace(rows, names=None)
    own = _laid_out(card, form, values, rows)
    notes = own.notes
    try:
        judged = judge(card, own.values, own.labels, kind=kind, noun=own.noun)
    except LogitconfError as error:
        if not name or own.labels is None:
            raise
        # labels of one head need not be those of another
        judged = judge(card, own.values, kind=kind, noun=own.noun)
        notes = (*notes, f"its labels are not shown: {error}")
    return HeadEvidence(name, card, form, judged, notes, own.names)


def _checked(names: Names, card: ScoreCard, values: Array) -> Names:
    """The names, if there is one for each column.

    Raises:
        LogitconfError: if not.
    """
    _, layout = check_logits(values, check_task(card.task), per_member=card.members is not None)
    return check_names(names, layout)


def _fit(names: Names, card: ScoreCard, values: Array) -> bool:
    try:
        return bool(_checked(names, card, values))
    except LogitconfError:
        return False


def _laid_out(card: ScoreCard, form: HeadForm | None, values: Array, rows: GivenRows) -> HeadRows:
    """Rows without those whose labels are to be ignored."""
    noun = None
    if form is not None:
        precise = form.precision == "float64"
        values = as_rows(values.astype(np.float64 if precise else np.float32), form)
        deep = form.input_rank - (form.members is not None) > 2
        noun = "position" if deep and not card.per_label else None
    labels, notes = labels_for(card, form, len(values), rows)
    names = names_of(card) if rows.names is None else _checked(rows.names, card, values)
    if labels is not None and labels.dtype.kind in "UO" and card.score != "learned":
        members = card.members is not None
        _, layout = check_logits(values, check_task(card.task), per_member=members)
        numbers, names = numbered_labels(labels, names, layout)
        labels = np.asarray(numbers)
    if labels is not None and rows.ignored:
        known = rows_kept(labels, rows.ignored, rows=len(values))
        left_out = int(len(known) - known.sum())
        values, labels = values[known], labels[known]
        if left_out:
            are = "is" if left_out == 1 else "are"
            what = counted(left_out, noun or "row")
            notes = (*notes, f"{what} {are} left out for their label")
    return HeadRows(card, values, labels, notes, noun, names)
