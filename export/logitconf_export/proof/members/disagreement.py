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
# what terms p log(p / q) of p up to 1e-20 are for each class, computed or not: p times a logarithm
# of 90 at most, several times. Of larger p, nothing on the way is clipped or underflows, and the
# errors of all members' p together are shares of q, up to a hundredth more of 1000 members.
_SMALL = 1e-17
_MORE = 1.01
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

    With |x|² = (1 / M) Σ x² over classes and members, V = |o|², o = p − q. Computed of o is
    (o + δ − mean of δ − a·(q + mean of δ))(1 + θ), a and θ the roundings of mean and difference.
    Taking the mean off makes no norm larger, nor does taking it, and |q| ≤ 1, so that the norm of
    what is computed lies within e = η + θ(|o| + η) of |o|, η = |δ| + a(1 + |δ|). The squares and
    their sums, none negative, are off by a share ω, and V by at most ω V + (1 + ω)(2 |o| e + e²).
    """
    root = np.sqrt(values) * _OFF
    lost = shares.n_classes * _LOST
    eta = shares.root + made.mean * (1.0 + shares.root) + lost
    off = eta + made.difference * (root + eta)
    omega = together(made.term, made.classes, made.whole)
    error = omega * values + (1.0 + omega) * (2.0 * root * off + off * off) + lost
    return np.asarray(error * _OFF)


def information_error(values: Floats, shares: Shares, made: Roundings) -> Floats:
    """Bound on the error of I = (1 / M) Σ p log(p / q), the mean of KL(p ‖ q).

    I is convex in all p together and its slope in each is log(p / q) / M. So computed p move it by
    (1 / M) Σ δ log(p / q) and at most (1 / M) Σ |δ| |log(1 + δ / p) − log(1 + mean δ / q)| more.
    Small p are changed first, so that q is off by a share once more.

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
    of_own = np.min([r * sizes + x for r, x in shares.own], axis=0)
    moved = shares.common * values + of_own + 3.0 * bent * shares.absolute
    # Σ of computed p times |log| of computed p / q
    mass = 1.0 + shares.absolute
    logs = (1.0 + shares.relative) * (sizes + 2.0 * bent)
    share = together(made.mean, made.inverse, made.ratio)
    shifted = -np.log1p(-share) * _OFF
    of_log = mass * shifted + made.logarithm * (logs + mass * shifted)
    terms = of_log + made.term * (logs + of_log)
    summed = terms + made.classes * (logs + terms)
    each = moved + summed + shares.n_classes * _SMALL
    return np.asarray((each + made.whole * (values + each)) * _OFF)


ERRORS: Mapping[str, Callable[[Floats, Shares, Roundings], Floats]] = {
    "mutual_information": information_error,
    "predictive_variance": variance_error,
}
"""By score."""


def largest(score: str, n_members: int) -> float:
    """No exact score is larger."""
    return 1.0 if score == "predictive_variance" else float(above(np.log(n_members) * _OFF))
