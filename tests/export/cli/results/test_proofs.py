"""What a proof shows: the verdict, the bound, and what it does not cover."""

from dataclasses import replace

import pytest

from logitconf_export.cli.results.proofs import proof_result
from logitconf_export.proof.tables import environments
from logitconf_export.proof.tables.environments import processor
from logitconf_export.proof.verdicts import Bound, RuntimeProof, Witness
from logitconf_export.verification.proofs.proving import ProofReport


def shown(proof: RuntimeProof) -> str:
    return shown_report(ProofReport({}, 100.0, (), (proof,)))


def shown_report(report: ProofReport) -> str:
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


def test_tables_of_a_gpu_are_compared_with_the_gpu_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "_gpu", lambda: "NVIDIA H100")
    on_gpu = RuntimeProof("toy 1", "PROVED", "it holds", processor="NVIDIA H100", provider="cuda")
    assert "as the tables do" not in shown(on_gpu)
    assert "here is NVIDIA H100" in shown(replace(on_gpu, processor="NVIDIA H200"))


def test_what_was_measured_first_is_told() -> None:
    proof = RuntimeProof("toy 1", "PROVED", "it holds")
    report = ProofReport({}, 100.0, (), (proof,), {"toy 1": 97.2})
    (sentence,) = report.to_dict()["notes"]
    assert sentence.startswith("operations of toy 1 were measured first (97 s)")
    assert "logitconf measure-runtime" in sentence
    assert sentence in shown_report(report)


def test_a_reason_is_said_once() -> None:
    assert shown(RuntimeProof("toy 1", "REFUTED", "another number")).count("another number") == 1
