"""What a card's score is, as an exact expression of the row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial

import numpy as np

from logitconf.calibration.maps.calibration_map import CalibrationMap
from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.head_spec import layout_of
from logitconf_export.proof.composing.tensors import CannotProveError
from logitconf_export.proof.exact.abstract_rows import (
    BELOW,
    BOTTOM,
    GAP,
    LABEL,
    LARGEST,
    LEAST,
    ONE_LOGIT,
    TOP,
    AbstractRows,
)
from logitconf_export.proof.exact.expressions import (
    Expression,
    atom,
    exponential,
    logarithm,
    number,
    power,
    size,
    sum_over_classes,
)
from logitconf_export.proof.exact.intervals import Floats, Interval, above, expm1_above
from logitconf_export.proof.exact.row_kinds import class_rows, label_rows, single_rows
from logitconf_export.proof.exact.spread_rows import spread_rows, sum_of_powers
from logitconf_export.proof.exact.unit_rows import largest_over_norm, unit_rows

_ONE, _TWO = number(1), number(2)
LOG_LIMIT = 87.0
"""Probabilities that are not 0 are normal floats of at least e to minus this."""
_SUM_OFF = 0.0101
"""They add up to .99 at least and 1.01 at most: the logarithm of that."""


def _over(a: Expression, b: Expression) -> Expression:
    return a * power(b, -1)


class _Classes:
    """The parts of the formulas of competing classes: Σ and moments of e = exp((x − m) / T)."""

    def __init__(self, n_classes: int, temperature: Fraction) -> None:
        self.t = number(temperature)
        self.inverse = number(1 / temperature)
        self.terms = exponential(BELOW * self.inverse)
        self.n_classes = n_classes
        self.total = self.sum(self.terms)
        self.squares = self.sum(self.terms * self.terms)
        self.second = exponential(GAP * self.inverse)

    def sum(self, x: Expression) -> Expression:
        return sum_over_classes(x, self.n_classes)


_OF_CLASSES: Mapping[str, Callable[[_Classes], Expression]] = {
    "softmax": lambda c: -power(c.total, -1),
    "entropy": lambda c: logarithm(c.total) - _over(c.sum(c.terms * BELOW) * c.inverse, c.total),
    "energy": lambda c: -(LARGEST + c.t * logarithm(c.total)),
    "margin": lambda c: GAP * c.inverse,
    "max_logit": lambda c: -(LARGEST * c.inverse),
    "softmax_margin": lambda c: -_over(_ONE - c.second, c.total),
    "doctor": lambda c: _over(c.total * c.total, c.squares) - _ONE,
    "gini": lambda c: _ONE - _over(c.squares, c.total * c.total),
    "doctor_beta": lambda c: c.total - _ONE,
}


_OF_MEMBERS = frozenset({"mutual_information", "predictive_variance"})


def score_of_members(score: str, shares: Expression, n_members: int) -> Expression:
    """A score that compares the probabilities of members, as a number of the row."""
    return atom("row", f"{score} of {n_members} members", shares)


class _Pair:
    """The parts of the formulas of the pair (0, z), z >= 0."""

    def __init__(self, z: Expression, gamma: Fraction) -> None:
        self.z, self.gamma = z, number(gamma)
        self.odds = exponential(-z)
        self.both = _ONE + self.odds


_OF_PAIR: Mapping[str, Callable[[_Pair], Expression]] = {
    "softmax": lambda p: -power(p.both, -1),
    "entropy": lambda p: logarithm(p.both) + _over(p.z * p.odds, p.both),
    "margin": lambda p: -p.z,
    "softmax_margin": lambda p: -_over(_ONE - p.odds, p.both),
    "gini": lambda p: _over(_TWO * p.odds, p.both * p.both),
    "doctor": lambda p: _over(_TWO * p.odds, _ONE + p.odds * p.odds),
    "doctor_beta": lambda p: p.odds,
    "gen": lambda p: _TWO * exponential((-p.z - _TWO * logarithm(p.both)) * p.gamma),
}


def _softplus(x: Expression, temperature: Fraction) -> Expression:
    """T·log(1 + exp(x / T))."""
    t = number(temperature)
    tail = t * logarithm(_ONE + exponential(-size(x) * number(1 / temperature)))
    return (x + size(x)) * number(Fraction(1, 2)) + tail


def _learned(z: Expression) -> Expression:
    """−sigmoid(z)."""
    negative_part = (z - size(z)) * number(Fraction(1, 2))
    return -_over(exponential(negative_part), _ONE + exponential(-size(z)))


def _of_classes(card: ScoreCard, form: HeadForm, temperature: Fraction) -> Expression:
    """The score of competing classes."""
    score, n = card.score, form.n_classes or 0
    if score == "max_logit_norm" and card.parameters["p"] == 0:
        score = "softmax"
    if score == "max_logit_norm":
        return largest_over_norm(n, int(card.parameters["p"]))
    if score == "gen":
        if 0 < int(card.parameters.get("top", 0)) < n:
            raise CannotProveError("gen of the largest classes alone (top) cannot be proved yet")
        return sum_of_powers(n, temperature, Fraction(card.parameters["gamma"]))
    parts = _Classes(n, temperature)
    if score in _OF_MEMBERS:
        return score_of_members(score, _over(parts.terms, parts.total), form.members or 0)
    if score not in _OF_CLASSES:
        raise CannotProveError(f"the formula of {score} is not among those that can be proved")
    return _OF_CLASSES[score](parts)


def exact_score(card: ScoreCard, form: HeadForm, temperature: Fraction) -> Expression:
    """The card's score of a row with another temperature, perhaps.

    Raises:
        CannotProveError: if its formula is not among those that can be proved.
    """
    layout, n = layout_of(card, form), form.n_classes or 0
    inverse, score = number(1 / temperature), card.score
    gamma = Fraction(card.parameters.get("gamma", 0.0))
    if layout.family == "categorical":
        return _of_classes(card, form, temperature)
    single = layout.axis is None
    worst = size(ONE_LOGIT) if single else LEAST
    match score:
        case "learned":
            return _learned((ONE_LOGIT if single else BOTTOM) * inverse)
        case "energy" if single:
            return -_softplus(size(ONE_LOGIT), temperature)
        case "energy":
            return -sum_over_classes(_softplus(LABEL, temperature), n)
        case "max_logit":
            return -((worst if single else TOP) * inverse)
    if score not in _OF_PAIR:
        raise CannotProveError(f"the formula of {score} is not among those that can be proved")
    return _OF_PAIR[score](_Pair(worst * inverse, gamma))


def _reach(made: CalibrationMap, limit: float) -> float:
    """The size that no mapped logit exceeds, rounded as it may be."""
    weights = max(made.scale or (1.0,))
    if made.matrix is not None:
        weights = float(np.abs(np.asarray(made.matrix)).sum(axis=0).max())
    exact = limit * weights + max(map(abs, made.bias or (0.0,)))
    return float(above(exact * (1.0 + _ROUNDED)))


def moved_by(
    card: ScoreCard,
    form: HeadForm,
    temperature: Fraction,
    rows: AbstractRows,
    off: float,
    *,
    values: Interval,
) -> Floats:
    """How far exact scores may be apart, of classes' logits that are no further apart than `off`.

    Of each box, in which scores have these values.

    With q = off / T the logarithm of each probability's odds moves by at most 2q, and so does that
    of the largest and of the second; each product of probabilities of two classes moves by a factor
    of at most e^4q beside the sum of squares, and p (1 − p) by one of e^2q. The entropy's gradient
    is at most 2H / T.

    Raises:
        CannotProveError: for formulas of which that is not known.
    """
    q = above(np.full(1, off / float(temperature)))
    if card.score not in _MOVED or not (q < 0.01).all():
        raise CannotProveError(f"how far a calibration map moves {card.score} is not known")
    times, slope = _MOVED[card.score]
    # p (1 − p) is taken to this power
    times *= card.parameters["gamma"] if card.score == "gen" else 1.0
    size = values.size
    if slope is not None:
        size = rows.range(slope(_Classes(form.n_classes or 0, temperature))).size.max(axis=1)
    return above(size * expm1_above(above(times * q)))


def _of_two(c: _Classes) -> Expression:
    """P (1 − p) of the largest and of the second probability."""
    others, rest = c.total - _ONE, c.total - c.second
    return _over(others + c.second * rest, c.total * c.total)


_MOVED: Mapping[str, tuple[float, Callable[[_Classes], Expression] | None]] = {
    "softmax": (2.0, lambda c: _over(c.total - _ONE, c.total * c.total)),
    "entropy": (2.0, None),
    "energy": (1.0, lambda c: c.t),
    "margin": (2.0, lambda _: _ONE),
    "max_logit": (1.0, lambda _: _ONE),
    "softmax_margin": (2.0, _of_two),
    "doctor": (4.0, None),
    "gini": (4.0, lambda c: _OF_CLASSES["gini"](c) * (_ONE - _OF_CLASSES["gini"](c))),
    "doctor_beta": (2.0, None),
    "gen": (2.0, None),
}
"""By score: e to so many q, less 1, and what it is times; None for the score itself."""


# more than a map's arithmetic rounds
_ROUNDED = 1e-4


def _largest_probability(n_classes: int, t: float, total: Interval) -> Interval:
    """The logarithm m of the largest probability, by S = Σ exp((x − m) / T).

    −m is the logarithm of Σ exp(x − m), but for that of the sum of probabilities. For T >= 1 its
    terms are at most those of S, and for others it is at most K^(1 − T) S^T by Jensen; and K.
    """
    most = np.log(float(n_classes))
    sums = total.log().high
    if t < 1.0:
        sums = (1.0 - t) * most + t * sums
    low = -above(above(np.minimum(sums, most) * (1.0 + 1e-12)) + _SUM_OFF)
    return Interval(low, np.full_like(low, _SUM_OFF))


def rows_of(card: ScoreCard, form: HeadForm, temperature: Fraction, limit: float) -> AbstractRows:
    """All rows with finite logits up to the limit in size, cut as the card's score needs it.

    Raises:
        CannotProveError: for heads of other layouts.
    """
    layout = layout_of(card, form)
    if form.members is not None and card.score not in _OF_MEMBERS:
        raise CannotProveError("a mean of members' scores is not among those that can be proved")
    largest = None
    if form.kind != "logits":
        if card.calibration_map is not None or layout.family != "categorical":
            raise CannotProveError("labels and maps of probabilities cannot be proved yet")
        if form.precision != "float32":
            # probabilities that differ may have the same logarithm, and would count as tied
            raise CannotProveError("probabilities in double cannot be proved yet")
        if form.kind == "probabilities" and form.n_classes is not None:
            limit = min(limit, LOG_LIMIT)
            largest = partial(_largest_probability, form.n_classes, float(temperature))
    if card.calibration_map is not None:
        limit = _reach(card.calibration_map, limit)
    if layout.axis is None:
        return single_rows(temperature, limit)
    if form.n_classes is None:
        raise CannotProveError("the number of classes must be known")
    if layout.family == "bernoulli":
        joined = _softplus(LABEL, temperature) if card.score == "energy" else None
        cut = {"learned": BOTTOM, "max_logit": TOP}.get(card.score, LEAST)
        return label_rows(form.n_classes, temperature, limit, cut=cut, joined=joined)
    if card.score == "max_logit_norm" and card.parameters["p"]:
        return unit_rows(form.n_classes, limit, int(card.parameters["p"]))
    if card.score == "gen":
        return spread_rows(form.n_classes, temperature, limit)
    needs = {
        "margin": {"gap"},
        "max_logit": {"largest"},
        "energy": {"sum", "largest"},
        "softmax_margin": {"sum", "gap"},
        "entropy": {"sum", "entropy"},
        "doctor": {"sum", "collisions"},
    }.get(card.score, {"sum"})
    return class_rows(
        form.n_classes, temperature, limit, needs=frozenset(needs), largest_of=largest
    )
