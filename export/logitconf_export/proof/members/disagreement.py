"""How far scores of members may be off, from bounds on their probabilities and on roundings.

Members m = 1 … M have probabilities p (classes k), computed as p + δ; q is their mean over the
members. Each bound is a function of the exact score that never falls, which holds for every M rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from logitconf_export.proof.exact.intervals import Floats, above
from logitconf_export.proof.members.shares import Shares

# what numbers that runtimes may take for 0 add up to, for each class
_LOST = 2.0**-100
# what terms p log(p / q) of computed p below `SEEN` are for each class, computed or not: p times a
# logarithm of 90 at most, several times
_UNSEEN = 1e-22
# Of p from M / 100 times `least` on, the errors of all members' p together are shares of q, up to
# a hundredth more.
_MORE, _TIMES = 1.01, 100.0
# of float64 sums and products of a few positive numbers
_OFF = 1.0 + 1e-12


@dataclass(frozen=True, slots=True)
class Roundings:
    """What follows on the probabilities, each as a share of the exact result of its step.

    Attributes:
        mean: of the mean over the members: a sum and its multiplication by 1 / M.
        difference: of p − q.
        inverse: of 1 / q.
        ratio: of p times that.
        logarithm: of its logarithm.
        term: of the square of the difference, or of p times the logarithm.
        classes: of their sum over the classes, as a share of their sizes.
        whole: of the mean of these over the members.
    """

    mean: float = 0.0
    difference: float = 0.0
    inverse: float = 0.0
    ratio: float = 0.0
    logarithm: float = 0.0
    term: float = 0.0
    classes: float = 0.0
    whole: float = 0.0


def together(*shares: float) -> float:
    """What several roundings one after the other make, as a share."""
    return float(above(np.expm1(np.sum(np.log1p(shares))) * _OFF))


def variance_error(values: Floats, shares: Shares, made: Roundings) -> Floats:
    """Bound on the error of V = Σ over classes of the variance over the members.

    With |x|² = (1 / M) Σ x² over classes and members, V = |o|², o = p − q. Computed of o is x − c,
    rounded, with x = o + δ − mean of δ and c = a·(q + mean of δ), a the rounding of the mean. Over
    the members x adds up to 0 and c is the same, so that |x − c|² = |x|² + |c|². Taking a mean off
    makes no norm larger, nor does taking it, and |q| ≤ 1: |x| is within |δ| of |o|, and |c| at most
    a(1 + |δ|). Roundings of differences, squares and sums of these, none negative, are shares.
    """
    root = np.sqrt(values) * _OFF
    lost = shares.n_classes * _LOST
    moved, mean = shares.root + lost, made.mean * (1.0 + shares.root)
    share = together(made.difference, made.difference, made.term, made.classes, made.whole)
    of_shares = 2.0 * root * moved + moved * moved + mean * mean
    return np.asarray((share * values + (1.0 + share) * of_shares + lost) * _OFF)


def information_error(values: Floats, shares: Shares, made: Roundings) -> Floats:
    """Bound on the error of I = (1 / M) Σ p log(p / q), the mean of KL(p ‖ q).

    I is convex in all p together and its slope in each is log(p / q) / M. So computed p move it by
    (1 / M) Σ δ log(p / q) and at most (1 / M) Σ |δ| |log(1 + δ / p) − log(1 + mean δ / q)| more.
    Small p are changed first, so that q is off by a share once more; see `_of_small`.

    δ = s·p + own: the first adds s·KL at most. Σ p |log(p / q)| is KL + 2 Σ p (log(q / p))⁺. Of
    these each is at most q − p, since log x ≤ x − 1, whose sum is the total variation, with a mean
    over the members of at most √(I / 2), by Pinsker and Jensen; and at most q / e, since
    x log(1 / x) is at most 1 / e. So own errors of r·p + e add at most
    r·(I + 2 min(√(I / 2), 1 / e)) and Σ e |log(p / q)|, where p ≤ p / q ≤ M.

    What follows rounds p / q by a share b, whose logarithm counts once for each p, the logarithm by
    a share of itself, and products and sums by shares of |p log(p / q)|.

    Source: Cover & Thomas 2006, 2.7.2 (convexity) and 11.6.1 (Pinsker).
    """
    apart = np.minimum(np.sqrt(0.5 * values) * _OFF, 0.368)
    sizes = values + 2.0 * apart
    bent = -np.log1p(-_MORE * shares.relative) * _OFF
    small = _TIMES * shares.n_members * shares.least
    of_own = np.min([r * sizes + x for r, x in shares.own], axis=0)
    moved = shares.common * values + of_own + 3.0 * bent * shares.absolute
    # Σ of computed p times |log| of computed p / q
    mass = 1.0 + shares.absolute
    logs = (1.0 + shares.relative) * (sizes + 2.0 * bent)
    logs = logs + shares.n_classes * 1.1 * small * _width(small, shares)
    share = together(made.mean, made.inverse, made.ratio)
    shifted = -np.log1p(-share) * _OFF
    of_log = mass * shifted + made.logarithm * (logs + mass * shifted)
    terms = of_log + made.term * (logs + of_log)
    summed = terms + made.classes * (logs + terms)
    each = moved + summed + shares.n_classes * (_of_small(small, shares) + _UNSEEN)
    return np.asarray((each + made.whole * (values + each)) * _OFF)


def _width(x: float, shares: Shares) -> float:
    """No less than |log(p / q)| where p is x, or between that and 1."""
    return float((np.log(shares.n_members) - np.log(x)) * _OFF)


def _of_small(small: float, shares: Shares) -> float:
    """What changes of p up to `small` make of I at most, for each class.

    They are shares of it: h at most. x log x changes by h(1 + |log h|), x log((A + x) / M) with the
    other members' sum A by the integral of |log(x / M)| + 1, and what q makes of their terms by h.
    """
    most = _MORE * shares.relative * small
    if most <= 0.0:
        return 0.0
    return float(4.0 * most * (2.0 + _width(most, shares)) * _OFF)


ERRORS: Mapping[str, Callable[[Floats, Shares, Roundings], Floats]] = {
    "mutual_information": information_error,
    "predictive_variance": variance_error,
}
"""By score."""


def largest(score: str, n_members: int, n_classes: int) -> float:
    """No exact score is larger: I is at most log M, and the entropy of q; V has such limits too."""
    fewer = min(n_members, n_classes)
    if score == "predictive_variance":
        return float((1.0 - 1.0 / fewer) * _OFF)
    return float(np.log(fewer) * _OFF)
