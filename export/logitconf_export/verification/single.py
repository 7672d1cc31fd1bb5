"""Checks that a file decides as its card says, on the provider that will run it.

Three things must agree: the score card in the file, the numbers and nodes of its graph, and what
comes out of the runtime, row by row, against eager torch.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from logitconf.errors import LogitconfError, MissingExtraError
from logitconf.telling.progress import steps
from logitconf_export.decisions.further import agreements, where_there_is_a_score
from logitconf_export.heads.in_file import EmbeddedHead, head_in
from logitconf_export.onnx_files.loading import host_inputs
from logitconf_export.onnx_files.types import Array
from logitconf_export.runtimes.targets.table import RuntimeRequest
from logitconf_export.verification.report import Check, Run, VerificationReport

if TYPE_CHECKING:
    from logitconf.head_spec import Head
    from logitconf_export.decisions.batch import Batch
    from logitconf_export.decisions.comparison import Decisions
    from logitconf_export.verification.head_runs import Trials

# some runtimes flush subnormals to zero
_SMALLEST = float(np.finfo(np.float32).smallest_normal)


NUMBERS, GRAPH = "temperature and threshold are the card's", "the graph is the card's"
"""Checks that a tool makes fail which rewrites a head without harm."""


@dataclass(frozen=True, slots=True)
class VerifyRequest:
    """What a verification was asked for; as in :func:`verify`."""

    rows: Array | None
    feeds: Mapping[str, Array] | None
    rows_as: str | None
    providers: Sequence[str]
    optimisations: Sequence[str]
    pairs: int
    seed: int
    labels: Array | None = None
    runtimes: Sequence[RuntimeRequest] = (RuntimeRequest("onnxruntime"),)


def verify_one(
    loaded: onnx.ModelProto,
    folder: Path | None,
    ask: VerifyRequest,
    head: "Head | None" = None,
) -> VerificationReport:
    """The report on a model with one head.

    Args:
        loaded: the model.
        folder: where its file lies, if it has one.
        ask: rows, providers and the like.
        head: the checkpoint's own head, if it is to be compared with.

    Raises:
        LogitconfError: if the rows do not fit the model.
    """
    embedded = head_in(loaded)
    rows, feeds, rows_as, pairs, seed = ask.rows, ask.feeds, ask.rows_as, ask.pairs, ask.seed
    given, inputs = _sort_rows(loaded, embedded, rows, feeds, rows_as)

    from logitconf_export.verification import certificate as certification
    from logitconf_export.verification import consistency as agreement
    from logitconf_export.verification.head_runs import Trials

    try:
        rebuilt = agreement.rebuilt_head(embedded)
    except LogitconfError as error:
        reason = f"the card describes no head: {error}"
        failed = Check("the head can be rebuilt from its card", False, reason)
        return hopeless(_described(embedded, None), seed, failed)
    try:
        trials = Trials(
            loaded, embedded, head=head or rebuilt, folder=folder, pairs=pairs, seed=seed
        )
    except LogitconfError as error:
        failed = Check("the runtime loads the file", False, str(error))
        return hopeless(_described(embedded, None), seed, failed)
    card = embedded.metadata.card
    checks = [_numbers(embedded), _graph(embedded, rebuilt, trials.logits_dtype)]
    checks += certification.certificate_checks(card)
    if head is not None:
        checks.append(_checkpoint(head, rebuilt))
    for provider, optimisation in _asked(ask):
        trials.head(provider, optimisation, given)
        last = optimisation == ask.optimisations[-1]
        if embedded.attached:
            trials.host(provider, optimisation, inputs, whole=last)
        if last:
            trials.regroup(provider, optimisation, given)
            trials.tuned(provider, optimisation, given)
            trials.apart(provider, optimisation)
    trials.own_form(given)
    elsewhere = [request for request in ask.runtimes if not request.is_onnxruntime]
    for request in steps(elsewhere, "Verifying on other runtimes"):
        _run_elsewhere(request, trials, embedded, given)
    if embedded.attached and not ask.providers:
        trials.notes.append("the host was not run: hosts run on onnxruntime; ask for it too")
    elif ask.labels is not None and card.certificate is not None:
        measured = trials.fed_logits if given is None else given
        if measured is None:
            raise LogitconfError("labels need the rows that they belong to, got no rows that ran")
        checks.append(certification.measured_again(rebuilt, measured, np.asarray(ask.labels)))
    return VerificationReport(
        head=_described(embedded, trials.logits_dtype),
        band=trials.band,
        seed=seed,
        checks=(*checks, *trials.checks),
        runs=tuple(trials.runs),
        placements=tuple(trials.placements),
        notes=tuple(trials.notes),
    )


def _asked(ask: VerifyRequest) -> Iterator[tuple[str, str]]:
    """Every provider with every optimisation, in their order."""
    pairs = list(itertools.product(ask.providers, ask.optimisations))
    return steps(pairs, f"Verifying on {', '.join(ask.providers)}" if pairs else "Verifying")


def _run_elsewhere(
    request: RuntimeRequest, trials: "Trials", head: EmbeddedHead, rows: Array | None
) -> None:
    """Tries the head on another runtime: a run for each batch, a check for what does not run."""
    from logitconf_export.runtimes.runtime_sessions import RuntimeSession
    from logitconf_export.verification.batches import HeadRunner

    try:
        runtime, version = request.load()
    except MissingExtraError as error:
        trials.checks.append(Check(f"the head runs on {request.name}", False, str(error)))
        return
    runner = HeadRunner(RuntimeSession(runtime, version, trials.alone), head)
    gaps = {gap.kind: gap.detail for gap in runtime.gaps}
    for batch in trials.batches(rows, runtime.sums):
        name = f"the head runs on {request.name} with {batch.name}"
        try:
            decided = runner.decide(batch.logits)
            judged = (batch, decided)
            if "finite score" in gaps:
                judged = _without_gap(batch, decided)
            trials.runs.append(_run(runner.runtime, *judged))
        except LogitconfError as error:
            known = not batch.logits.size and "empty batch" in gaps
            detail = gaps["empty batch"] if known else str(error)
            trials.checks.append(Check(name, None if known else False, detail))


def _run(runtime: str, batch: "Batch", decided: "Decisions") -> Run:
    """The run compared; a score that is not finite may be any other such value."""
    allowed = batch.allowed
    batch = replace(batch, allowed=lambda values: np.maximum(allowed(values), _SMALLEST))
    return Run(
        part="head",
        runtime=runtime,
        provider="",
        optimisation="",
        name=batch.name,
        shape=tuple(batch.logits.shape),
        calibration=batch.calibration,
        eager=batch.against(batch.eager, decided, same_not_finite=False),
        truth=batch.against(batch.truth, decided, same_not_finite=False),
        eager_truth=batch.against(batch.truth, batch.eager),
        further=agreements(batch.right, decided.further),
    )


def _without_gap(batch: "Batch", decided: "Decisions") -> "tuple[Batch, Decisions]":
    """Both with the declared gap left out: a score where there is none, but rejected."""
    if len(decided.score) != len(batch.eager.score):
        return batch, decided
    none = ~np.isfinite(batch.eager.score) & ~decided.mask
    right = {name: where_there_is_a_score(name, values) for name, values in batch.right.items()}
    decided = replace(decided, score=np.where(none, np.float32(np.nan), decided.score))
    return replace(batch, right=right), decided


def _sort_rows(
    model: onnx.ModelProto,
    head: EmbeddedHead,
    rows: Array | None,
    feeds: Mapping[str, Array] | None,
    rows_as: str | None,
) -> tuple[Array | None, Mapping[str, Array] | None]:
    """The user's rows as logits for the head, or as feeds for the host."""
    if feeds is not None and not head.attached:
        raise LogitconfError("feeds are for a host with a head; pass logits as rows")
    if rows is None:
        return None, feeds
    values = np.asarray(rows)
    inputs = host_inputs(model) if head.attached else []
    as_logits = _shaped_logits(values, head)
    fits_input = len(inputs) == 1 and _fits(values, inputs[0])
    if rows_as is None and as_logits is not None and fits_input:
        raise LogitconfError(
            f"rows of shape {values.shape} fit the host's input '{inputs[0].name}' and its logits; "
            "say which they are with rows_as='inputs' or rows_as='logits'"
        )
    if rows_as != "inputs" and as_logits is not None:
        return as_logits, feeds
    if rows_as != "logits" and fits_input and feeds is None:
        return None, {inputs[0].name: values}
    expected = f"logits {_layout(head)}"
    if head.attached:
        expected += f", or the host's only input; its inputs are {[i.name for i in inputs]}"
    raise LogitconfError(f"rows must be {expected}, got shape {values.shape}")


def _layout(head: EmbeddedHead) -> str:
    form = head.metadata.form
    n_classes = form.n_classes or "K"
    dims = [n_classes if a == form.class_axis else "N" for a in range(form.input_rank)]
    dims[-1:] = dims[-1:] if form.members is None else [form.members]
    return f"({', '.join(map(str, dims))})"


def _shaped_logits(values: Array, head: EmbeddedHead) -> Array | None:
    """The rows as logits in the head's layout, None if they do not fit it."""
    form = head.metadata.form
    if values.dtype.kind != "f" and values.dtype.name != "bfloat16":
        return None
    if form.members not in (None, values.shape[-1] if values.ndim else 0):
        return None
    if form.n_classes == 1 and values.ndim == 1 and form.input_rank == 2:
        values = values[:, None]
    if values.ndim != form.input_rank:
        return None
    classed = form.input_rank > 1 and form.class_axis < form.input_rank
    if classed and form.n_classes not in (None, values.shape[form.class_axis]):
        return None
    return values


def _fits(values: Array, declared: onnx.ValueInfoProto) -> bool:
    tensor = declared.type.tensor_type
    if not tensor.HasField("shape"):
        return True
    dims = tensor.shape.dim
    return len(dims) == values.ndim and all(
        dim.dim_value <= 0 or dim.dim_value == size or axis == 0
        for axis, (dim, size) in enumerate(zip(dims, values.shape, strict=True))
    )


def _numbers(embedded: EmbeddedHead) -> Check:
    from logitconf_export.verification.consistency import initializer_disagreements

    wrong = initializer_disagreements(embedded)
    return Check(NUMBERS, not wrong, "; ".join(wrong))


def _graph(embedded: EmbeddedHead, rebuilt: "Head", logits_dtype: str) -> Check:
    from logitconf_export.verification.consistency import graph_disagreements

    wrong = graph_disagreements(embedded, rebuilt, logits_dtype)
    return Check(GRAPH, not wrong, "; ".join(wrong))


def _checkpoint(head: "Head", rebuilt: "Head") -> Check:
    from logitconf_export.decisions.reference import same_head

    wrong = same_head(head, rebuilt)
    return Check("the card is the checkpoint's", not wrong, "; ".join(wrong))


def _described(embedded: EmbeddedHead, logits_dtype: str | None) -> dict[str, Any]:
    card = embedded.metadata.card
    return {
        "score": card.score,
        "task": card.task,
        "temperature": card.temperature,
        "threshold": card.threshold,
        "attached": embedded.attached,
        "opset": embedded.opset,
        "logits_dtype": logits_dtype,
        **asdict(embedded.metadata.form),
    }


def hopeless(described: Mapping[str, Any], seed: int, check: Check) -> VerificationReport:
    """The report on a file that is not run, since a check fails before."""
    return VerificationReport(described, 0.0, seed, (check,), (), ())
