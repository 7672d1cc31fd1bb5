"""Two runs of one head on the same rows, compared as decisions and not only as numbers."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from logitconf.errors import LogitconfError
from logitconf.notebook.brief import brief
from logitconf_export.decisions.ulps import ulp_distance
from logitconf_export.onnx_files.types import Array

_QUANTILES = (0.5, 0.9, 0.99, 1.0)
_QUANTILE_NAMES = tuple(f"{q:g}" for q in _QUANTILES)
_SHOWN_FLIPS = 10


@dataclass(frozen=True, slots=True)
class Decisions:
    """Scores and masks of one run, flattened to one row a position.

    Attributes:
        score: (N,) float32, lower is more confident.
        mask: (N,) bool, whether the row is accepted.
        further: what else the head gives, by the names of a form, in the shapes that it has.
    """

    score: Array
    mask: Array
    further: Mapping[str, Array] = field(default_factory=dict)

    @classmethod
    def of(
        cls, score: Array, mask: Array, further: Mapping[str, Array] | None = None
    ) -> "Decisions":
        """Decisions from outputs of any shape.

        Raises:
            LogitconfError: if they differ in shape, or the score is no float32.
        """
        if score.dtype != np.float32:
            raise LogitconfError(f"score must be float32, got {score.dtype}")
        if score.shape != mask.shape:
            raise LogitconfError(
                f"score and mask must have one shape, got {score.shape} and {mask.shape}"
            )
        accepted = mask if mask.dtype == np.bool_ else mask == 1
        if not np.all(accepted | (mask == 0)):
            raise LogitconfError("a mask must hold 0 and 1 alone, got other values")
        return cls(score.reshape(-1), accepted.reshape(-1), further or {})

    def bits(self) -> tuple[object, ...]:
        """What is the same for decisions that are so bit for bit."""
        arrays = {"score": self.score, "mask": self.mask, **self.further}
        return tuple((name, a.dtype.str, a.shape, a.tobytes()) for name, a in arrays.items())


@dataclass(frozen=True, slots=True)
class FlipCount:
    """How many decisions two runs take differently, and how many might differ by rounding.

    Attributes:
        in_band: decisions whose reference score lies within the band of the threshold.
        inside: flipped masks among those.
        wrongly_accepted: flipped masks that rounding does not explain, accepted by the run that is
            checked alone.
        wrongly_rejected: the same, accepted by the reference alone.
    """

    in_band: int = 0
    inside: int = 0
    wrongly_accepted: int = 0
    wrongly_rejected: int = 0

    @classmethod
    def of(cls, expected: Array, decided: Array, near: Array) -> "FlipCount":
        """Counts in masks of one shape; ``near`` comes from :func:`near_threshold`."""
        outside = (expected != decided) & ~near
        return cls(
            in_band=int(near.sum()),
            inside=int(((expected != decided) & near).sum()),
            wrongly_accepted=int((outside & decided).sum()),
            wrongly_rejected=int((outside & expected).sum()),
        )

    @property
    def outside(self) -> int:
        """Flipped masks that rounding does not explain."""
        return self.wrongly_accepted + self.wrongly_rejected

    def __add__(self, other: "FlipCount") -> "FlipCount":
        """The counts of both."""
        return FlipCount(
            self.in_band + other.in_band,
            self.inside + other.inside,
            self.wrongly_accepted + other.wrongly_accepted,
            self.wrongly_rejected + other.wrongly_rejected,
        )


def near_threshold(score: Array, threshold: Array, band: Array) -> Array:
    """Whether each score is finite and lies within the band of its threshold; shapes broadcast."""
    with np.errstate(invalid="ignore"):
        near: Array = np.abs(score.astype(np.float64) - threshold) <= band
    return near & np.isfinite(score)


@dataclass(frozen=True, slots=True)
class Flip:
    """A row that the two runs decide differently.

    Attributes:
        row: its position.
        reference: score of the reference.
        found: score of the run that was checked.
        threshold: the row's threshold.
        distance: the reference score's distance to the threshold, in score units.
        ulps: the same in float32 steps.
        inside_band: whether rounding explains it.
    """

    row: int
    reference: float
    found: float
    threshold: float
    distance: float
    ulps: int
    inside_band: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far a run agrees with a reference.

    Attributes:
        rows: how many rows were compared.
        largest_absolute: largest score difference where both are finite.
        largest_relative: largest difference over the size of the reference.
        largest_ulps: largest difference in float32 steps.
        quantiles: absolute difference at the quantiles .5, .9, .99, 1.
        not_finite: rows where only one of the two scores is finite, or both are not finite but
            not alike.
        beyond_rounding: rows whose score differs by more than the rounding band.
        contradicting: rows whose decided mask is not what the decided score and the threshold say:
            finite and strictly below. Here rounding excuses nothing.
        in_band: rows whose reference score lies inside the band of their threshold.
        flips_outside: flipped masks that rounding does not explain.
        flips_inside: flipped masks inside the band.
        tolerance_needed: largest distance to the threshold among the flips; the band that would
            have excused them all. Infinite where a flipped row has no finite score.
        flips: the flips farthest from their thresholds, at most ten.
    """

    rows: int
    largest_absolute: float = 0.0
    largest_relative: float = 0.0
    largest_ulps: int = 0
    quantiles: Mapping[str, float] = field(default_factory=dict)
    not_finite: int = 0
    beyond_rounding: int = 0
    contradicting: int = 0
    in_band: int = 0
    flips_outside: int = 0
    flips_inside: int = 0
    tolerance_needed: float = 0.0
    flips: tuple[Flip, ...] = ()

    __repr__ = brief


def compare(
    reference: Decisions,
    decided: Decisions,
    *,
    threshold: Array,
    allowed: Callable[[Array], Array],
    same_not_finite: bool = True,
) -> Comparison:
    """The agreement of two runs on the same rows.

    Args:
        reference: what should have come.
        decided: the run that is checked.
        threshold: (N,) float32, each row's threshold.
        allowed: the rounding band at each finite score or threshold: the largest difference
            that rounding explains, in score units.
        same_not_finite: whether a score that is not finite must be the reference's own; else any
            other will do, as on CUDA, where −inf stands for some NaN. The masks count either way.

    Raises:
        LogitconfError: if the runs differ in the number of rows.
    """
    rows = len(reference.score)
    if len(decided.score) != rows or len(threshold) != rows:
        raise LogitconfError(
            f"runs must have the same rows, got {rows} and {len(decided.score)} "
            f"with {len(threshold)} thresholds"
        )
    if rows == 0:
        return Comparison(rows=0)
    expected, actual = reference.score.astype(np.float64), decided.score.astype(np.float64)
    finite = np.isfinite(expected) & np.isfinite(actual)
    alike = finite | (expected == actual) | (np.isnan(expected) & np.isnan(actual))
    if not same_not_finite:
        alike |= ~np.isfinite(expected) & ~np.isfinite(actual)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        off = np.where(finite, np.abs(expected - actual), 0.0)
        relative = np.where(off > 0, off / np.abs(expected), 0.0)
        distance = np.abs(expected - threshold)
    steps = ulp_distance(reference.score, decided.score)
    at_score = allowed(np.where(finite, expected, 0.0))
    in_band = near_threshold(reference.score, threshold, allowed(threshold))
    flips = FlipCount.of(reference.mask, decided.mask, in_band)
    flipped = reference.mask != decided.mask
    says = np.isfinite(actual) & (decided.score < threshold)
    return Comparison(
        rows=rows,
        largest_absolute=float(off.max()),
        largest_relative=float(relative.max()),
        largest_ulps=int(np.where(finite, steps, 0).max()),
        quantiles=dict(zip(_QUANTILE_NAMES, np.quantile(off, _QUANTILES).tolist(), strict=True)),
        not_finite=int((~alike).sum()),
        beyond_rounding=int((finite & (off > at_score)).sum()),
        contradicting=int((says != decided.mask).sum()),
        in_band=flips.in_band,
        flips_outside=flips.outside,
        flips_inside=flips.inside,
        tolerance_needed=_largest(np.where(np.isnan(distance), np.inf, distance)[flipped]),
        flips=tuple(_farthest_flips(reference, decided, threshold, in_band)),
    )


def _largest(values: Array) -> float:
    return float(values.max()) if values.size else 0.0


def _farthest_flips(
    reference: Decisions, decided: Decisions, threshold: Array, in_band: Array
) -> Iterator[Flip]:
    """The flips farthest from their thresholds; a score that is not finite is farthest."""
    places = np.flatnonzero(reference.mask != decided.mask)
    limits = np.asarray(threshold, dtype=np.float32)
    steps = ulp_distance(reference.score[places], limits[places])
    for index in np.argsort(-steps, kind="stable")[:_SHOWN_FLIPS]:
        row = int(places[index])
        score, limit = float(reference.score[row]), float(limits[row])
        yield Flip(
            row=row,
            reference=score,
            found=float(decided.score[row]),
            threshold=limit,
            distance=abs(score - limit),
            ulps=int(steps[index]),
            inside_band=bool(in_band[row]),
        )
