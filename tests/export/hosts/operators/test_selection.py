"""Parts of tensors: shapes as computed, chosen classes and joined columns."""

import pytest
from support.hosts.one_node import first, refusal, said_and_computed
from support.hosts.text import LOGITS


@pytest.mark.parametrize(
    ("body", "weights"),
    [
        ("y = Gather<axis = 2>(x, i)", "int64[2] i = {3, 0}"),
        ("y = Gather<axis = 0>(x, i)", "int64 i = {1}"),
        ("y = Slice(x, s, e, a)", "int64[1] s = {1}, int64[1] e = {9}, int64[1] a = {-1}"),
        ("y = Concat<axis = 1>(x, x)", "float u = {0}"),
        ("y = Shape(x)", "float u = {0}"),
    ],
)
def test_a_part_has_the_shape_that_is_computed(body: str, weights: str) -> None:
    said, computed = said_and_computed(body, weights=weights)
    assert said == computed


def test_a_chosen_class_leads_to_the_logits_of_all() -> None:
    place = first(f"{LOGITS} p = Softmax(z) y = Gather<axis = 1>(p, zero)", outputs="float[N, 1] y")
    assert (place.tensor, place.n_classes, place.output_kind) == ("z", 3, None)


def test_probabilities_joined_with_other_values_are_a_detectors() -> None:
    body = f"{LOGITS} p = Softmax(z) y = Concat<axis = 1>(p, x)"
    assert "boxes and classes" in refusal(body, outputs="float[N, 7] y")
