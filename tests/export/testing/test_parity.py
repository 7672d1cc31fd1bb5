"""Outputs against a callable: what counts as different, counted by hand."""

import re
from typing import Any

import numpy as np
import onnx
import pytest

from logitconf.errors import LogitconfError
from logitconf_export.testing.parity import compare_outputs

SAME = """
<ir_version: 8, opset_import: ["" : 17]>
same (float[N] x) => (float[N] y, int64[1] n) { y = Identity (x)  n = Shape (x) }
"""
ROWS = np.array([1.0, np.nan, np.inf, -0.0], dtype=np.float32)


@pytest.fixture
def same() -> onnx.ModelProto:
    return onnx.parser.parse_model(SAME)


@pytest.mark.parametrize(
    ("reference", "different", "largest"),
    [
        ([1.0, np.nan, np.inf, 0.0], 0, 0.0),
        ([1.5, np.nan, np.inf, 0.0], 1, 0.5),
        ([1.0, 0.0, np.inf, 0.0], 1, 0.0),
        ([1.0, np.nan, -np.inf, 0.0], 1, 0.0),
        ([2.0, np.inf, 0.0, 0.25], 4, 1.0),
    ],
)
def test_different_values_are_counted_and_the_largest_finite_difference_is_said(
    same: onnx.ModelProto, reference: list[float], different: int, largest: float
) -> None:
    wanted = np.array(reference, dtype=np.float32)
    (output,) = compare_outputs(same, lambda _: {"y": wanted}, feeds={"x": ROWS}, outputs=["y"])
    assert (output.elements, output.different, output.largest_absolute) == (4, different, largest)


def test_a_tolerance_is_absolute_plus_relative_to_the_reference(same: onnx.ModelProto) -> None:
    def different(absolute: float = 0.0, relative: float = 0.0) -> int:
        wanted = np.array([1.1, np.nan, np.inf, 0.001], dtype=np.float32)
        (output,) = compare_outputs(
            same,
            lambda _: {"y": wanted},
            feeds={"x": ROWS},
            outputs=["y"],
            absolute=absolute,
            relative=relative,
        )
        return output.different

    assert different() == 2
    assert different(absolute=0.002) == 1
    assert different(relative=0.1) == 1
    assert different(absolute=0.002, relative=0.1) == 0


def test_whole_numbers_have_no_tolerance(same: onnx.ModelProto) -> None:
    (output,) = compare_outputs(
        same, lambda _: {"n": np.array([5])}, feeds={"x": ROWS}, outputs=["n"], absolute=9.0
    )
    assert output.different == 1


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (np.zeros(3, np.float32), r"shape \(4,\), expected \(3,\)"),
        (np.zeros(4, bool), "expected bool"),
    ],
)
def test_another_shape_or_kind_of_number_is_no_comparison(
    same: onnx.ModelProto, wanted: Any, words: str
) -> None:
    (output,) = compare_outputs(same, lambda _: {"y": wanted}, feeds={"x": ROWS}, outputs=["y"])
    assert output.elements == 0
    assert re.search(words, str(output))


def test_an_output_that_the_reference_leaves_out_is_named(same: onnx.ModelProto) -> None:
    with pytest.raises(LogitconfError, match=r"must return \['y', 'n'\], \['n'\] are missing"):
        compare_outputs(same, lambda x: {"y": x}, feeds={"x": ROWS})
