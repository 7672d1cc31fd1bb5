"""The exact formulas of cards have the values of an independent reference."""

import numpy as np
import pytest
from scipy.special import entr, logsumexp, softmax
from support.proofs import metadata_of, value_of_row

from logitconf_export.proof.composing.formulas import exact_score
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
