"""Recurrent layers, detectors and random numbers are no row of classes."""

from support.hosts.one_node import refusal
from support.hosts.text import LOGITS


def test_a_recurrent_layer_gives_features() -> None:
    body = "y, h = GRU<hidden_size = 3>(x, u, r)"
    reason = refusal(
        body, inputs="float[T, N, 4] x, float[1, 9, 4] u, float[1, 9, 3] r",
        outputs="float[T, 1, N, 3] y",
    )  # fmt: skip
    assert "a recurrent layer's state or features" in reason


def test_what_follows_a_choice_of_boxes_is_a_detectors() -> None:
    body = f"{LOGITS} boxes = NonMaxSuppression(x, x) f = Cast<to = 1>(boxes) y = Softmax(f)"
    assert "a detector's output" in refusal(body)


def test_random_numbers_are_no_weights() -> None:
    """Constant weights would make a layer of it."""
    body = "r = RandomNormal<shape = [4, 3]>() y = MatMul(x, r)"
    assert "says nothing" in refusal(body)
