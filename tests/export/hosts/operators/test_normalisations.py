"""Normalisations are those of embeddings, unless they divide by a sum."""

import pytest
from support.hosts.one_node import first, refusal
from support.hosts.text import LOGITS


@pytest.mark.parametrize("power", [1, 2])
def test_only_a_sum_of_what_is_never_negative_makes_probabilities(power: int) -> None:
    body = f"{LOGITS} s = Sigmoid(z) y = LpNormalization<axis = 1, p = {power}>(s)"
    if power == 1:
        assert (first(body).tensor, first(body).kind) == ("y", "probabilities")
    else:
        assert "as embeddings have" in refusal(body)


def test_a_normalised_layer_is_refused() -> None:
    assert "as embeddings have" in refusal(f"{LOGITS} y = LayerNormalization(z, b)")
