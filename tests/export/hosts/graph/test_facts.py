"""What a graph says of its values."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from logitconf_export.hosts.graph.facts import (
    TensorFacts,
    short,
    small_array,
    tensor_facts,
    value_facts,
)


def test_sizes_below_one_are_unknown_and_names_are_kept() -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT16, ["N", 3, -1])
    value.type.tensor_type.shape.dim.add(dim_value=0)
    assert value_facts([value])["x"] == TensorFacts(TensorProto.FLOAT16, ("N", 3, None, None))


def test_a_size_is_known_only_where_axis_and_number_are() -> None:
    facts = TensorFacts(1, ("N", 3))
    assert (facts.size(-1), facts.size(0), facts.size(2), facts.size(None)) == (3, None, None, None)
    assert TensorFacts().rank is None


def test_numbers_are_read_where_they_are_few_and_inside_the_model() -> None:
    few = numpy_helper.from_array(np.arange(6, dtype=np.int64).reshape(2, 3), "w")
    assert tensor_facts(few) == TensorFacts(TensorProto.INT64, (2, 3))
    array = small_array(few)
    assert array is not None
    assert array.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert small_array(numpy_helper.from_array(np.zeros(5000, np.float32), "w")) is None
    few.data_location = TensorProto.EXTERNAL
    assert small_array(few) is None


def test_a_long_name_is_cut() -> None:
    assert short("z") == "'z'"
    assert short("n" * 500, limit=3) == "'nnn...'"
