"""Layers: where their outputs are, and how many."""

import pytest
from support.hosts.one_node import first, refusal, said_and_computed
from support.hosts.text import MICROSOFT


@pytest.mark.parametrize(
    ("body", "weights", "shape"),
    [
        ("y = MatMul(x, w)", "float[4, 2] w = {1, 2, 3, 4, 5, 6, 7, 8}", (2, 3, 4)),
        ("y = Gemm<transB = 1>(x, w)", "float[2, 4] w = {1, 2, 3, 4, 5, 6, 7, 8}", (3, 4)),
        ('y = Einsum<equation = "bij,jk->bki">(x, w)', "float[4, 1] w = {1, 2, 3, 4}", (2, 3, 4)),
        ("y = Conv(x, w)", "float[2, 3, 1] w = {1, 2, 3, 4, 5, 6}", (2, 3, 4)),
        ("y = ConvTranspose(x, w)", "float[3, 2, 1] w = {1, 2, 3, 4, 5, 6}", (2, 3, 4)),
    ],
)
def test_a_product_has_the_shape_that_is_computed(
    body: str, weights: str, shape: tuple[int, ...]
) -> None:
    said, computed = said_and_computed(body, shape, weights)
    assert said is not None
    assert len(said) == len(computed)
    assert all(a in (None, b) for a, b in zip(said, computed, strict=True))


def test_a_product_of_two_inputs_is_no_layer() -> None:
    assert "says nothing" in refusal("y = MatMul(x, v)", inputs="float[N, 4] x, float[4, 3] v")
    assert first("y = MatMul(x, w)").n_classes == 3


def test_a_layer_with_an_activation_inside_is_none() -> None:
    body = 'y = com.microsoft.FusedGemm<activation = "Relu">(x, w, b)'
    assert "FusedGemm" in refusal(body, imports=MICROSOFT)
    plain = first("y = com.microsoft.FusedGemm(x, w, b)", imports=MICROSOFT)
    assert (plain.tensor, plain.n_classes) == ("y", 3)
