"""``verify --prove``: a verdict for each runtime, on the file as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from logitconf.errors import LogitconfError, MissingExtraError
from logitconf.head_spec import Head
from logitconf.telling.progress import steps
from logitconf_export.decisions.reference import Reference
from logitconf_export.heads.metadata import HeadMetadata, read_heads
from logitconf_export.onnx_files.loading import load_model
from logitconf_export.onnx_files.types import Array, ModelSource
from logitconf_export.proof.composing.arithmetic import Measured
from logitconf_export.proof.composing.head_part import HeadPart, WrongConnectionError
from logitconf_export.proof.composing.tensors import CannotProveError
from logitconf_export.proof.prover import LIMIT, Question, Search, prove
from logitconf_export.proof.tables.environments import processor
from logitconf_export.proof.tables.files import read_tables
from logitconf_export.proof.tables.measuring import Wish, sums_of, tables_for, wish_of
from logitconf_export.proof.tables.operation_table import Environment, RuntimeTables
from logitconf_export.proof.verdicts import EXIT_CODES, RuntimeProof, Verdict, joined
from logitconf_export.proof.witnesses import Searcher, part_model
from logitconf_export.runtimes.runtime_sessions import RuntimeSession
from logitconf_export.runtimes.targets.table import RuntimeRequest
from logitconf_export.verification.report import Check, as_json, headed
from logitconf_export.verification.structure import file_checks, with_own_numbers
from logitconf_export.verification.surroundings import checks_around


@dataclass(frozen=True, slots=True)
class ProofReport:
    """What was proved of a file.

    Attributes:
        head: score, task, temperature, threshold and form.
        limit: of the size of logits that it covers.
        checks: what holds of the file around the head, and what does not.
        proofs: one a runtime.
    """

    head: Mapping[str, Any]
    limit: float
    checks: tuple[Check, ...]
    proofs: tuple[RuntimeProof, ...]

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
        names = ", ".join(p.runtime for p in self.proofs if p.verdict == self.verdict)
        return f"{self.verdict}: on {names}, {worst.reason}"

    @property
    def exit_code(self) -> int:
        """0 for proved, 1 for refuted, 2 for what cannot be proved."""
        return EXIT_CODES[self.verdict]

    def to_dict(self) -> dict[str, Any]:
        """JSON values, schema number first."""
        values = {"verdict": self.sentence, "outcome": self.verdict, **asdict(self)}
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
) -> ProofReport:
    """Proves that a head decides as its card says on every row, or refutes it.

    Args:
        model: a head or a host with one.
        runtimes: as :func:`~logitconf_export.verification.verifying.verify` takes them.
        providers: of onnxruntime.
        tables: a folder of tables of operations, of which those of this kind of processor and of
            the newest version are taken; the cache, or measured now, without.
        limit: finite logits up to this size are covered.
        rows: calibration logits, whose gap around the threshold is compared with the bound.

    Raises:
        LogitconfError: if the file has no head or several, or a runtime no tables.
    """
    if not 0.0 < limit <= _MOST:
        raise LogitconfError(f"limit must be in (0, {_MOST:g}], got {limit}")
    loaded = load_model(model)
    folder = None if isinstance(model, bytes | onnx.ModelProto) else Path(model).resolve().parent
    several = read_heads(loaded)
    if len(several.heads) != 1:
        raise LogitconfError(
            f"a proof is of one head, got {list(several.names)}; take one with "
            "single_head(model, name)"
        )
    checks = [*file_checks(loaded, several), *checks_around(loaded, several)]
    metadata = several.heads[0]
    ready = with_own_numbers(loaded, folder, several)
    question = Question(ready, metadata, _element(ready), limit, _half_gap(metadata, rows))
    asked = [(RuntimeRequest.of(text), text) for text in dict.fromkeys(runtimes)]
    places = [
        (request, text, provider)
        for request, text in asked
        for provider in (providers if request.is_onnxruntime else ("cpu",))
    ]
    proofs = []
    for request, text, provider in steps(places, "Proving"):
        known = _tables(request, text, provider, tables, question)
        proofs.append(prove(question, Measured(known), _search(question, request)))
    card = metadata.card
    described = {
        "score": card.score,
        "task": card.task,
        "temperature": card.temperature,
        "threshold": card.threshold,
        "attached": metadata.attached is not None,
        **asdict(metadata.form),
    }
    return ProofReport(described, limit, tuple(checks), tuple(proofs))


_MOST = 1e4


def _tables(
    request: RuntimeRequest,
    text: str,
    provider: str,
    folder: Path | None,
    question: Question,
) -> RuntimeTables:
    """What is known of a runtime's operations, from a folder or from here."""
    form = question.metadata.form
    if folder is None:
        wish = wish_of([question.metadata.card.temperature])
        if form.n_classes is not None and form.n_classes > 1:
            last = form.class_axis == form.input_rank - 1
            operations = {node.op_type for node in question.model.graph.node}
            sums = sums_of(operations, form.n_classes, form.precision, last=last)
            wish = Wish(wish.constants, sums)
        return tables_for(text, provider, wish)
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
    here = processor()
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
    threshold = np.asarray(metadata.card.threshold, dtype=np.float64)
    if threshold.ndim:
        return None
    reference = Reference(Head.of_card(metadata.card, metadata.form))
    scores = reference.truth(np.asarray(rows)).score.astype(np.float64)
    finite = scores[np.isfinite(scores)]
    return float(np.abs(finite - threshold).min()) if finite.size else None


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

    return Searcher(question.metadata, run, question.limit)
