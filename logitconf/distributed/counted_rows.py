"""Rows that judge thresholds, as counts of their scores: what takes the place of all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import zip_longest
from typing import TypeVar

import numpy as np

from logitconf.card.confidence import ConfidenceMap
from logitconf.card.sketch import ScoreSketch
from logitconf.distributed.ranking import Ranking, UnresolvedError, Zone, merged
from logitconf.distributed.score_counts import BITS, MOST_BINS, ScoreCounts
from logitconf.distributed.total import ScoresTotal
from logitconf.metrics.separation import separation_of
from logitconf.monitoring.sketching import QUANTILES
from logitconf.outputs.confidence_fit import confidence_of_counts

Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class CountedRows:
    """Counts of scores, some told apart, of all groups: classes, labels, or just one.

    Attributes:
        total: of the pass that counted all of them.
        ranking: of all groups, one after the other.
        groups: how many there are.
        by_label: whether the groups are labels, so that each row is in all of them.
        labelled: whether it is known which are wrong.
    """

    total: ScoresTotal
    ranking: Ranking
    groups: int
    by_label: bool
    labelled: bool

    @classmethod
    def of(cls, total: ScoresTotal, groups: int, *, by_label: bool, labelled: bool) -> CountedRows:
        """Of the counts of all scores."""
        ranking = Ranking.of(total.counts, total.judged, labelled=labelled)
        return cls(total, ranking, groups, by_label, labelled)

    def refined(self, counts: ScoreCounts, zones: list[tuple[int, int]]) -> CountedRows:
        """With the scores in these zones told apart."""
        return replace(self, ranking=self.ranking.refined(counts, zones))

    @cached_property
    def parts(self) -> list[Ranking]:
        """The ranking of each group."""
        without = self.total.without
        missing = np.zeros(self.groups, np.int64)
        missing[without.bins >> np.uint64(BITS - without.bits)] = without.right + without.wrong
        parts = [self.ranking.group(k, 0) for k in range(self.groups)]
        return [replace(part, rows=part.finite + int(missing[k])) for k, part in enumerate(parts)]

    @cached_property
    def pooled(self) -> Ranking:
        """All scores, whatever their group, told apart as far as the first pass did."""
        if self.groups == 1:
            return self.ranking
        counts = self.total.counts
        keys = counts.bins & np.uint64((1 << (BITS - counts.bits)) - 1)
        none = ScoreCounts(counts.bits, keys[:0], counts.right[:0], counts.wrong[:0])
        order = np.argsort(keys, kind="stable")
        alike = ScoreCounts(counts.bits, keys[order], counts.right[order], counts.wrong[order])
        return Ranking.of(none.plus(alike), self.total.judged, labelled=self.labelled)

    def confidence(self) -> ConfidenceMap | None:
        """How sure a score is, as far as counts tell: a bin's scores count as its middle."""
        ranking = self.pooled
        if not self.labelled:
            return None
        middles = (ranking.lowest.astype(np.float64) + ranking.highest) / 2.0
        return confidence_of_counts(middles, ranking.right, ranking.wrong)

    def separation(self) -> tuple[str, ...]:
        """What :func:`~logitconf.metrics.separation.separation_notes` says; bins count as ties."""
        ranking = self.pooled
        right, wrong = int(ranking.right.sum()), int(ranking.wrong.sum())
        if not (self.labelled and right and wrong):
            return ()
        surer = np.cumsum(ranking.right) - ranking.right / 2.0
        return separation_of(float((ranking.wrong * surer).sum()) / right / wrong, right, wrong)

    def sketch(self, threshold: float | tuple[float, ...]) -> ScoreSketch | None:
        """The sketch of :func:`~logitconf.monitoring.sketching.sketch_of`; None for groups.

        Raises:
            UnresolvedError: where scores must be told apart first.
        """
        if self.by_label or isinstance(threshold, tuple) or not self.ranking.finite:
            return None
        cutoffs = self._cutoffs()
        ranking, rows = self.ranking, self.total.judged
        above = [float(np.nextafter(np.float32(c), np.float32(np.inf))) for c in cutoffs]
        edges = [*(min(each, threshold) for each in above), threshold]
        below = asked_for_all([partial(ranking.below, edge) for edge in (*above, *edges)])
        accepted, wrong = (
            np.diff([pair[k] for pair in below[len(above) :]], prepend=0) for k in (0, 1)
        )
        return ScoreSketch(
            rows=rows,
            rejected=rows - int(accepted.sum()),
            cutoffs=tuple(cutoffs),
            beyond=tuple(rows - count for count, _ in below[: len(above)]),
            accepted=tuple(accepted.tolist()),
            right=tuple((accepted - wrong).tolist()) if self.labelled else None,
        )

    def _cutoffs(self) -> list[float]:
        """Short numbers near the quantiles.

        Raises:
            UnresolvedError: where they depend on scores in a bin.
        """
        ranking, count = self.ranking, self.ranking.finite
        cutoffs, zones = set[float](), []
        for q in QUANTILES:
            place = ranking.at(math.ceil((count - 1) * q))
            ends = {f"{end[place]:.3g}" for end in (ranking.lowest, ranking.highest)}
            if len(ends) > 1:
                zones.append(ranking.zone(place))
            cutoffs.update(float(np.float32(end)) for end in ends)
        if zones:
            raise UnresolvedError(zones)
        return sorted(cutoffs)


def asked_for_all(questions: list[Callable[[], Result]]) -> list[Result]:
    """The answers to all questions.

    Raises:
        UnresolvedError: with what any of them needs, the most needed of each first.
    """
    answers, missing = [], []
    for question in questions:
        try:
            answers.append(question())
        except UnresolvedError as error:
            missing.append(error.zones)
    if missing:
        raise UnresolvedError(by_need(missing))
    return answers


def by_need(missing: list[list[Zone]]) -> list[Zone]:
    """Zones of several questions, the most needed of each first."""
    return [zone for level in zip_longest(*missing) for zone in level if zone]


def affordable(zones: list[Zone]) -> list[tuple[int, int]]:
    """Zones for one pass: those most needed, if all their scores can be told apart.

    Where that is but a few of many, those of the widest bins, which are split as far as a pass can.
    """
    distinct = list({zone.start: zone for zone in zones}.values())
    taken = list(_told_apart(distinct))
    if 4 * len(taken) < len(distinct):
        widest = max(zone.end - zone.start for zone in distinct)
        # at most two bins for each, so that one pass halves them at least
        taken = [z for z in distinct if z.end - z.start == widest][: MOST_BINS // 2]
    return list(merged(taken))


def _told_apart(zones: list[Zone]) -> Iterator[Zone]:
    left = MOST_BINS
    for zone in zones:
        left -= zone.size
        if left < 0:
            return
        yield zone
