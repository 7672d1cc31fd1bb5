"""The temperature from few passes: a sample says where to look, and one pass finds the root.

The sample's likelihood gives T to some percent. The next pass takes the likelihood and three
derivatives of all rows at two or three inverse temperatures around it. The polynomial through these
has the root to some 1e-12 of T where they lie close; how far it is off is told by its integral,
since that is known too. Only where that is more than `_CLOSE`, or the root lies far outside,
further passes are made, each at one point, as a fit in memory makes them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from numpy.polynomial import Polynomial

from logitconf.calibration.temperature.fit import report_fit, unidentified_reason
from logitconf.calibration.temperature.halley import Solution, minimise, rounded
from logitconf.calibration.temperature.likelihood import LikelihoodSums
from logitconf.calibration.temperature.outcome import TemperatureFit
from logitconf.distributed.exact_sums import as_float
from logitconf.distributed.survey import Survey, octaves
from logitconf.distributed.total import LikelihoodTotal
from logitconf.errors import LogitconfError
from logitconf.tasks import Layout

# asks for the sums at these inverse temperatures
Ask: TypeAlias = Callable[[tuple[float, ...]], Generator[Any, Any, LikelihoodTotal]]

# How far the known error of the polynomial's root may move it, as a share of it; what is left is a
# part of that. A float32 T is rounded by 6e-8.
_CLOSE = 1e-8
# The points lie so many standard errors of the sample's T from it, at least and at most so far.
_ERRORS, _NEAREST, _FARTHEST = 2.5, 2.0**-8, 0.25
# From here on a third point lies between them.
_WIDE = 0.02
# Points have so many bits, as the last pass of a fit in memory has.
_BITS = 11
_MOST_PASSES = 200


@dataclass(frozen=True, slots=True)
class Guess:
    """What a sample says of the best inverse temperature.

    Attributes:
        at: the guess; > 0.
        error: its standard error, as a share of it.
    """

    at: float
    error: float


def fitted_temperature(
    survey: Survey, layout: Layout, temperature: float, ask: Ask
) -> Generator[Any, Any, TemperatureFit]:
    """The fit of the rows that were surveyed.

    Args:
        survey: of labelled rows.
        layout: of their logits.
        temperature: where it begins, and what stays if the rows cannot tell one.
        ask: for sums over all rows.
    """
    start = 1.0 / temperature
    alone = _alone(survey, layout)
    reason = unidentified_reason(alone)
    points = {start} if reason else {start, *_points(guess_of(survey, temperature))}
    known = yield from _known(ask, alone, sorted(points), start)
    first, passes = known[start], 2
    if reason is None:
        solution = _between(known, points - {start} or points)
        while solution is None:
            missing: list[float] = []
            solution = _minimised(known, missing)
            if missing:
                known |= yield from _known(ask, alone, missing, start)
                passes += 1
    else:
        solution = Solution(start, start, first, reason)
    return report_fit(first, solution, temperature, passes)


def guess_of(survey: Survey, temperature: float) -> Guess:
    """What the sample says of the best inverse temperature; next to nothing where it is empty."""
    points, sample = octaves(temperature), survey.sample
    slopes = sample.terms[:, :, 0].astype(np.float64)
    with np.errstate(all="ignore"):
        sums = sample.terms.astype(np.float64).sum(axis=0)
    if not len(sample.keys) or not np.isfinite(sums).all():
        return Guess(1.0 / temperature, _FARTHEST)
    above = int(np.searchsorted(np.sign(sums[:, 0]) > 0, 1))
    if above == 0 or above == len(points):
        return Guess(points[0] if above == 0 else points[-1], _FARTHEST)
    low, high = points[above - 1], points[above]
    curve = _Curve([low, high], sums[above - 1 : above + 1])
    at = _root(curve, low, high)
    if at is None:
        return Guess(math.sqrt(low * high), _FARTHEST)
    nearest = above - 1 if at * at < low * high else above
    spread = float(np.sqrt((slopes[:, nearest] ** 2).sum()))
    curvature = curve.at(at, 1)
    share = 1.0 - min(1.0, len(sample.keys) / max(1, survey.fitted.rows))
    error = spread * math.sqrt(share) / (curvature * at) if curvature > 0.0 else math.inf
    return Guess(at, min(error, 1.0))


def _points(guess: Guess) -> list[float]:
    """Where the likelihood of all rows is to be known."""
    width = min(max(_ERRORS * guess.error, _NEAREST), _FARTHEST)
    between = [guess.at] if width > _WIDE else []
    points = [guess.at / (1.0 + width), *between, guess.at * (1.0 + width)]
    return [rounded(point, _BITS) for point in points]


def _known(
    ask: Ask, alone: LikelihoodSums, points: Sequence[float], start: float
) -> Generator[Any, Any, dict[float, LikelihoodSums]]:
    """Sums over all rows at some points."""
    total = yield from ask(tuple(points))
    if total.usable != alone.rows:
        raise LogitconfError(
            f"each pass must read the same rows, got {alone.rows:.0f} usable ones, then "
            f"{total.usable}"
        )
    if total.beyond:
        raise LogitconfError(
            "logits must be so small that float64 holds the third powers of their differences, got "
            "larger ones; divide them by a constant"
        )
    sums = [as_float(each) for each in total.sums]
    terms = len(sums) // len(points)
    known = {}
    for k, point in enumerate(points):
        nll, *derivatives = sums[k * terms : (k + 1) * terms]
        slope, curvature, third = derivatives
        initial = nll if point == start else 0.0
        known[point] = replace(
            alone, nll_initial=initial, nll=nll, slope=slope, curvature=curvature, third=third
        )
    return known


def _alone(survey: Survey, layout: Layout) -> LikelihoodSums:
    """What sums over the rows say of them that does not depend on b."""
    bernoulli = layout.family == "bernoulli"
    terms = float(survey.usable * (layout.n_classes or 1 if bernoulli else 1))
    low, high = survey.ends
    one_class = low == high and (not bernoulli or low in (0.0, 1.0))
    return LikelihoodSums(
        rows=float(survey.usable),
        left_out=float(survey.left_out),
        weight=terms,
        terms=terms,
        gap=float(survey.erring),
        nll_initial=0.0,
        nll=0.0,
        slope=0.0,
        curvature=0.0,
        third=0.0,
        label_bits=(0.0 if one_class else terms / 2.0,),
    )


def _between(known: dict[float, LikelihoodSums], points: set[float]) -> Solution | None:
    """The root by the polynomials through the points, if it is exact enough."""
    places = sorted(points)
    if len(places) < 2:
        return None
    sums = [known[b] for b in places]
    curve = _Curve(places, np.array([[s.slope, s.curvature, s.third] for s in sums]))
    slopes = [s.slope for s in sums]
    if not all(math.isfinite(s) for s in slopes):
        return None
    k = min(max(int(np.searchsorted(np.sign(slopes) > 0, 1)), 1), len(places) - 1)
    low, high = places[k - 1], places[k]
    root = _root(curve, max(low - (high - low), low / 2.0), high + (high - low))
    if root is None or not curve.at(root, 1) > 0.0:
        return None
    # The polynomial of 3 n conditions is off by E times the product of all (b - place)^3, with E
    # nearly constant. Its integral is known too, which gives E.
    off = (sums[k].nll - sums[k - 1].nll - curve.area(low, high)) / curve.area_of_product(low, high)
    step = -off * curve.product(root) / curve.at(root, 1)
    if not abs(step) <= _CLOSE * root:
        return None
    nll = sums[k - 1].nll + curve.area(low, root)
    curvature, third = curve.at(root, 1), curve.at(root, 2)
    made = replace(sums[k], nll=nll, slope=0.0, curvature=curvature, third=third)
    return Solution(root + step, root + step, made)


class _UnknownError(Exception):
    """The sums at a point are not known."""


def _minimised(known: Mapping[float, LikelihoodSums], missing: list[float]) -> Solution | None:
    """The root as a fit in memory finds it; None, and the point in `missing`, if one is missing."""

    def evaluate(b: float) -> LikelihoodSums:
        if b not in known:
            missing.append(b)
            raise _UnknownError
        return known[b]

    nearest = min((b for b in known if b > 0.0), key=lambda b: _newton(known[b]))
    try:
        return minimise(evaluate, nearest, known[nearest], bits=_BITS, most_passes=_MOST_PASSES)
    except _UnknownError:
        return None


def _newton(sums: LikelihoodSums) -> float:
    """How far Newton's step goes."""
    return abs(sums.slope / sums.curvature) if sums.curvature > 0.0 else math.inf


class _Curve:
    """The polynomial through slope, curvature and third derivative at ascending points.

    It is one of (b - middle) / scale, which is in [-1, 1] at the points, so that few digits cancel.
    """

    def __init__(self, points: Sequence[float], derivatives: npt.NDArray[np.float64]) -> None:
        self._middle = (points[0] + points[-1]) / 2.0
        self._scale = (points[-1] - points[0]) / 2.0
        places = (np.asarray(points) - self._middle) / self._scale
        terms = 3 * len(places)
        powers = [Polynomial.basis(k) for k in range(terms)]
        conditions = [
            [(power.deriv(order) if order else power)(place) for power in powers]
            for place in places
            for order in range(3)
        ]
        wanted = derivatives * self._scale ** np.arange(3)
        self._value = Polynomial(np.linalg.solve(np.array(conditions), wanted.reshape(-1)))
        self._product = Polynomial.fromroots(np.repeat(places, 3))

    def at(self, b: float, order: int = 0) -> float:
        """The curve or one of its derivatives."""
        value = self._value.deriv(order) if order else self._value
        return float(value((b - self._middle) / self._scale)) / self._scale**order

    def area(self, low: float, high: float) -> float:
        """The integral from one point to another."""
        return self._area(self._value, low, high)

    def product(self, b: float) -> float:
        """That of all (b - point)^3, in units of the scale."""
        return float(self._product((b - self._middle) / self._scale))

    def area_of_product(self, low: float, high: float) -> float:
        """The integral of `product`."""
        return self._area(self._product, low, high)

    def _area(self, polynomial: Polynomial, low: float, high: float) -> float:
        whole = polynomial.integ()
        ends = [(b - self._middle) / self._scale for b in (low, high)]
        return float(whole(ends[1]) - whole(ends[0])) * self._scale


def _root(curve: _Curve, low: float, high: float) -> float | None:
    """Where the curve is 0 between two points, if it changes its sign there."""
    from scipy.optimize import brentq

    if not curve.at(low) <= 0.0 <= curve.at(high):
        return None
    return float(brentq(curve.at, low, high, xtol=4e-16 * high, rtol=8.9e-16))
