"""Heads to prove, and values of exact expressions for single rows."""

import math
from collections.abc import Callable, Mapping
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import onnx

from logitconf.card.score_card import ScoreCard
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.heads.metadata import HeadMetadata, read_metadata
from logitconf_export.proof.composing.arithmetic import Rounded
from logitconf_export.proof.composing.finite_rows import Computed
from logitconf_export.proof.exact.expressions import Atom, Expression
from logitconf_export.proof.prover import Question, computed_scores

THRESHOLDS = {"softmax": -0.6, "margin": -0.6, "energy": -3.0, "max_logit": -3.0}


def model_of(score: str, n: int = 10) -> onnx.ModelProto:
    """The portable head of a score at T = 1.5."""
    threshold = THRESHOLDS.get(score, 0.3)
    card = ScoreCard(score, "multiclass", temperature=1.5, threshold=threshold, n_classes=n)
    return to_onnx(card, n_classes=n)


def metadata_of(score: str, n: int = 10) -> HeadMetadata:
    """What its file says of it."""
    return read_metadata(model_of(score, n))


def computed_of(model: onnx.ModelProto) -> Computed:
    """What it computes on finite rows."""
    return computed_scores(Question(model, read_metadata(model)), Rounded())[0]


def value_of_row(x: Expression, logits: npt.NDArray[np.float64]) -> float:
    """An expression's value for a row of classes, term by term."""
    ordered = np.sort(logits)[::-1]
    numbers = {
        "largest": ordered[0],
        "gap": ordered[1] - ordered[0],
        "lowest": ordered[-1] - ordered[0],
    }
    below = logits - ordered[0]
    return float(_value(x, numbers, below, None))


def _value(
    x: Expression, row: Mapping[str, float], below: npt.NDArray[np.float64], k: int | None
) -> float:
    terms = [
        float(c) * math.prod([_atom(a, row, below, k) ** float(p) for a, p in product])
        for product, c in x.terms
    ]
    return float(sum(terms))


def _atom(
    a: Atom, row: Mapping[str, float], below: npt.NDArray[np.float64], k: int | None
) -> float:
    inside = a[1] if isinstance(a[1], Expression) else None
    if a[0] == "row":
        return row[a[1]]
    if a[0] == "class":
        assert k is not None
        return float(below[k])
    if inside is not None:
        made: dict[str, Callable[[float], float]] = {"log": math.log, "base": float, "abs": abs}
        return made[a[0]](_value(inside, row, below, k))
    product = Expression(((a[1], Fraction(1)),))
    if a[0] == "exp":
        return math.exp(_value(product, row, below, k))
    return sum(_value(product, row, below, i) for i in range(len(below)))
