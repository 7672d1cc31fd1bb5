from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from support.hosts.text import ACTIVATIONS

from logitconf import tasks
from logitconf.card import score_card
from logitconf.errors import LogitconfError
from logitconf_export.cli.common import options
from logitconf_export.cli.common.view import check_output


def test_no_output_is_a_file_of_an_inputs_weights(tmp_path: Path) -> None:
    host, weights = tmp_path / "host.onnx", tmp_path / "w.bin"
    model = ACTIVATIONS[0].model()
    tensor = numpy_helper.from_array(np.zeros(3), "unused")
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="w.bin")
    model.graph.initializer.append(tensor)
    host.write_bytes(model.SerializeToString())
    weights.write_bytes(bytes(24))
    other = tmp_path / "card.json"
    other.write_bytes(b"old")
    check_output(other, [host, None, other.with_suffix(".npz")], force=True)
    with pytest.raises(LogitconfError, match="must not be a file of the model's weights"):
        check_output(weights, [host], force=True)
    with pytest.raises(LogitconfError, match="must not be the input"):
        check_output(host, [host], force=True)


def test_the_words_that_help_offers_are_those_of_their_tables() -> None:
    assert options.TASKS == tasks.TASKS
    assert options.KINDS == score_card.KINDS
    assert options.MASK_TYPES == score_card.MASK_TYPES
