"""The exact formulas of cards have the values of an independent reference."""

from itertools import product

import numpy as np
import pytest
from scipy.special import entr, logsumexp, softmax
from support.proofs import metadata_of, value_of_row

from logitconf_export.proof.composing.formulas import exact_score, moved_by, rows_of
from logitconf_export.proof.exact.intervals import Interval
from logitconf_export.proof.prover import Question

Z = np.array([1.3, -0.4, 2.2, 0.0])
T = 1.5


VALUES = {
    "softmax": -softmax(Z / T).max(),
    "entropy": entr(softmax(Z / T)).sum(),
    "energy": -T * logsumexp(Z / T),
    "margin": -(2.2 - 1.3) / T,
    "max_logit": -2.2 / T,
    "gini": 1 - (softmax(Z / T) ** 2).sum(),
    "doctor": (1 - (softmax(Z / T) ** 2).sum()) / (softmax(Z / T) ** 2).sum(),
    "doctor_beta": (1 - softmax(Z / T).max()) / softmax(Z / T).max(),
}


@pytest.mark.parametrize("score", sorted(VALUES))
def test_a_formula_has_the_right_value(score: str) -> None:
    metadata = metadata_of(score, n=4)
    question = Question(None, metadata)  # type: ignore[arg-type]
    exact = exact_score(metadata.card, metadata.form, question.temperature)
    assert value_of_row(exact, Z) == pytest.approx(VALUES[score], rel=1e-12)


def boxes_of(cuts: object, z: np.ndarray) -> np.ndarray:
    """The boxes that a row lies in."""
    assert isinstance(cuts, dict)
    below, shares = z - z.max(), softmax(z / T)
    numbers = {
        "sum": np.exp(below / T).sum(),
        "entropy": entr(shares).sum(),
        "collisions": 1 / (shares**2).sum(),
        "largest": z.max(),
        "gap": np.sort(below)[-2],
    }
    slack = {name: 1e-12 * (1.0 + abs(x)) for name, x in numbers.items()}
    within = [
        (v.low <= numbers[name] + slack[name]) & (numbers[name] - slack[name] <= v.high)
        for name, v in cuts.items()
    ]
    inside: np.ndarray = np.logical_and.reduce(within)[:, 0]
    return inside


@pytest.mark.parametrize("score", sorted([*VALUES, "softmax_margin"]))
def test_logits_that_are_so_far_apart_move_a_score_by_no_more(score: str) -> None:
    metadata = metadata_of(score, n=4)
    card, form = metadata.card, metadata.form
    t = Question(None, metadata).temperature  # type: ignore[arg-type]
    exact, rows = exact_score(card, form, t), rows_of(card, form, t, 100.0)
    off, random = 0.01, np.random.default_rng(3)
    ends, boxes = rows.range(exact), len(boxes_of(rows.cuts, Z))
    values = Interval(*(np.broadcast_to(end, (boxes, 1))[:, 0] for end in (ends.low, ends.high)))
    moved = moved_by(card, form, t, rows, off, values=values)
    bound = np.broadcast_to(moved, (boxes,))
    shares = []
    for z in [Z, np.zeros(4), *random.normal(size=(20, 4)) * np.geomspace(0.01, 10.0, 20)[:, None]]:
        here = value_of_row(exact, z)
        corners = [z + off * np.array(signs) for signs in product((-1, 0, 1), repeat=4)]
        most = max(abs(value_of_row(exact, corner) - here) for corner in corners)
        allowed = bound[boxes_of(rows.cuts, z)].max()
        assert most <= allowed
        shares.append(most / allowed)
    assert max(shares) > 0.3
