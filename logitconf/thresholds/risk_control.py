"""Thresholds whose risk an exact binomial bound certifies."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from logitconf.errors import LogitconfError, UncertifiableError
from logitconf.metrics.intervals import check_share, clopper_pearson_upper
from logitconf.thresholds.gaps import Gaps, GapThreshold, NoteKind, place

# Candidates lie at every hundredth of the rows.
GRID = 100


@dataclass(frozen=True, slots=True)
class CertifiedThreshold:
    """A threshold, the bound on its risk, and how many candidates were tested.

    Attributes:
        placement: the threshold, the rows it accepts and notes.
        errors: among the accepted.
        bound: the upper bound on the risk, at most the risk asked for.
        candidates: on the grid.
        tested: from the strictest up to the first failure.
    """

    placement: GapThreshold
    errors: int
    bound: float
    candidates: int
    tested: int


def fewest_rows(risk: float, confidence: float, *, observed: float = 0.0) -> int:
    """The fewest accepted rows that certify a risk when a share `observed` of them is wrong.

    Args:
        risk: in (0, 1).
        confidence: in (0, 1).
        observed: share of errors, rounded down to whole rows; below `risk`.

    Raises:
        LogitconfError: for numbers outside of these.

    >>> fewest_rows(0.01, 0.99)  # 0.99 ** 459 is the first power below 0.01
    459
    """
    check_share("risk", risk)
    check_share("confidence", confidence)
    if not 0.0 <= observed < risk:
        raise LogitconfError(f"observed must lie in [0, {risk}), got {observed}")
    exact = math.log1p(-confidence) / math.log1p(-risk)
    if not math.isfinite(exact):
        raise LogitconfError(f"no number of rows certifies a risk of {risk}; allow a higher one")
    without_errors = math.ceil(exact)
    if observed == 0.0:
        return without_errors
    low, high = without_errors - 1, without_errors
    while not _certifies(high, observed, risk, confidence):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if _certifies(middle, observed, risk, confidence):
            high = middle
        else:
            low = middle
    return high


def _certifies(rows: int, observed: float, risk: float, confidence: float) -> bool:
    return clopper_pearson_upper(math.floor(observed * rows), rows, confidence) <= risk


def certify(gaps: Gaps, risk: float, confidence: float) -> CertifiedThreshold:
    """The loosest threshold that is certified to have at most `risk` errors among the accepted.

    Candidates are gaps between scores at every hundredth of the rows, chosen by the scores alone,
    never by the errors. They are tested from the strictest on, each at the full confidence, and the
    last one before the first failure is taken (fixed-sequence testing), so their number needs no
    correction. The strictest accepts as many rows as certify the promise with errors at half of the
    risk, but at most half of all rows: with fewer, one unlucky error would end the sequence.

    Raises:
        UncertifiableError: where not even the strictest candidate passes.
        LogitconfError: for a risk or confidence outside (0, 1), or scores without errors.

    Source: Angelopoulos et al. 2021, "Learn then test", section 4.2 (fixed-sequence testing).
    """
    ranked = gaps.ranked
    if ranked.errors is None:
        raise LogitconfError("a risk can only be certified with labels, got scores alone")
    targets = certifiable_targets(ranked.values.size, ranked.rows, risk, confidence)
    placed = [place(gaps, target, looser=False) for target in targets]
    placements = candidates_of(placed, risk, confidence)
    errors = [int(ranked.errors[placement.accepted]) for placement in placements]
    return tested_in_sequence(placements, errors, risk, confidence)


def tested_in_sequence(
    placements: Sequence[GapThreshold], errors: Sequence[int], risk: float, confidence: float
) -> CertifiedThreshold:
    """The last candidate before the first failure, see `certify`.

    Args:
        placements: the candidates, from the strictest on.
        errors: among the rows that each accepts.
        risk: in (0, 1).
        confidence: in (0, 1).

    Raises:
        UncertifiableError: where not even the strictest candidate passes.
    """
    certified: CertifiedThreshold | None = None
    for tested, (placement, wrong) in enumerate(zip(placements, errors, strict=True), start=1):
        bound = clopper_pearson_upper(wrong, placement.accepted, confidence)
        if bound > risk:
            if certified is None:
                raise _uncertifiable(placement.accepted, wrong, bound, risk, confidence)
            return replace(certified, tested=tested)
        certified = CertifiedThreshold(placement, wrong, bound, len(placements), tested)
    if certified is None:
        raise LogitconfError("no candidate threshold lies between the scores")
    return certified


def certifiable_targets(finite: int, rows: int, risk: float, confidence: float) -> list[int]:
    """How many rows the candidates should accept, ascending, from the promise alone.

    Args:
        finite: rows with a finite score.
        rows: all rows.
        risk: in (0, 1).
        confidence: in (0, 1).

    Raises:
        UncertifiableError: for fewer rows than could certify the promise.
        LogitconfError: for a risk or confidence outside (0, 1).
    """
    check_share("risk", risk)
    check_share("confidence", confidence)
    needed = fewest_rows(risk, confidence)
    if finite < needed:
        raise UncertifiableError(
            f"a risk of {risk} at confidence {confidence} needs at least {needed} accepted rows, "
            f"all of them right, got {finite} with a finite score; bring more rows",
            needed_rows=needed,
        )
    sturdy = fewest_rows(risk, confidence, observed=risk / 2.0)
    start = max(needed, min(sturdy, rows // 2))
    grid = [math.ceil(rows * step / GRID) for step in range(1, GRID + 1)]
    return [min(count, finite) for count in (start, *(c for c in grid if c > start), finite)]


def candidates_of(
    placed: Iterable[GapThreshold], risk: float, confidence: float
) -> list[GapThreshold]:
    """The placements that accept enough rows, from the strictest to the loosest, each once."""
    needed = fewest_rows(risk, confidence)
    by_count: dict[int, GapThreshold] = {}
    for placement in placed:
        if placement.accepted >= needed:
            notes = tuple(note for note in placement.notes if note.kind is NoteKind.NARROW)
            by_count[placement.accepted] = replace(placement, notes=notes)
    return [by_count[accepted] for accepted in sorted(by_count)]


def _uncertifiable(
    accepted: int, errors: int, bound: float, risk: float, confidence: float
) -> UncertifiableError:
    observed = errors / accepted
    advice = "no number of rows would certify that share; allow a higher risk"
    if observed < risk:
        enough = fewest_rows(risk, confidence, observed=observed)
        advice = f"at that share at least {enough} accepted rows are needed; bring more rows"
    return UncertifiableError(
        f"a risk of {risk} at confidence {confidence} must hold for the most confident rows, but "
        f"{errors} of the first {accepted} are wrong, which bounds it by {bound:.4g}; {advice}",
        needed_rows=fewest_rows(risk, confidence),
    )
