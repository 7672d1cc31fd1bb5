"""assert_parity passes what is right and fails what is not, for heads and for any model."""

from typing import Any

import numpy as np
import onnx
import pytest
from support import faults, head_models

from logitconf.errors import LogitconfError
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.testing.assertion import assert_parity

ADDER = """
<ir_version: 8, opset_import: ["" : 17]>
adder (float[N] x, float[N] y) => (float[N] total, bool[N] is_less) {
    total = Add (x, y)
    is_less = Less (x, y)
}
"""


@pytest.fixture
def adder() -> onnx.ModelProto:
    return onnx.parser.parse_model(ADDER)


def _feeds(x: list[float], y: list[float]) -> dict[str, Any]:
    return {"x": np.array(x, dtype=np.float32), "y": np.array(y, dtype=np.float32)}


def test_a_model_that_does_what_the_callable_does_passes(adder: onnx.ModelProto) -> None:
    feeds = _feeds([1.0, np.nan, np.inf], [2.0, 0.0, -1.0])
    found = assert_parity(adder, lambda x, y: (x + y, x < y), feeds=feeds)
    assert [output.elements for output in found] == [3, 3]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (lambda x, y: (x + y + np.float32(1e-6), x < y), "'total' on cpu: 2 of 2 values differ"),
        (lambda x, y: (x + y, x <= y), "'is_less' on cpu: 1 of 2 values differ"),
        (lambda x, y: (x[:1], x < y), r"shape \(2,\), expected \(1,\)"),
        (lambda x, y: (x > y, x < y), "dtype float32, expected bool"),
        (lambda x, y: (x + np.nan * y, x < y), "'total' on cpu: 2 of 2 values differ"),
    ],
)
def test_each_difference_fails(adder: onnx.ModelProto, reference: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        assert_parity(adder, reference, feeds=_feeds([1.0, 2.0], [1.0, 3.0]))


def test_a_tolerance_excuses_what_lies_within_it(adder: onnx.ModelProto) -> None:
    def reference(x: Any, y: Any) -> Any:
        return {"total": x + y + np.float32(1e-3)}

    feeds = _feeds([1.0], [2.0])
    assert_parity(adder, reference, feeds=feeds, outputs=["total"], absolute=2e-3)
    with pytest.raises(AssertionError, match="differ"):
        assert_parity(adder, reference, feeds=feeds, outputs=["total"], absolute=5e-4)


def test_comparing_nothing_fails(adder: onnx.ModelProto) -> None:
    with pytest.raises(AssertionError, match="nothing was compared"):
        assert_parity(adder, lambda x, y: (x + y, x < y), feeds=_feeds([], []))


def test_a_head_needs_no_reference() -> None:
    model = to_onnx(head_models.make_head())
    assert_parity(model)
    faults.NUMBER_FAULTS["threshold one ulp up"](model)
    with pytest.raises(AssertionError, match="the card says"):
        assert_parity(model)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "must be given as feeds"),
        ({"feeds": {"z": np.zeros(1)}}, "must name inputs"),
        ({"feeds": _feeds([1.0], [1.0]), "outputs": ["sum"]}, "outputs must be some of"),
        ({"feeds": _feeds([1.0], [1.0])}, "must return 2 values"),
    ],
)
def test_misuse_is_one_clear_error(
    adder: onnx.ModelProto, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(LogitconfError, match=message):
        assert_parity(adder, lambda *_: np.zeros(1), **options)
