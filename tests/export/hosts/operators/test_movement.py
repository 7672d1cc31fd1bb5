"""Copies and moves: shapes as the evaluator gives them."""

import pytest
from support.hosts.one_node import first, refusal, said_and_computed
from support.hosts.text import LOGITS


@pytest.mark.parametrize(
    ("body", "weights"),
    [
        ("y = Transpose<perm = [2, 0, 1]>(x)", "float u = {0}"),
        ("y = Flatten<axis = 2>(x)", "float u = {0}"),
        ("y = Unsqueeze(x, a)", "int64[2] a = {0, -1}"),
        ("y = Reshape(x, s)", "int64[3] s = {0, -1, 2}"),
        ("y = Expand(x, s)", "int64[4] s = {5, 1, 3, 4}"),
        ("y = Cast<to = 11>(x)", "float u = {0}"),
    ],
)
def test_a_moved_tensor_has_the_shape_that_is_computed(body: str, weights: str) -> None:
    said, computed = said_and_computed(body, weights=weights)
    assert said == computed


def test_a_cast_to_floats_is_passed_and_one_to_whole_numbers_shows_labels() -> None:
    assert first(f"{LOGITS} p = Softmax(z) y = Cast<to = 11>(p)").output_kind == "probabilities"
    labels = first(f"{LOGITS} p = Softmax(z) y = Cast<to = 7>(p)", outputs="int64[N, 3] y")
    assert (labels.tensor, labels.output_kind) == ("z", None)


def test_a_dropout_is_passed_unless_it_trains() -> None:
    extra = "half = Constant<value_float = 0.5>() on = Constant<value = bool {1}>()"
    assert first(f"{LOGITS} p = Softmax(z) y = Dropout(p)").tensor == "z"
    assert "at random" in refusal(f"{LOGITS} {extra} p = Softmax(z) y = Dropout(p, half, on)")
