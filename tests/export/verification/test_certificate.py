"""Certificates in files: checked from the file alone, and measured again on labelled rows."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from support.command_line import Rows, call, done, make_files

import logitconf
from logitconf.card.score_card import ScoreCard
from logitconf_export import attach, retune, to_onnx, verify
from logitconf_export.verification.certificate import ARITHMETIC, BELONGS, HOLDS, certificate_checks
from logitconf_export.verification.report import VerificationReport

QUICK: dict[str, Any] = {"optimisations": ["all"], "pairs": 50}


@pytest.fixture(autouse=True)
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rows:
    monkeypatch.chdir(tmp_path)
    return make_files(tmp_path)


@pytest.fixture
def score(made: Rows) -> logitconf.LogitScore:
    fitted = logitconf.MarginScore().fit(made.logits, made.labels, holdout=0.5, seed=1)
    fitted.set_threshold(risk=0.4, confidence=0.9)
    return fitted


def held_out(made: Rows) -> tuple[Any, Any]:
    from logitconf.rows import split_rows

    _, held = split_rows(len(made.logits), 0.5, 1)
    return made.logits[held], made.labels[held]


def verdicts(report: VerificationReport) -> dict[str, bool | None]:
    return {check.name: check.passed for check in report.checks if "certificate" in check.name}


def test_a_certified_file_passes_alone_and_on_its_own_rows(
    score: logitconf.LogitScore, made: Rows
) -> None:
    model = to_onnx(score.compile())
    assert verdicts(verify(model, **QUICK)) == {BELONGS: True, ARITHMETIC: True}
    logits, labels = held_out(made)
    report = verify(model, logits, labels=labels, **QUICK)
    assert report.passed, report.failures
    assert verdicts(report)[HOLDS] is True
    certificate = score.card.certificate
    assert certificate is not None
    counts = f"{certificate.errors} of {certificate.accepted} accepted of 250 rows"
    assert f"the certified rows: {counts}" in report.to_text()


def in_card(change: Callable[[dict[str, Any]], None]) -> Callable[[onnx.ModelProto], None]:
    def fault(model: onnx.ModelProto) -> None:
        entry = next(e for e in model.metadata_props if e.key == "logitconf")
        values = json.loads(entry.value)
        change(values["card"])
        entry.value = json.dumps(values)

    return fault


def in_initializer(name: str, value: float) -> Callable[[onnx.ModelProto], None]:
    def fault(model: onnx.ModelProto) -> None:
        tensor = next(t for t in model.graph.initializer if t.name.endswith(name))
        tensor.CopyFrom(
            onnx.numpy_helper.from_array(np.array(value, dtype=np.float32), tensor.name)
        )

    return fault


def both(*faults: Callable[[onnx.ModelProto], None]) -> Callable[[onnx.ModelProto], None]:
    def fault(model: onnx.ModelProto) -> None:
        for each in faults:
            each(model)

    return fault


def other_operator(model: onnx.ModelProto) -> None:
    node = next(node for node in model.graph.node if node.op_type == "Max")
    node.op_type = "Min"


TAMPERED: dict[str, tuple[Callable[[onnx.ModelProto], None], str]] = {
    "a count": (in_card(lambda card: card["certificate"].update(errors=0)), ARITHMETIC),
    "the bound": (in_card(lambda card: card["certificate"]["policy"].update(bound=0.1)), BELONGS),
    "the threshold of card and graph": (
        both(
            in_card(lambda card: card.update(threshold=-0.5)),
            in_initializer("threshold", -0.5),
        ),
        BELONGS,
    ),
    "the temperature of card and graph": (
        both(
            in_card(lambda card: card.update(temperature=0.75)),
            in_initializer("temperature", 0.75),
        ),
        BELONGS,
    ),
    "the threshold of the graph": (
        in_initializer("threshold", -0.5),
        "temperature and threshold are the card's",
    ),
    "the temperature of the graph": (
        in_initializer("temperature", 0.75),
        "temperature and threshold are the card's",
    ),
    "the graph": (other_operator, "the graph is the card's"),
    "no certificate": (in_card(lambda card: card.update(certificate=None)), BELONGS),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_a_tampered_file_is_caught_from_the_file_alone(
    score: logitconf.LogitScore, name: str
) -> None:
    fault, where = TAMPERED[name]
    model = to_onnx(score.compile())
    fault(model)
    report = verify(model, **QUICK)
    assert not report.passed
    assert {check.name: check.passed for check in report.checks}[where] is False


def test_on_its_own_rows_other_counts_are_caught(score: logitconf.LogitScore, made: Rows) -> None:
    logits, labels = held_out(made)
    model = to_onnx(score.compile())
    in_card(lambda card: card["certificate"].update(accepted=7))(model)
    report = verify(model, logits, labels=labels, **QUICK)
    assert verdicts(report)[HOLDS] is False
    assert "the certificate says accepted 7" in "; ".join(report.failures)


def test_new_rows_that_contradict_the_promise_are_caught(
    score: logitconf.LogitScore, made: Rows
) -> None:
    model = to_onnx(score.compile())
    logits, labels = held_out(made)
    worse = np.where(np.arange(len(labels)) % 4 == 0, labels, (labels + 1) % 4)
    report = verify(model, logits, labels=worse, **QUICK)
    assert verdicts(report)[HOLDS] is False
    assert "promised was 0.4" in "; ".join(report.failures)
    # the rows that were fitted on are other rows, and as good
    kept = verify(model, made.logits, labels=made.labels, **QUICK)
    assert verdicts(kept)[HOLDS] is True


def test_a_host_is_measured_on_what_its_head_reads(score: logitconf.LogitScore, made: Rows) -> None:
    from support.command_line import PLAIN, host

    shipped = attach(host(PLAIN), score.compile(), logits="classes", kind="logits")
    report = verify(shipped, made.pixels, rows_as="inputs", labels=made.labels, **QUICK)
    assert report.passed, report.failures
    assert verdicts(report)[HOLDS] is True
    wrong = verify(shipped, made.pixels, rows_as="inputs", labels=(made.labels + 1) % 4, **QUICK)
    assert verdicts(wrong)[HOLDS] is False


@pytest.mark.parametrize("numbers", [{"temperature": 2.5}, {"threshold": -0.5}], ids=str)
def test_retuning_voids_the_certificate(
    score: logitconf.LogitScore, numbers: dict[str, float]
) -> None:
    report = verify(retune(to_onnx(score.compile()), **numbers), **QUICK)  # type: ignore[arg-type]
    assert report.passed, report.failures
    assert verdicts(report) == {}


def test_a_card_that_promises_nothing_has_nothing_to_check() -> None:
    assert certificate_checks(ScoreCard("margin", "multiclass", 1.0, -1.0)) == []


def test_the_command_line_certifies_held_out_rows_and_checks_them(
    made: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    fit = "fit logits.npz --score margin --risk 0.4 --confidence 0.9"
    printed = done(capsys, f"{fit} --holdout 0.5 --seed 1 -o card.json")
    assert "rows" in printed
    logits, labels = held_out(made)
    np.savez("held.npz", logits=logits, labels=labels)
    done(capsys, "export card.json -o head.onnx")
    assert "the certified rows" in done(capsys, "verify head.onnx --data held.npz -v")
    model = onnx.load("head.onnx")
    in_card(lambda card: card["certificate"].update(errors=0))(model)
    onnx.save(model, "tampered.onnx")
    outcome = call(capsys, "verify tampered.onnx")
    assert outcome.code == 1
    assert f"failure: {ARITHMETIC}" in outcome.out
    together = call(capsys, f"{fit} -o same.json")
    assert together.code == 0
    assert "500 of the 500 rows that certify the risk were used to fit too" in together.err
