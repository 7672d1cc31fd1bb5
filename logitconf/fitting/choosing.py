"""The score that suits a user's rows, chosen on rows that nothing else is fitted or measured on."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from logitconf.arrays import Array, rows_at
from logitconf.card.choice import ScoreChoice
from logitconf.card.parts import Split
from logitconf.errors import LogitconfError, LogitconfWarning
from logitconf.fitting.class_names import Names, numbered_labels
from logitconf.fitting.comparison import ScoreComparison, compare_scores
from logitconf.notebook.brief import brief
from logitconf.rows import check_order, split_rows
from logitconf.scores.table import SCORES
from logitconf.tasks import ArrayLike, as_array, check_logits, check_task

AUTO = "auto"
"""In the place of a score's name: the one that `choose_score` takes."""
CHOOSING_SHARE = 0.3
"""Of the rows, that the choice is made on; half of them fit, half of them rank."""


@dataclass(frozen=True, slots=True, eq=False)
class ChosenScore:
    """A score that was chosen, and the rows that took no part in it.

    Attributes:
        score: its name.
        choice: how it was chosen, for the card.
        comparison: of all scores on the rows that chose.
        logits: of the other rows, as they were given.
        labels: of the other rows, as numbers.
        class_names: of the columns, where they are known.
    """

    score: str
    choice: ScoreChoice
    comparison: ScoreComparison
    logits: Array
    labels: Array
    class_names: Names | None

    __repr__ = brief


def choose_score(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    task: str = "multiclass",
    kind: str | None = None,
    class_names: Sequence[str] | None = None,
    seed: int = 0,
) -> ChosenScore:
    """The score of least AURC; of those that cannot be told apart from it, the simplest.

    It is chosen on a random draw of 30 % of the rows. The others come back: a score that is fitted
    on them is measured and certified as if it had been named.

    Args:
        logits: (N, ...) as the task says, of one model.
        labels: as the task says, or names of classes.
        task: what the columns mean.
        kind: what ``logits`` holds, as in :meth:`~logitconf.LogitScore.fit`.
        class_names: of the columns, as in :meth:`~logitconf.LogitScore.fit`.
        seed: of the draw.

    Raises:
        LogitconfError: as :func:`~logitconf.fitting.comparison.compare_scores`, such as where the
            rows drawn are all right or all wrong.
    """
    check_order(logits, labels)
    values, layout = check_logits(logits, check_task(task))
    numbers, names = numbered_labels(labels, class_names, layout)
    numbers = as_array(numbers, "labels")
    if len(numbers) != len(values):
        raise LogitconfError(
            f"labels must be one for each of {len(values)} rows of logits, got {len(numbers)}"
        )
    rest, own = split_rows(len(values), CHOOSING_SHARE, seed)
    with warnings.catch_warnings():
        # the fit on the other rows tells of its own
        warnings.simplefilter("ignore", LogitconfWarning)
        ranking = compare_scores(
            rows_at(values, own), rows_at(numbers, own), task=task, kind=kind, seed=seed
        )
    tied = tuple(each.score for each in ranking.standings if each.tied)
    choice = ScoreChoice(
        compared=tuple(each.score for each in ranking.standings),
        tied=tied,
        fitted_rows=ranking.fitted_rows,
        rows=ranking.rows,
        errors=ranking.errors,
        split=Split(CHOOSING_SHARE, seed),
    )
    # the table begins with the simplest
    score = next(name for name in SCORES if name in tied)
    return ChosenScore(score, choice, ranking, rows_at(values, rest), rows_at(numbers, rest), names)
