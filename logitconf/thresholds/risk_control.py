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
# Of the error probability that the promise allows: what a second, stricter start is given, and how
# far below the other it must lie to be worth it. Chosen by simulation; what they bring is measured
# by tests/benchmarks/certificates.py.
EARLY_SHARE, EARLY_ROWS = 0.2, 0.5
# Shares that add up to one do so but for rounding.
_WHOLE = 1e-9


@dataclass(frozen=True, slots=True)
class CertifiedThreshold:
    """A threshold, the bound on its risk, and how many candidates were tested.

    Attributes:
        placement: the threshold, the rows it accepts and notes.
        errors: among the accepted.
        bound: the upper bound on the risk at this significance, at most the risk asked for.
        candidates: on the grid.
        tested: from the strictest on; candidates that no part of the promise is left for are not.
        significance: at which this candidate was tested, in (0, 1 - confidence].
    """

    placement: GapThreshold
    errors: int
    bound: float
    candidates: int
    tested: int
    significance: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A threshold to be tested, and its own share of the error probability of the promise.

    Attributes:
        placement: the threshold and the rows it accepts.
        share: in [0, 1]; those of all candidates add up to 1, and most have none of their own.
    """

    placement: GapThreshold
    share: float


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
    never by the errors. They are tested from the strictest on. A start has a share of the error
    probability 1 - confidence; what a candidate that passes was tested at is handed to the next
    one, and lost where it fails (the fallback procedure). The loosest that passes is taken.

    One start accepts as many rows as certify the promise with errors at half of the risk, but at
    most half of all rows: with fewer, one unlucky error would end the sequence. Where the promise
    could be kept by less than half as many rows, a fifth of the error probability starts there:
    else models whose errors begin early would be refused.

    Raises:
        UncertifiableError: where no candidate passes.
        LogitconfError: for a risk or confidence outside (0, 1), or scores without errors.

    Source: Wiens 2003, "A fixed sequence Bonferroni procedure", with exact binomial tests as in
        Angelopoulos et al. 2021, "Learn then test", section 4.2.
    """
    ranked = gaps.ranked
    if ranked.labelled is None:
        raise LogitconfError("a risk can only be certified with labels, got scores alone")
    targets = certifiable_targets(ranked.values.size, ranked.rows, risk, confidence)
    placed = [place(gaps, target, looser=False) for target in targets]
    candidates = candidates_of(placed, targets.values(), risk, confidence)
    counts = [candidate.placement.accepted for candidate in candidates]
    errors = ranked.errors_at(counts).tolist() if counts else []
    return loosest_that_passes(candidates, errors, risk, confidence)


def loosest_that_passes(
    candidates: Sequence[Candidate], errors: Sequence[int], risk: float, confidence: float
) -> CertifiedThreshold:
    """The loosest candidate that passes, see `certify`.

    Args:
        candidates: from the strictest on.
        errors: among the rows that each accepts.
        risk: in (0, 1).
        confidence: in (0, 1).

    Raises:
        UncertifiableError: where none passes.
    """
    certified: CertifiedThreshold | None = None
    handed_on, tested = 0.0, 0
    refused: list[tuple[int, int, float]] = []
    for candidate, wrong in zip(candidates, errors, strict=True):
        placement = candidate.placement
        handed_on = min(1.0, handed_on + candidate.share)
        if not handed_on:
            continue
        tested += 1
        sure = _sure(handed_on, confidence)
        bound = clopper_pearson_upper(wrong, placement.accepted, sure)
        if bound <= risk:
            certified = CertifiedThreshold(
                placement, wrong, bound, len(candidates), tested, 1.0 - sure
            )
        else:
            refused.append((placement.accepted, wrong, bound))
            handed_on = 0.0
    if certified is not None:
        return replace(certified, tested=tested)
    if not refused:
        raise LogitconfError("no candidate threshold lies between the scores")
    raise _uncertifiable(*refused[-1], risk, confidence)


def certifiable_targets(finite: int, rows: int, risk: float, confidence: float) -> dict[int, float]:
    """How many rows the candidates should accept, ascending, from the promise alone.

    Args:
        finite: rows with a finite score.
        rows: all rows.
        risk: in (0, 1).
        confidence: in (0, 1).

    Returns:
        By rows to accept, the share of the error probability that starts there.

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
    starts = _starts(rows, risk, confidence)
    first = next(iter(starts))
    grid = [math.ceil(rows * step / GRID) for step in range(1, GRID + 1)]
    shares: dict[int, float] = {}
    for count in sorted({*starts, *(c for c in grid if c > first), finite}):
        target = min(count, finite)
        shares[target] = shares.get(target, 0.0) + starts.get(count, 0.0)
    return shares


def _starts(rows: int, risk: float, confidence: float) -> dict[int, float]:
    """Where the tests start, from the strictest on, with the share of each."""
    early = fewest_rows(risk, _sure(EARLY_SHARE, confidence))
    late = _sturdy_rows(rows, risk, _sure(1.0 - EARLY_SHARE, confidence))
    if early <= EARLY_ROWS * late:
        return {early: EARLY_SHARE, late: 1.0 - EARLY_SHARE}
    return {_sturdy_rows(rows, risk, confidence): 1.0}


def _sturdy_rows(rows: int, risk: float, confidence: float) -> int:
    """As many rows as certify with errors at half of the risk, but at most half of all."""
    sturdy = fewest_rows(risk, confidence, observed=risk / 2.0)
    return max(fewest_rows(risk, confidence), min(sturdy, rows // 2))


def candidates_of(
    placed: Iterable[GapThreshold], shares: Iterable[float], risk: float, confidence: float
) -> list[Candidate]:
    """The placements that accept enough rows, from the strictest to the loosest, each once.

    The share of a placement that could not pass even without an error, at all that may be handed on
    to it, goes to the next one: that is decided by the scores alone.
    """
    by_count: dict[int, Candidate] = {}
    waiting = most = 0.0
    for placement, share in zip(placed, shares, strict=True):
        waiting, most = waiting + share, most + share
        if placement.accepted < fewest_rows(risk, _sure(most, confidence)):
            continue
        notes = tuple(note for note in placement.notes if note.kind is NoteKind.NARROW)
        before = by_count.get(placement.accepted)
        own = waiting + (before.share if before else 0.0)
        by_count[placement.accepted] = Candidate(replace(placement, notes=notes), own)
        waiting = 0.0
    return [by_count[accepted] for accepted in sorted(by_count)]


def _sure(share: float, confidence: float) -> float:
    """The confidence of a test with this share of the error probability; all of it as asked for."""
    return confidence if share > 1.0 - _WHOLE else 1.0 - share * (1.0 - confidence)


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
