"""Checks that a file decides as its card says, on the provider that will run it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx

from logitconf.errors import LogitconfError, MissingExtraError, not_among
from logitconf.head_spec import Head
from logitconf_export.attachment.recognition import find_heads
from logitconf_export.heads.metadata import HeadsMetadata, has_metadata, read_heads
from logitconf_export.heads.sources import HeadSource, card_of, head_of
from logitconf_export.onnx_files.loading import load_model
from logitconf_export.onnx_files.types import Array, ModelSource
from logitconf_export.runtimes.providers import provider_name
from logitconf_export.runtimes.sessions import OPTIMISATIONS, load_onnxruntime
from logitconf_export.runtimes.targets.table import RuntimeRequest
from logitconf_export.verification.report import Check, VerificationReport
from logitconf_export.verification.several import verify_several
from logitconf_export.verification.single import GRAPH, NUMBERS, VerifyRequest, hopeless, verify_one
from logitconf_export.verification.structure import file_checks, with_own_numbers
from logitconf_export.verification.surroundings import checks_around

_ROW_MEANINGS = ("logits", "inputs")


def verify(
    model: ModelSource,
    rows: Array | None = None,
    *,
    feeds: Mapping[str, Array] | None = None,
    rows_as: str | None = None,
    providers: Sequence[str] = ("cpu",),
    optimisations: Sequence[str] = ("off", "basic", "all"),
    head: HeadSource | None = None,
    pairs: int = 1000,
    seed: int = 0,
    labels: Array | None = None,
    runtimes: Sequence[str] = ("onnxruntime",),
) -> VerificationReport:
    """A report about decisions: whether the file accepts the rows that its card says.

    The file must mean one thing to every reader, and the value that the head reads must lead to
    the output that it judges, as the host says when it is read without its head; what the host
    does not say is listed as not checked. The head is rebuilt from the file's own card and
    compared with the file: numbers bit for bit, graph node by node. Then it runs on hard rows, on
    pairs of neighbouring rows on both sides of the threshold and on ``rows``, alone and in batches;
    a host runs on ``feeds`` too, and its own outputs must be bit for bit what they are without the
    head. A certificate in the card is checked from the card alone, and measured again where labels
    are given.

    Args:
        model: a head or a host with one, as a file, its bytes or a model.
        rows: the user's rows: logits in the layout of the head, or the only input of the host.
            Which of the two is decided by the shape, where only one fits.
        feeds: the host's inputs by name, instead of or besides ``rows``.
        rows_as: ``"logits"`` or ``"inputs"``, where both would fit.
        providers: short names of onnxruntime's providers: ``"cpu"``, ``"cuda"`` and others;
            ``"cuda"`` multiplies in whole float32, ``"cuda-tf32"`` as onnxruntime does by default.
        optimisations: ``"off"``, ``"basic"``, ``"extended"``, ``"all"``.
        head: the checkpoint's own score, card or head, to compare with instead of the file's card.
        pairs: how many neighbouring pairs to look for.
        seed: for the generated rows.
        labels: of ``rows`` or ``feeds``; used only if the card has a certificate.
        runtimes: where the head runs, each ``NAME`` or ``NAME==VERSION``: ``"onnxruntime"`` (on its
            providers; the host runs there alone), ``"openvino"``, ``"tract"``, ``"opencv"`` and
            others, or the path of a Python that has an onnxruntime. One that is missing or of
            another version fails.

    Returns:
        The report. It passes if no mask flips outside the rounding band and none of the user's
        rows at all, what is not finite is alike (on other providers than the CPU's: not finite
        either), card, numbers and graph agree, nothing else in the file passes for the decision,
        every head node ran on the provider asked for, a certificate can be true and holds on the
        labelled rows, the runtime runs the host, and there were rows to compare.

    Raises:
        LogitconfError: if the model has no head, or the arguments do not fit it. What the file
            does wrong is in the report.
        MissingExtraError: without onnxruntime.
    """
    load_onnxruntime()
    _check_words(providers, optimisations, rows_as)
    requests = _requests(runtimes)
    if not any(request.is_onnxruntime for request in requests):
        providers = ()
    loaded = load_model(model)
    folder = None if isinstance(model, bytes | onnx.ModelProto) else Path(model).resolve().parent
    ask = VerifyRequest(
        rows, feeds, rows_as, providers, optimisations, pairs, seed, labels, requests
    )
    several = _heads_of(loaded)
    if len(several.heads) > 1 and head is not None:
        raise LogitconfError(
            f"the model has the heads {list(several.names)}, and head= is one; verify "
            "single_head(model, name) with it"
        )
    checks = [*file_checks(loaded, several), *_version_checks(requests)]
    try:
        checks += checks_around(loaded, several)
        ready = with_own_numbers(loaded, folder, several)
        report = (
            verify_one(ready, folder, ask, None if head is None else _own(head, several))
            if len(several.heads) == 1
            else verify_several(ready, several, folder, ask)
        )
    except LogitconfError as error:
        if all(check.passed is not False for check in checks):
            raise
        # What is wrong with the file says more than what it makes impossible.
        report = hopeless(_named(several), seed, Check("the file can be run", False, str(error)))
    report = replace(report, checks=(*checks, *report.checks))
    return replace(report, notes=(*report.notes, *_rewritten(loaded, several, report)))


def _heads_of(model: onnx.ModelProto) -> HeadsMetadata:
    """The heads in the file's metadata; where a tool dropped these, the error says what to do."""
    if not has_metadata(model) and find_heads(model, None) is not None:
        raise LogitconfError(
            "the model must hold the card of its head, but a tool has dropped its metadata; put "
            "the head back with reattach(model, card=...) (reattach --card CARD.json)"
        )
    return read_heads(model)


def _rewritten(
    model: onnx.ModelProto, several: HeadsMetadata, report: VerificationReport
) -> Iterator[str]:
    """That a tool has rewritten the head without harm, where that is all that is wrong."""
    failed = {check.name for check in report.checks if check.passed is False}
    if not failed or not failed <= {NUMBERS, GRAPH} or not report.runs:
        return
    if any(list(run.failures()) for run in report.runs) or several.heads[0].attached is None:
        return
    if find_heads(model, several) is not None:
        yield (
            "it decides alike on every row tried, but not by the nodes and numbers that its card "
            "writes: a tool has rewritten it; reattach puts the head back"
        )


def _own(head: HeadSource, several: HeadsMetadata) -> Head:
    """The checkpoint's head; one that was not compiled, in the form of the file."""
    if hasattr(head, "form"):
        return head_of(head)
    return Head.of_card(card_of(head), several.heads[0].form)


def _named(several: HeadsMetadata) -> dict[str, Any]:
    """Score and task of each head, for a report on a file that cannot be run."""
    cards = [{"score": head.card.score, "task": head.card.task} for head in several.heads]
    return cards[0] if len(cards) == 1 else {"heads": cards}


def _requests(runtimes: Sequence[str]) -> tuple[RuntimeRequest, ...]:
    if isinstance(runtimes, str) or not runtimes:
        raise LogitconfError(
            f"runtimes must be a sequence of names, at least one, got {runtimes!r}"
        )
    return tuple(RuntimeRequest.of(text) for text in dict.fromkeys(runtimes))


def _version_checks(requests: Sequence[RuntimeRequest]) -> Iterator[Check]:
    """A failed check for an onnxruntime of another version; others are checked when they run."""
    for request in requests:
        if request.is_onnxruntime:
            try:
                request.load()
            except MissingExtraError as error:
                yield Check("the runtime is of the version asked for", False, str(error))


def _check_words(
    providers: Sequence[str], optimisations: Sequence[str], rows_as: str | None
) -> None:
    if isinstance(providers, str) or isinstance(optimisations, str):
        raise LogitconfError(
            "providers and optimisations must be sequences of names, got text; "
            "write providers=['cpu']"
        )
    if not providers or not optimisations:
        raise LogitconfError("verify needs at least one provider and one optimisation, got none")
    for provider in providers:
        provider_name(provider)
    for optimisation in optimisations:
        if optimisation not in OPTIMISATIONS:
            raise not_among("optimisation", optimisation, OPTIMISATIONS)
    if rows_as not in (None, *_ROW_MEANINGS):
        raise not_among("rows_as", rows_as, _ROW_MEANINGS)
