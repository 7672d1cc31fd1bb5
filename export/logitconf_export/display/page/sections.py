"""The parts of a page as plain values: words, numbers, tables and drawings, in their order."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from logitconf.card.score_card import ScoreCard
from logitconf.wording.facts import card_facts
from logitconf.wording.numbers import counted, percent, short
from logitconf.wording.promise import coverage_floor_of, promise_of
from logitconf.wording.rule import rule_of
from logitconf_export.display.class_counts import ByClass, ClassCounts
from logitconf_export.display.displays import (
    DISPLAYS,
    ReliabilityDisplay,
    RiskCoverageDisplay,
    ScoreDisplay,
)
from logitconf_export.display.drawing import frame_of, svg_of
from logitconf_export.display.judged import JudgedRows
from logitconf_export.display.page.evidence import HeadEvidence
from logitconf_export.display.slider import SliderCounts
from logitconf_export.verification.report import TABLE_HEADER, VerificationReport

_FEW_CLASSES = 12
_SHOWN_CLASSES = 8
_MOST_CLASSES = 400
_MOST_RUNS = 300
_MOST_THRESHOLDS = 400


@dataclass(frozen=True, slots=True)
class Drawing:
    """A plot, as an element of the page.

    Attributes:
        title: above it.
        svg: the element.
        caption: what it shows, in one sentence.
    """

    title: str
    svg: str
    caption: str


@dataclass(frozen=True, slots=True)
class Slider:
    """The slider over thresholds.

    Attributes:
        values: what the page's script reads, as JSON values.
        last: its last position.
        start: where it stands at first.
        note: what it moves, where that is not one threshold.
    """

    values: dict[str, Any]
    last: int
    start: int
    note: str


@dataclass(frozen=True, slots=True)
class ClassTable:
    """Accepted and rejected by class.

    Attributes:
        by: what the class of a row is.
        noun: what a row is called.
        labelled: whether it is known which are wrong.
        first: the rows that are shown at once.
        rest: all of them, folded; empty where all are shown at once.
        note: why these are first, or how many are left out.
    """

    by: str
    noun: str
    labelled: bool
    first: tuple[ClassCounts, ...]
    rest: tuple[ClassCounts, ...]
    note: str


@dataclass(frozen=True, slots=True)
class HeadSection:
    """What the page says of one head.

    Attributes:
        anchor: its identifier.
        name: the output that it judges; empty for the only one.
        rule: what it accepts.
        promise: what it is certified to do.
        certified: whether that is a certificate that holds by its own numbers.
        coverage: how many rows are accepted at least; empty where nothing is certain of that.
        summary: what it does on the rows, in one sentence.
        figures: names and values.
        slider: None where nothing could be accepted.
        drawings: its plots.
        classes: None where rows have no class.
        notes: what could not be shown, and why.
        facts: of the card.
        card: as JSON.
        retuning: the command that sets another threshold, up to that; empty where there is no file
            or it takes several.
    """

    anchor: str
    name: str
    rule: str
    promise: str
    certified: bool
    coverage: str
    summary: str
    figures: tuple[tuple[str, str, str], ...]
    slider: Slider | None
    drawings: tuple[Drawing, ...]
    classes: ClassTable | None
    notes: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    card: str
    retuning: str = ""


@dataclass(frozen=True, slots=True)
class Parity:
    """Where the file was run, and whether it decides there as its card says.

    Attributes:
        places: one row for each provider or runtime: where, version, decided differently, largest
            difference, whether it passed.
        checks: name, what was found, and whether it holds (None: not checked).
        header: column names of the runs.
        runs: every run, as text.
        notes: what was not checked, and why.
        failures: in words.
    """

    places: tuple[tuple[str, str, str, str, bool], ...]
    checks: tuple[tuple[str, str, bool | None], ...]
    header: tuple[str, ...]
    runs: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]
    failures: tuple[str, ...]


def head_section(head: HeadEvidence, place: int, retuning: str = "") -> HeadSection:
    """What the page says of one head.

    Args:
        head: on its rows.
        place: which of the heads it is.
        retuning: the command that sets another threshold of it, up to that.
    """
    judged, card = head.judged, head.card
    promise = promise_of(card)
    slider = SliderCounts.of(judged)
    return HeadSection(
        anchor=f"head-{place}",
        name=head.name,
        rule=rule_of(card),
        promise=promise or "nothing is certified: the threshold was chosen without a promise",
        certified=promise is not None and promise.startswith("certified"),
        coverage=coverage_floor_of(card) or "",
        summary=summary_of(judged),
        figures=tuple(_figures(judged)),
        slider=None if slider is None else _slider(slider, card),
        drawings=tuple(_drawings(judged, f"head-{place}")),
        classes=_class_table(
            ByClass.of(judged, head.names), judged.noun if judged.noun != "label" else "decision"
        ),
        notes=head.notes,
        facts=tuple(card_facts(card)),
        card=_shortened_json(card),
        retuning="" if slider is None or slider.moves_all else retuning,
    )


def _shortened_json(card: ScoreCard) -> str:
    """The card as JSON; vectors longer than a page are cut, and say so."""
    values = card.to_dict()
    return json.dumps(_cut(values), indent=1, allow_nan=False)


def _cut(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _cut(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        kept = [_cut(item) for item in value[:_MOST_THRESHOLDS]]
        rest = len(value) - _MOST_THRESHOLDS
        return [*kept, f"and {rest} more"] if rest > 0 else kept
    return value


def summary_of(judged: JudgedRows) -> str:
    """What the rule does on the rows, in one or two sentences."""
    rows, taken = (
        counted(len(judged), judged.noun if judged.noun != "label" else "decision"),
        judged.n_accepted,
    )
    if judged.accepted is None:
        return f"Scores {rows}; without a threshold it accepts none."
    if not taken:
        return f"Accepts none of {rows}."
    accepted = f"Accepts {percent(taken / len(judged))} of {rows}"
    if judged.wrong is None:
        return f"{accepted}. Without labels, nothing is known of their errors."
    right = percent(1.0 - judged.n_let_through / taken)
    every = percent(1.0 - judged.n_wrong / len(judged))
    if taken == len(judged):
        return f"{accepted}, and is right on {every} of them: nothing is rejected."
    return (
        f"{accepted} and is right on {right} of these; accepting all, it would be right on {every}."
    )


def _figures(judged: JudgedRows) -> list[tuple[str, str, str]]:
    """Name, value and what it is out of."""
    rows, taken = len(judged), judged.n_accepted
    figures = []
    if judged.accepted is not None:
        figures.append(("accepted", percent(taken / rows), f"{taken:,} of {rows:,}"))
    if judged.wrong is not None:
        wrong, through = judged.n_wrong, judged.n_let_through
        right = f"{rows - wrong:,} of {rows:,}"
        if taken:
            own = f"{taken - through:,} of {taken:,}"
            figures.append(("accepted are right", percent(1.0 - through / taken), own))
        figures.append(("all are right", percent(1.0 - wrong / rows), right))
        if judged.accepted is not None:
            figures.append(("errors let through", f"{through:,}", f"of {counted(wrong, 'error')}"))
    none = int((~judged.eligible).sum())
    if none:
        figures.append(("without a score", f"{none:,}", "never accepted"))
    return figures


def _slider(counts: SliderCounts, card: ScoreCard) -> Slider:
    note = ""
    if counts.moves_all:
        what = "label" if card.per_label else "class"
        note = (
            f"Each {what} has a threshold of its own: the slider adds the same number to all of "
            "them, and 0 is how the model ships."
        )
    start = counts.shipped if counts.shipped is not None else len(counts.values) // 2
    values = {
        "thresholds": [str(value) for value in counts.values],
        "accepted": counts.accepted.tolist(),
        "errors": None if counts.errors is None else counts.errors.tolist(),
        "rows": counts.rows,
        "wrong": counts.wrong,
        "shipped": counts.shipped,
        "moved": counts.moves_all,
        "certified": card.certificate is not None,
        "modes": [{"name": name, "position": place} for name, place in counts.modes],
    }
    return Slider(values, len(counts.values) - 1, start, note)


def _drawings(judged: JudgedRows, anchor: str) -> list[Drawing]:
    """The plots that the rows have numbers for."""
    drawings = []
    for kind in DISPLAYS:
        if judged.wrong is None and kind is not ScoreDisplay:
            continue
        if kind is ReliabilityDisplay and not _has_probabilities(judged):
            continue
        display = kind.of(judged)
        display.plot()
        title, caption = _words(display, judged)
        name = f"{anchor}-{kind.__name__.removesuffix('Display').lower()}"
        svg = svg_of(display.ax_, name, f"{title}. {caption}")
        if isinstance(display, (RiskCoverageDisplay, ScoreDisplay)):
            svg = _with_marker(svg, display, judged)
        drawings.append(Drawing(title, svg, caption))
    return drawings


def _has_probabilities(judged: JudgedRows) -> bool:
    return judged.calibration is not None and judged.calibration.right.size > 0


def _words(display: Any, judged: JudgedRows) -> tuple[str, str]:
    """Title and caption."""
    if isinstance(display, RiskCoverageDisplay):
        caption = (
            "Whoever accepts less lets fewer errors through. The dot is where the threshold is; "
            "the band holds the true rate at each point with 95 % confidence (exact binomial)."
        )
        if isinstance(judged.card.threshold, tuple):
            caption += (
                " Thresholds of their own order rows otherwise than one threshold does, so the dot "
                "need not lie on the curve."
            )
        return "Errors among the accepted", caption
    if isinstance(display, ReliabilityDisplay):
        shown = display.reliability
        fall = f"{short(shown.before.expected_error)} to {short(shown.after.expected_error)}"
        changed = shown.mapped or shown.temperature != 1.0
        by = f"temperature {short(shown.temperature)}"
        by = f"The calibration map and {by} move" if shown.mapped else f"T{by[1:]} moves"
        moved = (
            f"{by} the open dots to the filled ones, and "
            f"the calibration error (ECE, 15 bins) from {fall}."
            if changed
            else f"The calibration error (ECE, 15 bins) is {short(shown.after.expected_error)}."
        )
        return "Are its probabilities right?", (
            f"On the diagonal, what is said to be right with 80 % is right 8 times in 10. {moved}"
        )
    caption = "Lower is more confident"
    if display.histogram.threshold is not None:
        caption += "; what lies left of the dashed line is accepted"
    if display.histogram.wrong is not None:
        caption += ". The better the score, the further apart lie right and wrong"
    return "Where the scores lie", f"{caption}."


def _with_marker(svg: str, display: Any, judged: JudgedRows) -> str:
    """The drawing with what the slider moves in it: a point on the curve, a line at the threshold.

    Where the axes lie in the drawing, and which numbers they span, is written beside it.
    """
    ax = display.ax_
    frame = " ".join(f"{number:.2f}" for number in frame_of(ax))
    spans = " ".join(f"{float(number)!r}" for number in (*ax.get_xlim(), *ax.get_ylim()))
    kind = "curve" if isinstance(display, RiskCoverageDisplay) else "line"
    if kind == "line" and isinstance(judged.card.threshold, tuple):
        return svg
    shape = '<circle r="6"/>' if kind == "curve" else "<line/>"
    marker = (
        f'<g class="moving" data-kind="{kind}" data-frame="{frame}" data-spans="{spans}" hidden>'
    )
    return svg.replace("</svg>", f"{marker}{shape}</g></svg>")


def _class_table(by: ByClass | None, noun: str) -> ClassTable | None:
    if by is None:
        return None
    labelled = by.classes[0].wrong is not None
    if len(by.classes) <= _FEW_CLASSES:
        return ClassTable(by.by, noun, labelled, by.classes, (), "")
    what = "errors let through" if labelled else "rejected rows"
    ordered = sorted(by.classes, key=lambda one: one.let_through or 0 if labelled else one.rejected)
    first = tuple(reversed(ordered[-_SHOWN_CLASSES:]))
    note = f"the {_SHOWN_CLASSES} with most {what}, of {len(by.classes):,}"
    if len(by.classes) > _MOST_CLASSES:
        note += f"; the list below holds the first {_MOST_CLASSES}"
    return ClassTable(by.by, noun, labelled, first, by.classes[:_MOST_CLASSES], note)


def parity_of(report: VerificationReport) -> Parity:
    """What verification says, for a page."""
    places = tuple(
        (
            one.place,
            one.runtime,
            one.counted,
            f"{one.largest_absolute:.2g} ({counted(one.largest_ulps, 'ulp')})",
            one.passed,
        )
        for one in report.by_runtime
    )
    return Parity(
        places=places,
        checks=tuple((check.name, check.detail, check.passed) for check in report.checks),
        header=TABLE_HEADER,
        runs=tuple(report.table()[:_MOST_RUNS]),
        notes=report.notes,
        failures=report.failures,
    )


def joint_words(accepted: int, rows: int) -> str:
    """What several heads decide together."""
    return f"Together they accept {percent(accepted / max(1, rows))} of {counted(rows, 'row')}."
