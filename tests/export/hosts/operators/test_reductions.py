"""Reductions: shapes as computed, winners and means."""

import pytest
from support.hosts.one_node import first, said_and_computed
from support.hosts.text import LOGITS


@pytest.mark.parametrize(
    "body",
    ["y = ReduceMax<axes = [1], keepdims = 0>(x)", "y = ReduceMean<axes = [-1, 0]>(x)",
     "y = ReduceSum<keepdims = 0>(x)", "y = ArgMax<axis = 2>(x)", "y = GlobalAveragePool(x)"],
)  # fmt: skip
def test_a_reduced_tensor_has_the_shape_that_is_computed(body: str) -> None:
    said, computed = said_and_computed(body)
    assert said == computed


def test_the_largest_tells_where_classes_compete() -> None:
    place = first(f"{LOGITS} y = ArgMax<axis = 1, keepdims = 0>(z)", outputs="int64[N] y")
    assert (place.tensor, place.task, place.output_kind) == ("z", "multiclass", None)
    across = first(f"{LOGITS} y = ArgMax<axis = 0, keepdims = 0>(z)", outputs="int64[M] y")
    assert across.certain is False


def test_the_mean_of_two_members_is_probabilities_without_logits() -> None:
    body = f"{LOGITS} p = Softmax(z) q = Softmax(h) y = Mean(p, q)"
    assert (first(body).tensor, first(body).kind) == ("y", "probabilities")
