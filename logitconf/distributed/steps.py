"""The fit step by step: which pass is wanted, and what follows from its total."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

import numpy as np

from logitconf.blocks.identity import digest_of
from logitconf.card.confidence import ConfidenceMap
from logitconf.card.parts import RowCounts, Split
from logitconf.card.score_card import ScoreCard
from logitconf.card.sketch import ScoreSketch
from logitconf.distributed.choosing import chosen
from logitconf.distributed.counted_rows import CountedRows, affordable, asked_for_all
from logitconf.distributed.ranking import UnresolvedError
from logitconf.distributed.reading import Reading, label_range_error, shapes_in_words
from logitconf.distributed.request import Request
from logitconf.distributed.survey import Identity, Survey, copied_share
from logitconf.distributed.temperature import fitted_temperature
from logitconf.distributed.total import LikelihoodTotal, ScoresTotal, Total
from logitconf.errors import LogitconfError
from logitconf.fitting.calibrated_rows import card_with_temperature
from logitconf.fitting.fit import rounding_of
from logitconf.kinds import kind_left_open
from logitconf.rows import overlap_note
from logitconf.scores.rounding import Rounding
from logitconf.scores.table import check_defined
from logitconf.tasks import Layout, check_logits, check_task
from logitconf.thresholds.certificate import certificate_of
from logitconf.thresholds.per_class import PerClass
from logitconf.thresholds.policy import Policy, ThresholdChoice
from logitconf.thresholds.reach import check_reachable


@dataclass(frozen=True, slots=True)
class Made:
    """What a plan ends with.

    Attributes:
        card: fitted.
        notes: what to tell the user.
    """

    card: ScoreCard
    notes: tuple[str, ...]


# With more, the state of a plan would not be read again.
_MOST_PASSES = 12
# Of the rows that are copies, more than a sample shows by chance.
_MANY_COPIES = 0.1
_LARGEST = float(np.finfo(np.float32).max)

# a request goes out, its total comes in
Steps: TypeAlias = Generator[Request, Total, Made]
Part = TypeVar("Part", Survey, LikelihoodTotal, ScoresTotal)


def steps_of(card: ScoreCard, reading: Reading, policy: Policy) -> Steps:
    """The requests of a fit, one after the other; those that come out have no number yet.

    Args:
        card: unfitted.
        reading: how the rows are read.
        policy: of the threshold.
    """
    first = Request(0, "logits", "reading the rows", False, reading)
    survey, layout, labelled = _surveyed(reading, (yield first))
    if policy.needs_labels and not labelled:
        raise LogitconfError(
            f"the policy {policy.keyword} needs labels, got scores alone; fit with labels"
        )
    card = replace(card, n_classes=layout.n_classes, members=layout.members)
    note = None
    if labelled:

        def ask(points: tuple[float, ...]) -> Generator[Request, Total, LikelihoodTotal]:
            wants = "fitting the temperature"
            return _part_as(LikelihoodTotal, (yield replace(first, wants=wants, points=points)))

        fit = yield from fitted_temperature(survey, layout, card.temperature, ask)
        fit = replace(fit, sha256=_digest(survey.fitted, survey))
        alike = layout.task != "multilabel" and survey.ends[0] == survey.ends[1]
        card, note = card_with_temperature(card, fit, alike=alike)
    if isinstance(policy, PerClass):
        policy.check_competing(layout.family == "categorical" and layout.members is None)
    made = yield from _with_threshold(card, reading, policy, (survey, layout, labelled))
    return replace(made, notes=(*([note] if note else []), *made.notes))


def _with_threshold(
    card: ScoreCard,
    reading: Reading,
    policy: Policy,
    seen: tuple[Survey, Layout, bool],
) -> Steps:
    """The fitted card with counts of its rows, threshold and certificate."""
    survey, layout, labelled = seen
    bare = replace(card, temperature_fit=None)
    by_class = isinstance(policy, PerClass)
    first = Request(0, "logits", "counting scores", True, reading, card=bare, by_class=by_class)
    total = _part_as(ScoresTotal, (yield first))
    held = survey.fitted if reading.holdout is None else survey.held
    if total.judged != held.rows:
        raise LogitconfError(
            f"each pass must read the same rows, got {held.rows} to judge in the first and "
            f"{total.judged} now"
        )
    counts = RowCounts(
        rows=total.judged,
        not_finite=total.not_finite,
        errors=total.errors if labelled else None,
        sha256=_digest(held, survey),
        split=None if reading.holdout is None else Split(reading.holdout, reading.seed),
    )
    groups = layout.n_classes or 1 if by_class or layout.per_label else 1
    rows = CountedRows.of(total, groups, by_label=layout.per_label, labelled=labelled)
    sure = rows.confidence()
    card = replace(card, rows=counts, confidence=sure)
    settled: tuple[ThresholdChoice, ScoreSketch | None] | None = None
    asked = 0
    while settled is None:
        try:
            settled = _settled(policy, rows, rounding_of(card), sure)
        except UnresolvedError as error:
            asked += 1
            if asked > _MOST_PASSES:
                raise LogitconfError(
                    f"scores must be told apart in {_MOST_PASSES} passes, got too many that lie "
                    f"close for {policy.keyword}; fit it in memory, on a sample of the rows"
                ) from error
            zones = affordable(error.zones)
            again = replace(first, reads="scores", writes=False, zones=tuple(zones))
            answer = yield replace(again, wants="telling scores apart")
            rows = rows.refined(_part_as(ScoresTotal, answer).counts, zones)
    choice, sketch = settled
    if policy.is_given:
        check_reachable(card, choice.threshold)
    notes = (*rows.separation(), *map(str, choice.notes))
    policy_values = choice.counted_policy
    card = replace(card, threshold=choice.threshold, policy=policy_values, sketch=sketch)
    if policy.promise is None:
        return Made(card, notes)
    fit = card.temperature_fit
    shared = total.judged if reading.holdout is None and fit and fit.identified else 0
    if shared:
        notes = (*notes, overlap_note(shared, choice.rows))
    copied = copied_share(survey.sample, survey.usable // (layout.members or 1))
    if reading.holdout is not None and copied > _MANY_COPIES:
        notes = (
            *notes,
            f"about {copied:.0%} of the rows are copies of others, which a plan holds out "
            "together, so the promise may be too good; leave copies out",
        )
    return Made(replace(card, certificate=certificate_of(card, fitted_rows=shared)), notes)


def _settled(
    policy: Policy, rows: CountedRows, rounding: Rounding, sure: ConfidenceMap | None
) -> tuple[ThresholdChoice, ScoreSketch | None]:
    """Threshold and sketch.

    Raises:
        UnresolvedError: where either needs scores to be told apart.
    """
    choices: list[ThresholdChoice] = []

    def choose() -> None:
        choices.append(chosen(policy, rows, rounding, sure))

    def sketch() -> None:
        # its cutoffs do not depend on the threshold, so one pass may do for both
        rows.sketch(_LARGEST)

    asked_for_all([choose, sketch])
    return choices[0], rows.sketch(choices[0].threshold)


def _part_as(kind: type[Part], total: Total) -> Part:
    """What a total holds, if it is what was asked for.

    Raises:
        LogitconfError: if it is not.
    """
    if not isinstance(total.part, kind):
        raise LogitconfError(
            f"the total of request {total.request} must hold what it asked for, got "
            f"{type(total.part).__name__}"
        )
    return total.part


def _surveyed(reading: Reading, total: Total) -> tuple[Survey, Layout, bool]:
    """The survey, the layout of the rows and whether they have labels.

    Raises:
        LogitconfError: for rows that cannot be fitted.
    """
    survey = _part_as(Survey, total)
    if not total.rows:
        raise LogitconfError("a plan needs at least one row, got none")
    if len(total.shapes) != 1:
        raise LogitconfError(
            f"all blocks must have rows of one kind, got {shapes_in_words(total.shapes)}"
        )
    sizes, dtype, labelled = total.shapes[0]
    like = np.zeros((2, *sizes), dtype="float32" if dtype == "bfloat16" else dtype)
    _, layout = check_logits(
        like, check_task(reading.task), per_member=reading.per_member, per_label=reading.per_label
    )
    error = label_range_error(reading, like, *survey.labels) if labelled else None
    if error is not None:
        raise error
    if reading.holdout is not None and not labelled:
        raise LogitconfError("a holdout is for rows with labels, got none")
    what = reading.kind or kind_left_open(survey.like, layout, total.rows)
    check_defined(reading.score, layout, what)
    if reading.holdout is not None and not (survey.fitted.rows and survey.held.rows):
        raise LogitconfError(
            f"a holdout of {reading.holdout:g} leaves one part of {total.rows} rows empty"
        )
    return survey, layout, labelled


def _digest(rows: Identity, survey: Survey) -> str:
    return digest_of(rows.rows, list(survey.columns), np.array(rows.words, dtype=np.uint64))
