"""A walk through a head stops at the first node that it does not know, and names it."""

import pytest
from support.proofs import computed_of, model_of

from logitconf_export.proof.composing.tensors import CannotProveError


def test_errors_come_with_the_scores_that_they_belong_to() -> None:
    computed = computed_of(model_of("softmax"))
    values, error = computed.errors(computed.score.expression)
    assert values.low.shape == error.shape
    assert values.low.min() >= -1.0 - 1e-6
    assert values.high.max() <= -0.09
    assert (error > 0).all()


def test_an_unknown_operator_is_named() -> None:
    model = model_of("softmax")
    next(n for n in model.graph.node if n.op_type == "Exp").op_type = "Cosh"
    with pytest.raises(CannotProveError, match=r"Cosh .* stops it"):
        computed_of(model)
