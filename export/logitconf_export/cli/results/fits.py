"""What ``fit`` found: what the card accepts and promises, and how often it is right."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from logitconf.card.score_card import ScoreCard
from logitconf.errors import LogitconfError
from logitconf.metrics.calibration import expected_calibration_error
from logitconf.wording.facts import card_facts
from logitconf.wording.lists import first_few
from logitconf.wording.numbers import counted, percent, short
from logitconf.wording.rule import rule_of
from logitconf_export.cli.results.blocks import Facts, note
from logitconf_export.cli.results.cards import Pairs, card_blocks
from logitconf_export.cli.results.result import Result, commands, headed, named, written
from logitconf_export.display.judged import JudgedRows


@dataclass(frozen=True, slots=True)
class Figures:
    """What a card makes of some labelled rows; of labels, where each is judged by itself.

    Attributes:
        decisions: rows, or labels of rows.
        errors: wrong predictions among them.
        accepted: how many are accepted.
        errors_accepted: wrong predictions among these.
        calibration_before: ECE in 15 bins at temperature 1, in [0, 1]; None where it is not known.
        calibration_after: the same at the card's temperature.
        noun: what one decision is about.
    """

    decisions: int
    errors: int
    accepted: int
    errors_accepted: int
    calibration_before: float | None
    calibration_after: float | None
    noun: str = "row"

    @property
    def coverage(self) -> float:
        """Share that is accepted, in [0, 1]."""
        return self.accepted / self.decisions

    @property
    def accuracy(self) -> float:
        """Share of all that is right, in [0, 1]."""
        return 1.0 - self.errors / self.decisions

    @property
    def accuracy_accepted(self) -> float | None:
        """Share of the accepted that is right; None where nothing is."""
        return 1.0 - self.errors_accepted / self.accepted if self.accepted else None


def fit_result(
    card: ScoreCard,
    figures: Figures,
    output: Path,
    following: Sequence[str],
    class_names: Sequence[str] | None = None,
    *,
    notes: Sequence[str] = (),
) -> Result:
    """A card that was fitted.

    Args:
        card: with its threshold.
        figures: on the rows that its threshold was chosen on.
        output: where the card was written; - for stdout.
        following: what to run next.
        class_names: of the columns, where they are known.
        notes: what should be known.
    """
    names = [] if class_names is None else [("classes", first_few(class_names, 10))]
    verdict = f"Fitted: {named(output)} {rule_of(card)}"
    return Result(
        verdict,
        lambda: headed(
            "fit",
            {
                "file": f"{output}",
                "card": card.to_dict(),
                "class_names": None if class_names is None else [*class_names],
                "figures": figure_values(card, figures),
                "next": commands(following),
            },
            verdict=verdict,
        ),
        style="good" if figures.accepted else "caution",
        blocks=(
            Facts([*card_facts(card, counts=False), *names, _written(output)]),
            Facts(figure_facts(figures), title_of(card)),
        ),
        details=tuple(card_blocks(card, "The card, exactly")),
        notes=tuple(note(text) for text in notes),
        following=following,
    )


def _written(output: Path) -> tuple[str, str]:
    return ("written", "to stdout") if f"{output}" == "-" else written(output)


def title_of(card: ScoreCard) -> str:
    """Which rows the figures are measured on: held-out ones, or those that were fitted on."""
    rows = card.rows
    if rows is None:
        return "Measured"
    if rows.split is not None:
        return f"Measured on the {counted(rows.rows, 'held-out row')}"
    return f"Measured on the {counted(rows.rows, 'row')} that it was fitted on"


def figures_of(judged: JudgedRows) -> Figures:
    """The figures of labelled rows that a card with a threshold has judged."""
    told = judged.calibration
    before, after = 0.0, 0.0
    if told is not None and told.right.size:
        before = expected_calibration_error(told.before, told.right_before)
        after = expected_calibration_error(told.after, told.right)
    return Figures(
        decisions=len(judged),
        errors=judged.n_wrong,
        accepted=judged.n_accepted,
        errors_accepted=judged.n_let_through,
        calibration_before=before,
        calibration_after=after,
        noun=judged.noun,
    )


def figures_on_card(card: ScoreCard) -> Figures:
    """The figures that a card itself keeps, of rows that nobody has in memory.

    Raises:
        LogitconfError: for a card without the counts of its rows.
    """
    if card.rows is None or card.policy is None or card.rows.errors is None:
        raise LogitconfError("a card must have the counts of labelled rows, got none")
    accepted, errors = (int(card.policy[name]) for name in ("accepted", "errors"))
    labels = card.n_classes or 1 if card.per_label else 1
    noun = "label" if card.per_label else "row"
    return Figures(card.rows.rows * labels, card.rows.errors, accepted, errors, None, None, noun)


def figure_facts(figures: Figures) -> Pairs:
    """Coverage, accuracy and calibration, a line each."""
    accuracy = f"{percent(figures.accuracy)} of all"
    if figures.accuracy_accepted is not None:
        accuracy += f", {percent(figures.accuracy_accepted)} of the accepted"
    errors = f"{figures.errors_accepted:,} of {counted(figures.errors, 'error')} accepted"
    coverage = f"{figures.accepted:,} of {counted(figures.decisions, figures.noun)}"
    facts = [
        ("coverage", f"{percent(figures.coverage)}: {coverage}"),
        ("accuracy", f"{accuracy}; {errors}"),
    ]
    if figures.calibration_before is not None and figures.calibration_after is not None:
        before, after = short(figures.calibration_before, 3), short(figures.calibration_after, 3)
        facts.append(("ECE", f"{before} → {after} by the fit"))
    return facts


def figure_values(card: ScoreCard, figures: Figures) -> dict[str, Any]:
    """The figures as JSON values."""
    held_out = card.rows is not None and card.rows.split is not None
    return {
        "measured_on": "held-out rows" if held_out else "the rows that it was fitted on",
        "decisions": figures.decisions,
        "errors": figures.errors,
        "accepted": figures.accepted,
        "errors_accepted": figures.errors_accepted,
        "coverage": figures.coverage,
        "accuracy": figures.accuracy,
        "accuracy_accepted": figures.accuracy_accepted,
        "calibration_before": figures.calibration_before,
        "calibration_after": figures.calibration_after,
    }
