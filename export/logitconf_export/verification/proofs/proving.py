"""``verify --prove``: a verdict for each runtime, on the file as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import reduce
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from logitconf.errors import LogitconfError, MissingExtraError
from logitconf.head_spec import Head
from logitconf.telling.progress import steps
from logitconf_export.attachment.detaching import detach, each_head
from logitconf_export.decisions.reference import Reference
from logitconf_export.heads.metadata import HeadMetadata, HeadsMetadata, read_heads
from logitconf_export.onnx_files.loading import load_model
from logitconf_export.onnx_files.types import Array, ModelSource
from logitconf_export.proof.composing.arithmetic import Measured
from logitconf_export.proof.composing.head_part import HeadPart, WrongConnectionError
from logitconf_export.proof.composing.tensors import CannotProveError
from logitconf_export.proof.prover import LIMIT, Question, Search, prove
from logitconf_export.proof.tables.environments import processor_of
from logitconf_export.proof.tables.files import read_tables
from logitconf_export.proof.tables.measuring import Wish, sums_of, tables_for, wish_of
from logitconf_export.proof.tables.operation_table import Environment, RuntimeTables
from logitconf_export.proof.verdicts import EXIT_CODES, RuntimeProof, Verdict, joined
from logitconf_export.proof.witnesses import Searcher, part_model
from logitconf_export.runtimes.feeds import HostFeeds
from logitconf_export.runtimes.host_runs import run_rows, with_output
from logitconf_export.runtimes.runtime_sessions import RuntimeSession
from logitconf_export.runtimes.sessions import Session
from logitconf_export.runtimes.targets.table import RuntimeRequest
from logitconf_export.verification.host_runs import checked_feeds
from logitconf_export.verification.report import Check, as_json, headed
from logitconf_export.verification.several import joint_graph
from logitconf_export.verification.structure import file_checks, with_own_numbers
from logitconf_export.verification.surroundings import checks_around


@dataclass(frozen=True, slots=True)
class ProofReport:
    """What was proved of a file.

    Attributes:
        head: score, task, temperature, threshold and form; of several heads each, by its name.
        limit: of the size of logits that it covers.
        checks: what holds of the file around the head, and what does not.
        proofs: one a head and runtime.
        measured: the seconds that measuring took, by the runtime whose operations had to be.
    """

    head: Mapping[str, Any]
    limit: float
    checks: tuple[Check, ...]
    proofs: tuple[RuntimeProof, ...]
    measured: Mapping[str, float] = field(default_factory=dict)

    @property
    def notes(self) -> tuple[str, ...]:
        """What should be known of the tables: measured first, or of another processor."""
        return tuple(self._notes())

    def _notes(self) -> Iterator[str]:
        for runtime, seconds in self.measured.items():
            yield (
                f"operations of {runtime} were measured first ({seconds:.0f} s) and are kept in "
                "your cache; logitconf measure-runtime does that alone"
            )
        for proof in self.proofs:
            here = processor_of(proof.provider)
            if proof.processor not in ("", here):
                yield (
                    f"{proof.place}: it holds for {proof.processor}, as the tables do; here is "
                    f"{here}"
                )

    @property
    def verdict(self) -> Verdict:
        """Of the file and all runtimes."""
        if any(check.passed is False for check in self.checks):
            return "REFUTED"
        return joined([proof.verdict for proof in self.proofs])

    @property
    def sentence(self) -> str:
        """The verdict and why."""
        failed = [check for check in self.checks if check.passed is False]
        if failed:
            return f"REFUTED: {failed[0].name}: {failed[0].detail}"
        worst = next(proof for proof in self.proofs if proof.verdict == self.verdict)
        names = ", ".join(p.place for p in self.proofs if p.verdict == self.verdict)
        return f"{self.verdict}: on {names}, {worst.reason}"

    @property
    def exit_code(self) -> int:
        """0 for proved, 1 for refuted, 2 for what cannot be proved."""
        return EXIT_CODES[self.verdict]

    def to_dict(self) -> dict[str, Any]:
        """JSON values, schema number first."""
        values = {"verdict": self.sentence, "outcome": self.verdict, **asdict(self)}
        values["notes"] = list(self.notes)
        for proof, made in zip(values["proofs"], self.proofs, strict=True):
            cannot_flip = None if made.bound is None else made.bound.cannot_flip
            proof["no_calibration_row_can_flip"] = cannot_flip
        return headed("proof", values)

    def to_json(self) -> str:
        """The report as readable JSON."""
        return as_json(self.to_dict())


def prove_file(
    model: ModelSource,
    *,
    runtimes: Sequence[str] = ("onnxruntime",),
    providers: Sequence[str] = ("cpu",),
    tables: Path | None = None,
    limit: float = LIMIT,
    rows: Array | None = None,
    feeds: Mapping[str, Array] | None = None,
) -> ProofReport:
    """Proves that each head decides as its card says on every row, or refutes it.

    Args:
        model: a head, or a host with one or several.
        runtimes: as :func:`~logitconf_export.verification.verifying.verify` takes them.
        providers: of onnxruntime.
        tables: a folder of tables of operations, of which those of this kind of processor and of
            the newest version are taken; the cache, or measured now, without.
        limit: finite logits up to this size are covered.
        rows: calibration logits, whose gap around the threshold is compared with the bound.
        feeds: inputs of the host in their place, which is run to have the logits.

    Raises:
        LogitconfError: if the file has no head, a runtime no tables, or rows do not fit.
    """
    if not 0.0 < limit <= _MOST:
        raise LogitconfError(f"limit must be in (0, {_MOST:g}], got {limit}")
    loaded = load_model(model)
    folder = None if isinstance(model, bytes | onnx.ModelProto) else Path(model).resolve().parent
    several = read_heads(loaded)
    checks = [*file_checks(loaded, several), *checks_around(loaded, several)]
    ready = with_own_numbers(loaded, folder, several)
    if several.joint is not None:
        checks.append(joint_graph(loaded, several, several.joint))
    logits = _calibration_logits(loaded, folder, several, rows, feeds)
    elements = [_element(one) for one in (each_head(ready) if len(several.heads) > 1 else [ready])]
    asked = [(RuntimeRequest.of(text), text) for text in dict.fromkeys(runtimes)]
    places = [
        (request, text, provider)
        for request, text in asked
        for provider in (providers if request.is_onnxruntime else ("cpu",))
    ]
    proofs, described = [], {}
    measured: dict[str, float] = {}
    # one head alone has no name
    names = several.names if len(several.heads) > 1 else ("",)
    heads = zip(names, several.heads, elements, logits, strict=True)
    for (name, metadata, element, own), place in steps(list(product(heads, places)), "Proving"):
        question = Question(ready, metadata, element, limit, _half_gap(metadata, own))
        known = _tables(place, tables, question, measured)
        made = prove(question, Measured(known), _search(question, place[0]))
        proofs.append(replace(made, head=name))
        described[name] = _described(metadata)
    head = described if len(described) > 1 else next(iter(described.values()))
    return ProofReport(head, limit, tuple(checks), tuple(proofs), measured)


def _described(metadata: HeadMetadata) -> dict[str, Any]:
    card = metadata.card
    return {
        "score": card.score,
        "task": card.task,
        "temperature": card.temperature,
        "threshold": card.threshold,
        "attached": metadata.attached is not None,
        **asdict(metadata.form),
    }


def _calibration_logits(
    model: onnx.ModelProto,
    folder: Path | None,
    several: HeadsMetadata,
    rows: Array | None,
    feeds: Mapping[str, Array] | None,
) -> list[Array | None]:
    """What each head reads of the calibration rows."""
    if rows is not None and len(several.heads) > 1:
        raise LogitconfError(
            f"calibration rows of several heads {list(several.names)} must be the inputs of their "
            "host, got logits"
        )
    if feeds is None:
        return [rows for _ in several.heads]
    host = detach(model)
    tensors = [head.tensor for head in several.heads]
    exposed = reduce(with_output, dict.fromkeys(tensors), host)
    with Session(exposed, folder=folder or Path(), profile=False) as session:
        ready = HostFeeds.of(host, checked_feeds(feeds, host))
        return [np.asarray(values) for values in run_rows(session, ready, tensors)]


_MOST = 1e4


def _tables(
    place: tuple[RuntimeRequest, str, str],
    folder: Path | None,
    question: Question,
    measured: dict[str, float],
) -> RuntimeTables:
    """What is known of a runtime's operations, from a folder or from here.

    Args:
        place: the runtime, as it was asked for, and the provider.
        folder: of tables; None for the cache.
        question: the head, which may need sums or constants of its own.
        measured: the seconds that measuring takes are added here, if it has to be done.
    """
    (request, text, provider), form = place, question.metadata.form
    if folder is None:
        wish = wish_of([question.metadata.card.temperature])
        if form.n_classes is not None and form.n_classes > 1:
            last = form.class_axis == form.input_rank - 1
            operations = {node.op_type for node in question.model.graph.node}
            sums = sums_of(operations, form.n_classes, form.precision, last=last)
            wish = Wish(wish.constants, sums)

        def tell(tables: RuntimeTables, seconds: float) -> None:
            name = Measured(tables).name
            measured[name] = measured.get(name, 0.0) + seconds

        return tables_for(text, provider, wish, tell=tell)
    held = [read_tables(path) for path in sorted(folder.glob("*.json"))]
    fitting = [
        t
        for t in held
        if t.environment.runtime == request.name
        and t.environment.provider == provider
        and f"{t.environment.version}.".startswith(f"{request.version}." if request.version else "")
    ]
    if not fitting:
        known = sorted({f"{t.environment.runtime} {t.environment.version}" for t in held})
        raise LogitconfError(
            f"{folder} must hold tables of {text} on {provider}, got {known}; measure them with "
            f"logitconf measure-runtime --on {text} -o FILE"
        )
    here = processor_of(provider)
    return max(fitting, key=lambda t: (t.environment.processor == here, _parts(t.environment)))


def _parts(environment: Environment) -> list[int]:
    """A version as numbers, so that the newest comes last."""
    return [int(part) for part in re.findall(r"\d+", environment.version)]


def _element(model: onnx.ModelProto) -> str:
    from logitconf_export.heads.in_file import head_in

    try:
        return head_in(model).logits_dtype or "float32"
    except LogitconfError:
        return "float32"


def _half_gap(metadata: HeadMetadata, rows: Array | None) -> float | None:
    """How near calibration rows come to the threshold."""
    if rows is None:
        return None
    reference = Reference(Head.of_card(metadata.card, metadata.form))
    logits = np.asarray(rows)
    rounded, thresholds = reference.truth(logits).score, reference.thresholds(logits)
    finite, own = (values[np.isfinite(rounded)] for values in (rounded, thresholds))
    # the exact scores are within half a float of these
    half_float = 0.5 * np.spacing(np.abs(finite)).astype(np.float64)
    gaps = np.abs(finite.astype(np.float64) - own) - half_float
    return max(float(gaps.min()), 0.0) if finite.size else None


def _search(question: Question, request: RuntimeRequest) -> Search | None:
    """Runs the head in the runtime itself, to look for a witness; None where that is not there."""
    try:
        part = HeadPart.of(question.model, question.metadata)
        runtime, version = request.load()
    except (MissingExtraError, CannotProveError, WrongConnectionError):
        return None
    session = RuntimeSession(runtime, version, part_model(part, question.model, question.metadata))

    def run(logits: Array) -> tuple[Array, Array]:
        score, mask = session.run({part.tensor: logits}, [part.score, part.mask])
        return np.asarray(score), np.asarray(mask)

    return Searcher(question.metadata, run, question.limit, runtime.sums)
