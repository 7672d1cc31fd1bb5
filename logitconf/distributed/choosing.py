"""Policies on scores that are counted rather than kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from logitconf.card.confidence import ConfidenceMap
from logitconf.distributed.counted_rows import CountedRows, asked_for_all, by_need
from logitconf.distributed.ranking import Ranking, UnresolvedError, Zone
from logitconf.errors import LogitconfError
from logitconf.scores.rounding import Rounding
from logitconf.thresholds.gaps import (
    NARROW,
    NOTHING,
    REACH,
    GapThreshold,
    Note,
    NoteKind,
    RankedScores,
    measure_gaps,
    place,
    threshold_in,
)
from logitconf.thresholds.per_class import PerClass, PerLabel
from logitconf.thresholds.policies import (
    Cost,
    Coverage,
    Quantile,
    Risk,
    coverage_of,
    quantile_of,
    risk_policy,
)
from logitconf.thresholds.policy import Policy, ThresholdChoice, choice_of
from logitconf.thresholds.reach import Value, value_on
from logitconf.thresholds.risk_control import (
    candidates_of,
    certifiable_targets,
    loosest_that_passes,
)
from logitconf.thresholds.surely_right import MinConfidence

# So many scores next to a place are looked through for a gap, even where they are less than 1 % of
# the rows; less for each of the hundred candidates of a certificate, so that one pass has them all.
MOST_SCORES, MOST_OF_CANDIDATE = 10_000, 1_000


def chosen(
    policy: Policy, rows: CountedRows, rounding: Rounding, sure: ConfidenceMap | None = None
) -> ThresholdChoice:
    """The threshold of `policy` on counted scores: that of the policy on all of them.

    For a coverage wherever the gap is found among the 10 000 scores next to the wanted place, so
    always up to a million rows; for a risk wherever each candidate's is found among the next 1000,
    so always up to 100 000 rows.

    Args:
        policy: any that needs no out-of-distribution rows.
        rows: that judge.
        rounding: how the score is computed.
        sure: the map from a score to a confidence.

    Raises:
        UnresolvedError: where scores must be told apart first.
        LogitconfError: as the policy, or for one that counts cannot follow.
    """
    if isinstance(policy, (PerClass, PerLabel)):
        return replace(_of_parts(policy, rows, rounding, sure), rows=rows.total.judged)
    if isinstance(policy, Value):
        return _given(policy, rows)
    (ranking,) = rows.parts
    return _chosen(policy, ranking, rounding, sure)


def _of_parts(
    policy: PerClass | PerLabel,
    rows: CountedRows,
    rounding: Rounding,
    sure: ConfidenceMap | None,
) -> ThresholdChoice:
    """One threshold for each group."""
    missing: list[list[Zone]] = []

    def choose(own: Policy, part: Ranking) -> ThresholdChoice:
        try:
            return _chosen(own, part, rounding, sure)
        except UnresolvedError as error:
            missing.append(error.zones)
            raise LogitconfError("scores must be told apart") from error

    try:
        return policy.joined(rows.parts, choose)
    finally:
        if missing:
            raise UnresolvedError(by_need(missing))


def _given(policy: Value, rows: CountedRows) -> ThresholdChoice:
    """The threshold that is given, the same for all groups."""
    parts = [part for part in rows.parts if part.finite]
    if not parts:
        return _chosen(policy, rows.parts[0], Rounding("softmax"), None)
    choices = asked_for_all([partial(value_on, part, policy.value) for part in parts])
    accepted = sum(choice.accepted for choice in choices)
    return replace(
        choices[0],
        rows=rows.total.judged,
        accepted=accepted,
        errors=sum(choice.errors or 0 for choice in choices) if rows.labelled else None,
        notes=() if accepted else (NOTHING,),
    )


def _chosen(
    policy: Policy, ranking: Ranking, rounding: Rounding, sure: ConfidenceMap | None
) -> ThresholdChoice:
    """The choice on one group."""
    places = _Places(ranking, rounding, MOST_SCORES)
    if isinstance(policy, MinConfidence):
        return policy.choice_on(ranking, sure, lambda wanted: places.stricter([wanted])[0])
    if not ranking.finite:
        raise LogitconfError(f"at least one score must be finite, got {ranking.rows} that are not")
    if isinstance(policy, Quantile):
        return quantile_of(ranking, policy.q)
    if isinstance(policy, Coverage):
        return coverage_of(ranking, policy.coverage, places.looser)
    if isinstance(policy, Risk):
        return _certified(policy, ranking, replace(places, most=MOST_OF_CANDIDATE))
    if isinstance(policy, Cost):
        return _cheapest(policy, ranking, rounding)
    raise LogitconfError(
        f"a plan takes q, coverage, risk, cost, min_confidence or value, got {policy.keyword}"
    )


def _certified(policy: Risk, ranking: Ranking, places: _Places) -> ThresholdChoice:
    """As :func:`~logitconf.thresholds.risk_control.certify`, from counts."""
    risk, confidence = policy.promise
    targets = certifiable_targets(ranking.finite, ranking.rows, risk, confidence)
    placed = places.stricter(list(targets))
    candidates = candidates_of(placed, targets.values(), risk, confidence)
    errors = [ranking.errors_among(each.placement.accepted) or 0 for each in candidates]
    certified = loosest_that_passes(candidates, errors, risk, confidence)
    return choice_of(ranking, certified.placement, risk_policy(certified, risk, confidence))


def _cheapest(policy: Cost, ranking: Ranking, rounding: Rounding) -> ThresholdChoice:
    """As :func:`~logitconf.thresholds.policies.choose_cost`, by branch and bound.

    Behind a score that is known, a gap is known; a bin costs at least what it would if its right
    rows came first. Bins that may beat the best gap are told apart.
    """
    error_cost, rejection_cost = policy.checked_costs()
    single, before = ranking.single, ranking.before
    wrong = np.concatenate([[0], np.cumsum(ranking.wrong)])
    costs = wrong * error_cost + (ranking.rows - before) * rejection_cost
    # the gap before each bin, and the one behind the last
    known = np.ones(before.size, np.bool_)
    known[1:-1] = single[1:] & single[:-1]
    widths = ranking.lowest[1:].astype(np.float64) - ranking.highest[:-1]
    bands = np.maximum(rounding.bands(ranking.lowest[1:]), rounding.bands(ranking.highest[:-1]))
    wide = np.ones(before.size, np.bool_)
    wide[1:-1] = widths > 2.0 * bands
    counts = np.flatnonzero(known & wide)
    # the last of several, which is the loosest
    best = int(counts[counts.size - 1 - int(np.argmin(costs[counts][::-1]))])
    least = wrong[:-1] * error_cost + (ranking.rows - before[:-1] - ranking.right) * rejection_cost
    # the widest gap that a bin may have on either side
    between = ranking.highest[1:].astype(np.float64) - ranking.lowest[:-1]
    reach = np.maximum(np.append(between, 0.0), np.insert(between, 0, 0.0))
    reach = np.maximum(reach, ranking.highest.astype(np.float64) - ranking.lowest)
    bands = np.minimum(rounding.bands(ranking.lowest), rounding.bands(ranking.highest))
    beside = slice(max(best - 1, 0), best + 1)
    open_ = ~single & (least <= costs[best]) & (reach > 2.0 * bands)
    open_[beside] |= ~single[beside]
    if open_.any():
        places = np.flatnonzero(open_)
        order = places[np.argsort(least[places], kind="stable")]
        raise UnresolvedError([ranking.zone(int(place)) for place in order])
    ends = ranking.lowest[beside]
    gaps = measure_gaps(RankedScores(ends, None, 2), rounding)
    accepted = int(before[best])
    placement = GapThreshold(
        threshold_in(gaps, min(best, 1)), accepted, () if accepted else (NOTHING,)
    )
    numbers = {**policy.to_card(), "mean_cost": float(costs[best]) / ranking.rows}
    return choice_of(ranking, placement, numbers)


@dataclass(frozen=True, slots=True)
class _Places:
    """Where thresholds go among counted scores: as :func:`~logitconf.thresholds.gaps.place`."""

    ranking: Ranking
    rounding: Rounding
    most: int

    @property
    def reach(self) -> int:
        """How many places further a threshold may go."""
        return min(math.floor(REACH * self.ranking.rows), self.most)

    def looser(self, target: int) -> GapThreshold:
        """For about so many rows, or more.

        Raises:
            UnresolvedError: where scores must be told apart first.
        """
        ranking = self.ranking
        end = min(target + self.reach + 1, ranking.finite)
        bins = range(ranking.at(target - 1), ranking.at(end - 1) + 1)
        known = _leading(ranking, bins)
        window = self._window(range(target - 1, end), bins[: len(known)])
        gaps = measure_gaps(window, self.rounding)
        complete = len(known) == len(bins)
        if gaps.wide[1:-1].any() or (
            complete and (gaps.roomy[1:-1].any() or end == ranking.finite)
        ):
            placed = place(gaps, 1, looser=True)
            return self._counted(placed, target - 1, target)
        if not complete:
            raise UnresolvedError([ranking.zone(b) for b in bins if not ranking.single[b]])
        return self._past_ties(bins, target, looser=True)

    def stricter(self, targets: Sequence[int]) -> list[GapThreshold]:
        """For about so many rows, or fewer, for each target.

        Raises:
            UnresolvedError: where scores must be told apart first, for all targets at once.
        """
        return asked_for_all([partial(self._stricter, target) for target in targets])

    def _stricter(self, target: int) -> GapThreshold:
        ranking = self.ranking
        first = max(target - self.reach, 1) - 1
        end = min(target + 1, ranking.finite)
        bins = range(ranking.at(end - 1), ranking.at(first) - 1, -1)
        known = _leading(ranking, bins)
        if known:
            lowest = max(first, int(ranking.before[known[-1]]))
            gaps = measure_gaps(self._window(range(lowest, end), known[::-1]), self.rounding)
            inner = slice(1, target - lowest + 1)
            complete = len(known) == len(bins)
            if gaps.wide[inner].any() or (complete and gaps.roomy[inner].any()):
                placed = place(gaps, target - lowest, looser=False)
                return self._counted(placed, lowest, target)
            if complete:
                return self._past_ties(bins, target, looser=False)
        raise UnresolvedError([ranking.zone(b) for b in bins if not ranking.single[b]])

    def _counted(self, placed: GapThreshold, before: int, wanted: int) -> GapThreshold:
        """A placement in a window that begins behind so many scores."""
        accepted = before + placed.accepted
        notes = tuple(
            replace(note, accepted=accepted, wanted=wanted) if note.kind is NoteKind.TIED else note
            for note in placed.notes
        )
        return replace(placed, accepted=accepted, notes=notes)

    def _window(self, ranks: range, bins: range | Sequence[int]) -> RankedScores:
        """The scores at these places that lie in these bins, which are single and ascend."""
        if not len(bins):
            return RankedScores(np.empty(0, np.float32), None, 0)
        own, before = slice(bins[0], bins[-1] + 1), self.ranking.before
        starts = np.maximum(before[own], ranks.start)
        ends = np.minimum(before[bins[0] + 1 : bins[-1] + 2], ranks.stop)
        values = np.repeat(self.ranking.values(own), ends - starts)
        # as many rows as make `place` look as far as is wanted
        return RankedScores(values, None, math.ceil(self.reach / REACH))

    def _past_ties(self, bins: range, target: int, *, looser: bool) -> GapThreshold:
        """In the next gap with room, where all scores nearby tie or leave none."""
        ranking, step = self.ranking, 1 if looser else -1
        place_of = bins[0] if looser else ranking.at(target - 1)
        size = ranking.starts.size
        while True:
            lower, upper = (place_of, place_of + 1) if looser else (place_of - 1, place_of)
            if lower < 0 or upper >= size:
                break
            for each in (lower, upper):
                if not ranking.single[each]:
                    raise UnresolvedError([ranking.zone(each)])
            ends = ranking.values(slice(lower, upper + 1))
            if np.nextafter(ends[0], np.float32(np.inf)) < ends[1]:
                break
            place_of += step
        own = slice(max(lower, 0), min(upper + 1, size))
        gaps = measure_gaps(RankedScores(ranking.values(own), None, 2), self.rounding)
        accepted = int(ranking.before[upper])
        local = 1 if lower >= 0 else 0
        notes = [Note(NoteKind.TIED, accepted=accepted, wanted=target) if accepted else NOTHING]
        if not gaps.wide[local]:
            notes.append(NARROW)
        return GapThreshold(threshold_in(gaps, local), accepted, tuple(notes))


def _leading(ranking: Ranking, bins: range) -> list[int]:
    """The first of these bins that are single scores."""
    known = []
    for each in bins:
        if not ranking.single[each]:
            break
        known.append(each)
    return known
