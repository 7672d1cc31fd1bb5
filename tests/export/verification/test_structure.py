"""A file must mean one thing to every reader."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from support import head_models

from logitconf.errors import LogitconfError
from logitconf_export.attachment.attaching import attach
from logitconf_export.heads.conversion import to_onnx, value_of
from logitconf_export.heads.metadata import read_heads
from logitconf_export.verification import structure


def failing(model: onnx.ModelProto) -> set[str]:
    return {c.name for c in structure.file_checks(model, read_heads(model)) if not c.passed}


@pytest.fixture
def host() -> onnx.ModelProto:
    return attach(head_models.make_host(), head_models.make_head(n_classes=5))


def test_an_honest_file_passes_every_check(host: onnx.ModelProto) -> None:
    assert failing(host) == set()
    assert failing(to_onnx(head_models.make_head())) == set()


def test_numbers_of_the_oldest_formats_are_inputs_that_nobody_can_override() -> None:
    """Below IR 4 every initializer is an input; onnxruntime takes none of them from a caller."""
    model = to_onnx(head_models.make_head(), opset=8, ir_version=3)
    assert len(model.graph.input) > 1
    assert failing(model) == set()


def test_numbers_that_a_caller_can_set_are_named() -> None:
    tunable = to_onnx(head_models.make_head(), optional_inputs=True)
    assert failing(tunable) == set()
    plain = to_onnx(head_models.make_head())
    plain.graph.input.extend(tunable.graph.input[1:])
    assert failing(plain) == {structure.FIXED}
    less = to_onnx(head_models.make_head(), tunable=True)
    del less.graph.input[-1]
    assert failing(less) == {structure.FIXED}
    more = to_onnx(head_models.make_head(), tunable=True)
    more.graph.input.extend(
        value_of(tensor)
        for tensor in more.graph.initializer
        if "infinity" in tensor.name or "axes" in tensor.name
    )
    assert len(more.graph.input) > len(tunable.graph.input)
    assert failing(more) == {structure.FIXED}


def test_a_name_that_a_subgraph_takes_is_made_twice(host: onnx.ModelProto) -> None:
    value = helper.make_tensor_value_info("inner", onnx.TensorProto.FLOAT, [])
    node = helper.make_node("Identity", ["logitconf/threshold"], ["inner"])
    number = numpy_helper.from_array(np.array(0.0, np.float32), "logitconf/threshold")
    branch = helper.make_graph([node], "b", [], [value], [number])
    host.graph.initializer.append(numpy_helper.from_array(np.array([True]), "yes"))
    host.graph.node.append(
        helper.make_node("If", ["yes"], ["more"], then_branch=branch, else_branch=branch)
    )
    assert structure.MADE_ONCE in failing(host)


def test_an_operator_set_may_be_spelled_twice_in_one_version(host: onnx.ModelProto) -> None:
    host.opset_import.append(helper.make_opsetid("ai.onnx", 17))
    assert structure.IMPORTED_ONCE not in failing(host)
    host.opset_import.append(helper.make_opsetid("ai.onnx", 16))
    assert structure.IMPORTED_ONCE in failing(host)


def test_a_function_of_its_own_domain_stands_in_for_nothing(host: onnx.ModelProto) -> None:
    node = helper.make_node("Neg", ["a"], ["b"])
    opsets = [helper.make_opsetid("", 17)]
    host.functions.append(helper.make_function("mine", "Less", ["a"], ["b"], [node], opsets))
    host.opset_import.append(helper.make_opsetid("mine", 1))
    assert failing(host) == set()
    host.functions[0].domain = "ai.onnx.ml"
    host.functions[0].name = "Normalizer"
    assert structure.OPERATORS in failing(host)


def test_numbers_in_another_file_are_read_from_the_models_folder(
    host: onnx.ModelProto, tmp_path: Path
) -> None:
    onnx.save_model(
        host, tmp_path / "m.onnx", save_as_external_data=True, location="w", size_threshold=0
    )
    moved = onnx.load(tmp_path / "m.onnx", load_external_data=False)
    ready = structure.with_own_numbers(moved, tmp_path, read_heads(moved))
    value = next(t for t in ready.graph.initializer if t.name == "logitconf/temperature")
    assert numpy_helper.to_array(value) == np.float32(1.5)
    with pytest.raises(LogitconfError, match="lie in another file"):
        structure.with_own_numbers(moved, None, read_heads(moved))
