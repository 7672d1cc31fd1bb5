"""Files are proved with the tables of a folder, and refuted by what surrounds the head."""

from pathlib import Path

import pytest
from support.proofs import model_of

from logitconf.errors import LogitconfError
from logitconf_export.proof.composing.arithmetic import Rounded
from logitconf_export.verification.proofs import proving
from logitconf_export.verification.proofs.proving import prove_file


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
