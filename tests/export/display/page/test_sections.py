"""The parts of a page: words and numbers, and what they leave out."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support import report_models
from support.display_rows import labelled

import logitconf
from logitconf.wording.facts import card_facts
from logitconf_export.display.judged import judge
from logitconf_export.display.page.evidence import HeadEvidence
from logitconf_export.display.page.sections import HeadSection, head_section, parity_of, summary_of
from logitconf_export.verification.report import TABLE_HEADER

pytest.importorskip("matplotlib")
LOGITS, LABELS = report_models.rows()


def section(score: Any, logits: Any, labels: Any = None, **options: Any) -> HeadSection:
    card = score.card if hasattr(score, "card") else score
    judged = judge(card, logits, labels)
    return head_section(HeadEvidence("", card, None, judged, names=options.get("names")), 1)


def test_the_figures_are_those_of_select() -> None:
    score = report_models.fitted()
    selected = score.select(LOGITS)["selected"]
    wrong = LOGITS.argmax(1) != LABELS
    made = section(score, LOGITS, LABELS)
    taken, through = int(selected.sum()), int((selected & wrong).sum())
    assert [of for _, _, of in made.figures] == [
        f"{taken} of 300",
        f"{taken - through} of {taken}",
        f"{300 - wrong.sum()} of 300",
        f"of {wrong.sum()} errors",
    ]
    assert made.figures[3][1] == f"{through}"
    assert [drawing.title for drawing in made.drawings] == [
        "Errors among the accepted",
        "Are its probabilities right?",
        "Where the scores lie",
    ]
    assert made.slider is not None
    assert made.slider.values["accepted"][made.slider.start] == taken


def test_a_summary_says_what_is_accepted_and_what_is_right_of_it() -> None:
    logits = np.array([[3, 0], [2, 0], [1, 0], [0.1, 0]], np.float32)
    cases = {
        -1.5: "Accepts 50 % of 4 rows and is right on 50 % of these; accepting all, it would be "
        "right on 75 %.",
        -9.0: "Accepts none of 4 rows.",
        0.0: "Accepts 100 % of 4 rows, and is right on 75 % of them: nothing is rejected.",
    }
    for threshold, words in cases.items():
        card = replace(logitconf.MarginScore().card, threshold=threshold)
        assert summary_of(judge(card, logits, [0, 1, 0, 0])) == words
    card = replace(card, threshold=-1.5)
    without = "Accepts 50 % of 4 rows. Without labels, nothing is known of their errors."
    assert summary_of(judge(card, logits)) == without


def test_a_certificate_is_named_and_its_absence_too() -> None:
    certified = section(report_models.fitted(risk=0.3), LOGITS, LABELS)
    assert certified.certified
    assert certified.promise.startswith("certified: at most 30 % errors among the accepted")
    plain = section(report_models.fitted(), LOGITS, LABELS)
    assert not plain.certified
    assert certified.coverage.startswith("at least ")
    assert certified.coverage.endswith("together with the risk 90 %")
    assert plain.coverage == ""
    assert plain.promise.startswith("nothing is certified")


def test_the_card_is_shown_whole_unless_it_is_very_long() -> None:
    score = report_models.fitted(risk=0.3)
    made = section(score, LOGITS, LABELS)
    assert json.loads(made.card) == json.loads(score.card.to_json())
    assert made.facts == tuple(card_facts(score.card))
    logits, _ = labelled(50, 1000)
    long = replace(logitconf.SoftmaxScore().card, n_classes=1000, threshold=(-0.5,) * 1000)
    shown = json.loads(section(long, logits).card)["threshold"]
    assert (len(shown), shown[-1]) == (401, "and 600 more")


def test_a_slider_without_a_rule_starts_in_the_middle() -> None:
    made = section(logitconf.SoftmaxScore(), LOGITS, LABELS)
    assert made.slider is not None
    assert made.slider.values["shipped"] is None
    assert made.slider.start == len(made.slider.values["thresholds"]) // 2
    assert made.classes is None


def test_thresholds_of_classes_move_together_and_the_page_says_so() -> None:
    logits, labels = labelled(400, 4)
    score = logitconf.SoftmaxScore().fit(logits, labels)
    score.set_threshold(coverage=0.8, per_class=True)
    made = section(score, LOGITS, LABELS)
    assert made.slider is not None
    assert "Each class has a threshold of its own" in made.slider.note
    assert (made.slider.values["moved"], made.slider.values["shipped"]) == (
        True,
        made.slider.values["thresholds"].index("0.0"),
    )
    # no one line stands for several thresholds
    kinds = ["data-kind" in drawing.svg for drawing in made.drawings]
    assert kinds == [True, False, False]


def test_many_classes_are_folded_and_the_worst_come_first() -> None:
    logits, labels = labelled(3000, 30)
    score = logitconf.SoftmaxScore().fit(logits, labels).set_threshold(coverage=0.8)
    made = section(score, logits, labels, names=[f"class <{k}>" for k in range(30)])
    assert made.classes is not None
    assert (len(made.classes.first), len(made.classes.rest)) == (8, 30)
    worst = [one.let_through or 0 for one in made.classes.first]
    assert worst == sorted(worst, reverse=True)
    assert worst[0] == max(one.let_through or 0 for one in made.classes.rest)
    assert made.classes.rest[0].name == "class <0>"
    few = section(score, logits[:, :30], labels)
    assert few.classes is not None
    assert few.classes.note == "the 8 with most errors let through, of 30"


def test_rows_without_a_score_are_counted_and_drawn_without() -> None:
    logits = LOGITS.copy()
    logits[:7] = np.nan
    made = section(report_models.fitted(), logits, LABELS)
    assert made.figures[-1] == ("without a score", "7", "never accepted")
    nothing = section(report_models.fitted(), np.full((3, 4), np.nan, np.float32), [0, 1, 2])
    assert nothing.slider is None
    assert [drawing.title for drawing in nothing.drawings] == [
        "Errors among the accepted",
        "Where the scores lie",
    ]


@pytest.mark.parametrize("right", [True, False])
def test_rows_that_are_all_right_or_all_wrong_are_shown(right: bool) -> None:
    labels = LOGITS.argmax(1) if right else (LOGITS.argmax(1) + 1) % 4
    made = section(report_models.fitted(), LOGITS, labels)
    assert len(made.drawings) == 3
    assert made.slider is not None
    assert made.slider.values["wrong"] == (0 if right else 300)


@pytest.mark.parametrize(
    ("score", "logits", "labels", "drawings", "classes"),
    [
        ("binary", LOGITS[:, 0], LABELS % 2, 3, "true class"),
        ("multilabel", LOGITS, (LOGITS > 1).astype(float), 3, None),
        ("per label", LOGITS, (LOGITS > 1).astype(float), 3, "label"),
        ("without labels", LOGITS, None, 1, "predicted class"),
    ],
)
def test_every_task_has_a_section(
    score: str, logits: Any, labels: Any, drawings: int, classes: str | None
) -> None:
    task = {"binary": "binary", "multilabel": "multilabel", "per label": "multilabel"}
    made = logitconf.SoftmaxScore(
        task=task.get(score, "multiclass"), per_label=score == "per label"
    )
    shown = section(made.set_threshold(value=-0.8), logits, labels)
    assert len(shown.drawings) == drawings
    assert (None if shown.classes is None else shown.classes.by) == classes


def test_a_verification_becomes_one_row_a_provider() -> None:
    report = logitconf.verify(logitconf.to_onnx(report_models.fitted()), LOGITS, pairs=20)
    parity = parity_of(report)
    ((place, runtime, counted, _, passed),) = parity.places
    assert (place, counted, passed) == ("cpu", "0 of 300 rows", True)
    assert runtime.startswith("onnxruntime ")
    assert parity.header == TABLE_HEADER
    assert len(parity.runs) == len(report.runs)
    assert [name for name, _, _ in parity.checks] == [check.name for check in report.checks]
