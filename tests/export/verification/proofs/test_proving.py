"""Files are proved with the tables of a folder, and refuted by what surrounds the head."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.proofs import model_of

from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.errors import LogitconfError
from logitconf.head_spec import Head
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.proof.composing.arithmetic import Rounded
from logitconf_export.proof.tables.environments import processor
from logitconf_export.proof.tables.files import read_tables, write_tables
from logitconf_export.proof.tables.operation_table import RuntimeTables
from logitconf_export.verification.proofs import proving
from logitconf_export.verification.proofs.proving import prove_file

RECORDS = Path(__file__).resolve().parents[3] / "records" / "operations"


def test_a_folder_without_tables_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LogitconfError, match="measure-runtime"):
        prove_file(model_of("softmax"), tables=tmp_path)


def test_a_limit_must_be_one_of_logits() -> None:
    with pytest.raises(LogitconfError, match="limit"):
        prove_file(model_of("softmax"), limit=0.0)


def test_a_check_of_the_file_refutes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proving, "_tables", lambda *_: None)
    monkeypatch.setattr(proving, "Measured", lambda _: Rounded())
    model = model_of("softmax")
    assert prove_file(model).verdict == "PROVED"
    model.graph.node.append(model.graph.node[0])
    report = prove_file(model)
    assert (report.verdict, report.exit_code) == ("REFUTED", 1)
    assert report.sentence.startswith("REFUTED: ")


def test_of_several_tables_those_of_this_processor_and_the_newest_version_are_taken(
    tmp_path: Path,
) -> None:
    (record,) = RECORDS.glob("onnxruntime_1.31.1_cpu_*.json")
    held = read_tables(record)
    for number, (version, maker) in enumerate(
        [("1.9.1", processor()), ("1.31.1", processor()), ("1.40.0", "Maker family 9 avx2")]
    ):
        environment = replace(held.environment, version=version, processor=maker)
        write_tables(tmp_path / f"{number}.json", replace(held, environment=environment))
    (proof,) = prove_file(model_of("softmax"), tables=tmp_path).proofs
    assert (proof.runtime, proof.processor) == ("onnxruntime 1.31.1", processor())


def test_tables_that_had_to_be_measured_are_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    (record,) = RECORDS.glob("onnxruntime_1.31.1_cpu_*.json")
    held = read_tables(record)

    def measured_now(*_: Any, tell: Callable[..., None]) -> RuntimeTables:
        tell(held, 97.0)
        return held

    monkeypatch.setattr(proving, "tables_for", measured_now)
    report = prove_file(model_of("softmax"))
    assert report.measured == {"onnxruntime 1.31.1": 97.0}
    assert "measured first (97 s)" in report.to_dict()["notes"][0]
    assert not any(
        "measured" in text for text in prove_file(model_of("softmax"), tables=RECORDS).notes
    )


@pytest.mark.parametrize("score", ["softmax", "energy"])
def test_heads_of_one_kernel_are_proved_at_1000_classes(score: str) -> None:
    """The sums inside of Softmax and LogSoftmax are pinned; in any order they are too far off."""
    card = ScoreCard(score, "multiclass", 1.5, -0.7, 1000)
    model = to_onnx(Head.of_card(card, HeadForm(1000, runtime="onnxruntime")))
    kernel = {"softmax": "Softmax", "energy": "LogSoftmax"}[score]
    assert kernel in {node.op_type for node in model.graph.node}
    (proof,) = prove_file(model, tables=RECORDS).proofs
    assert proof.verdict == "PROVED"
    assert proof.bound is not None
    assert proof.bound.near_threshold <= 2.5 * proof.bound.band
