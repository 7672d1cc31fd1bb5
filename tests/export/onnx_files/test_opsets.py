"""Which opsets and IR versions a head is written at."""

import onnx
import pytest
from onnx import helper

from logitconf.errors import LogitconfError
from logitconf_export.onnx_files.opsets import (
    DEFAULT_IR,
    DEFAULT_OPSET,
    NEWEST_OPSET,
    OLDEST_OPSET,
    check_opset,
    ir_for_opset,
)


@pytest.mark.parametrize("opset", [OLDEST_OPSET - 1, NEWEST_OPSET + 1, 0, -1])
def test_an_opset_beyond_those_that_can_be_written_is_refused(opset: int) -> None:
    with pytest.raises(LogitconfError, match=rf"must be in 7\.\.26, got {opset}"):
        check_opset(opset)


def test_the_default_is_what_every_runtime_reads() -> None:
    assert (DEFAULT_OPSET, DEFAULT_IR) == (17, 8)
    assert ir_for_opset(DEFAULT_OPSET) == DEFAULT_IR


@pytest.mark.parametrize("opset", range(OLDEST_OPSET, NEWEST_OPSET + 1))
def test_the_ir_version_allows_the_opset_and_falls_with_it(opset: int) -> None:
    ir = ir_for_opset(opset)
    if opset < 9:
        assert ir == 3
    else:
        assert ir >= helper.find_min_ir_version_for([helper.make_opsetid("", opset)])
    assert ir <= ir_for_opset(min(opset + 1, NEWEST_OPSET))
    graph = helper.make_graph(
        [helper.make_node("Abs", ["x"], ["y"])],
        "abs",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])],
    )
    imports = [helper.make_opsetid("", opset)]
    onnx.checker.check_model(helper.make_model(graph, opset_imports=imports, ir_version=ir))
