"""What a proof shows: the verdict, the bound, and what it does not cover."""

from logitconf_export.cli.results.proofs import proof_result
from logitconf_export.proof.tables.environments import processor
from logitconf_export.proof.verdicts import Bound, RuntimeProof, Witness
from logitconf_export.verification.proofs.proving import ProofReport


def shown(proof: RuntimeProof) -> str:
    report = ProofReport({}, 100.0, (), (proof,))
    lines = proof_result(report).lines(None)
    return "\n".join("".join(span.text for span in line) for line in lines)


def test_a_bound_beyond_the_band_is_told() -> None:
    bound = Bound(3e-6, 2e-6, 1e-6, half_gap=1e-3, masked="a node")
    text = shown(RuntimeProof("toy 1", "PROVED", "it holds", bound, sampled=("Mul",)))
    assert text.startswith("PROVED: on toy 1, it holds")
    for words in ("2 times the rounding band", "no calibration row can flip", "a node", "Mul"):
        assert words in text


def test_a_witness_is_shown() -> None:
    witness = Witness((1.0, 2.0), -0.7, -0.5, True, 1e-6)
    text = shown(RuntimeProof("toy 1", "REFUTED", "a row", witness=witness))
    assert "the row is [1, 2]" in text


def test_tables_of_another_processor_are_told() -> None:
    text = shown(RuntimeProof("toy 1", "PROVED", "it holds", processor="Maker family 9 avx2"))
    assert f"it holds for Maker family 9 avx2, as the tables do; here is {processor()}" in text
    assert "as the tables do" not in shown(
        RuntimeProof("toy 1", "PROVED", "it holds", processor=processor())
    )


def test_a_reason_is_said_once() -> None:
    assert shown(RuntimeProof("toy 1", "REFUTED", "another number")).count("another number") == 1
