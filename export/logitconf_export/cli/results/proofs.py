"""What ``verify --prove`` shows: the verdict, and what is proved in each runtime."""

from collections.abc import Iterator

from logitconf_export.cli.results.blocks import Block, Facts, Sentence, Table, note
from logitconf_export.cli.results.result import Result
from logitconf_export.proof.verdicts import RuntimeProof
from logitconf_export.verification.proofs.proving import ProofReport

_STYLES = {"PROVED": "good", "REFUTED": "bad", "CANNOT PROVE": "caution"}
_MOST_LOGITS = 8


def proof_result(report: ProofReport) -> Result:
    """The report as the command shows it."""
    columns = ("on", "verdict", "off by", "near threshold", "band")
    return Result(
        report.sentence,
        report.to_dict,
        style=_STYLES[report.verdict],
        blocks=(
            Table(columns, [_row(proof) for proof in report.proofs]),
            Sentence(f"logits up to {report.limit:g} in size"),
        ),
        details=tuple(_details(report)),
        notes=tuple(note(text) for text in (*report.notes, *_all_notes(report))),
    )


def _all_notes(report: ProofReport) -> Iterator[str]:
    for proof in report.proofs:
        yield from _reason(proof, report)
        yield from _notes(proof)


def _row(proof: RuntimeProof) -> tuple[str, ...]:
    bound = proof.bound
    if bound is None:
        return (proof.place, proof.verdict, "", "", "")
    numbers = (bound.anywhere, bound.near_threshold, bound.band)
    return (proof.place, proof.verdict, *(f"{number:.3g}" for number in numbers))


def _reason(proof: RuntimeProof, report: ProofReport) -> Iterator[str]:
    """Why it is not proved, unless the headline says so."""
    if proof.verdict != "PROVED" and proof.reason not in report.sentence:
        yield f"{proof.place}: {proof.reason}"


def _notes(proof: RuntimeProof) -> Iterator[str]:
    bound, runtime = proof.bound, proof.place
    if proof.witness is not None:
        logits = ", ".join(f"{value:.9g}" for value in proof.witness.logits[:_MOST_LOGITS])
        more = ", ..." if len(proof.witness.logits) > _MOST_LOGITS else ""
        yield f"{runtime}: the row is [{logits}{more}]"
    if bound is None:
        return
    if 2.0 * bound.near_threshold > bound.band:
        yield (
            f"{runtime}: the proved bound is {bound.near_threshold / bound.band:.2g} times the "
            "rounding band, of which half is a runtime's own"
        )
    if bound.cannot_flip is not None:
        word = "no" if bound.cannot_flip else "a"
        yield (
            f"{runtime}: {'proved: ' * bound.cannot_flip}{word} calibration row can flip, since "
            f"the nearest score is {bound.half_gap:.3g} away from the threshold"
        )
    if bound.masked:
        yield f"{runtime}: rows with masked classes (-inf) are not covered: {bound.masked}"
    if proof.sampled:
        yield (
            f"{runtime}: not every operand of {', '.join(proof.sampled)} was tried; their errors "
            "are the largest of samples"
        )


def _details(report: ProofReport) -> Iterator[Block]:
    facts = [
        (f"tables of {proof.place}", f"{proof.processor}, SHA-256 {proof.tables}")
        for proof in report.proofs
    ]
    yield Facts(facts)
    yield Facts([(check.name, str(check.passed)) for check in report.checks])
