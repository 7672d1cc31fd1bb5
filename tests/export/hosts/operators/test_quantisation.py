"""Quantised values lead back to floats; a bias on integers is a bias."""

from support.hosts.one_node import first, refusal
from support.hosts.text import LAYER, LOGITS, MICROSOFT

SCALES = f"{LAYER}, float scale = {{0.05}}, uint8 middle = {{128}}, uint8[3] c = {{120, 140, 128}}"


def test_a_softmax_behind_quantisation_reads_the_dequantised_logits() -> None:
    body = f"{LOGITS} i = QuantizeLinear(z, scale, middle) d = DequantizeLinear(i, scale, middle) "
    place = first(f"{body} y = Softmax(d)", weights=SCALES)
    assert (place.tensor, place.quantized, place.certain) == ("d", True, True)


def test_integers_plus_a_constant_are_a_layer_and_plus_a_value_are_none() -> None:
    body = (
        f"{LOGITS} i = QuantizeLinear(z, scale, middle) k = com.microsoft.QLinearAdd(i, scale, "
        "middle, {}, scale, middle, scale, middle) y = DequantizeLinear(k, scale, middle)"
    )
    place = first(body.format("c"), weights=SCALES, imports=MICROSOFT)
    assert (place.tensor, place.n_classes, place.certain) == ("y", 3, True)
    assert "QLinearAdd" in refusal(body.format("i"), weights=SCALES, imports=MICROSOFT)
