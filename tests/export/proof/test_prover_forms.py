"""The record of forms is what the prover says today, and double decides nearer scores."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from support.proved_forms import FORMS, SIZES, cells, line, measured, other_line

from logitconf.card.score_card import ScoreCard
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.heads.metadata import read_metadata
from logitconf_export.proof.prover import Question, prove
from logitconf_export.proof.verdicts import RuntimeProof

RECORD = Path(__file__).resolve().parents[2] / "records" / "proofs.md"
THRESHOLDS = {"softmax": -0.5, "energy": -0.5, "gini": 0.3, "doctor": 0.3, "entropy": 0.3}


def recorded() -> dict[tuple[str, str, int], list[str]]:
    text = RECORD.read_text(encoding="utf-8")
    rows = [row.split("|")[1:-1] for row in re.findall(r"^\| \w+ \| \w+ \| \d.*$", text, re.M)]
    return {(r[0].strip(), r[1].strip(), int(r[2])): [c.strip() for c in r[3:]] for r in rows}


def test_every_form_of_every_score_is_judged_in_less_than_a_minute() -> None:
    rows = recorded()
    assert set(rows) == set(cells([]))
    assert len(rows) == len(FORMS) * len(SIZES) * len({score for score, _, _ in rows})
    assert all(float(row[2]) < 60.0 for row in rows.values())
    assert all((row[0] == "PROVED") != bool(row[3]) for row in rows.values())


@pytest.mark.parametrize(
    "cell",
    [
        *(("softmax", "any", 10), ("softmax", "cuda", 1000), ("margin", "onnxruntime", 1000)),
        *(("margin", "cuda", 10), ("gen", "any", 10), ("max_logit", "any", 1000)),
    ],
)
def test_a_recorded_verdict_is_todays(cell: tuple[str, str, int]) -> None:
    today = [c.strip() for c in line(*cell, measured()).split("|")[4:-1]]
    row = recorded()[cell]
    assert (today[0], today[3]) == (row[0], row[3])


@pytest.mark.parametrize(
    "cell",
    [
        *(("binary, one logit", "softmax", "any"), ("multilabel", "max_logit", "cuda")),
        *(("each label judged", "margin", "any"), ("vector map", "margin", "any")),
    ],
)
def test_a_recorded_verdict_of_another_head_is_todays(cell: tuple[str, str, str]) -> None:
    text = RECORD.read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| {' [|] '.join(cell)} \|.*$", text, re.M)
    today = other_line(*cell, measured()).split("|")
    assert [row.split("|")[at].strip() for at in (4, 7)] == [today[at].strip() for at in (4, 7)]


def proof_of(score: str, precision: str | None, half_gap: float) -> RuntimeProof:
    threshold = THRESHOLDS[score]
    card = ScoreCard(score, "multiclass", temperature=1.5, threshold=threshold, n_classes=10)
    model = to_onnx(card, n_classes=10, precision=precision)
    question = replace(Question(model, read_metadata(model)), half_gap=half_gap)
    return prove(question, measured())


@pytest.mark.parametrize("score", sorted(THRESHOLDS))
def test_no_row_of_a_gap_that_is_too_narrow_for_float32_can_flip_in_double(score: str) -> None:
    single, double, wide = (
        proof_of(score, precision, gap)
        for precision, gap in ((None, 1e-7), ("float64", 1e-7), (None, 1e-5))
    )
    assert [p.verdict for p in (single, double, wide)] == ["PROVED"] * 3
    flips = [p.bound.cannot_flip for p in (single, double, wide) if p.bound is not None]
    assert flips == [False, True, True]
