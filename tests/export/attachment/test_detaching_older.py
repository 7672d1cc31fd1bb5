"""Files that older versions wrote: read, taken apart and put in order as those of today.

``records/heads_of_older_versions.json`` has such models, as protobuf writes them in JSON.
"""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from google.protobuf import json_format  # type: ignore[import-untyped]

from logitconf import attach, detach, inspect, reattach, retune
from logitconf_export import head_nodes
from logitconf_export.heads.metadata import read_metadata

RECORD = Path(__file__).parents[2] / "records" / "heads_of_older_versions.json"
FILES = json.loads(RECORD.read_text(encoding="utf-8"))


@pytest.fixture(params=list(FILES))
def older(request: pytest.FixtureRequest) -> onnx.ModelProto:
    model: onnx.ModelProto = json_format.ParseDict(FILES[request.param], onnx.ModelProto())
    return model


def decisions(model: onnx.ModelProto) -> list[list[float]]:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    rows = np.array([[3, 1, 0, 0], [1, 1, 1, 0], [0, 5, 0, np.nan]], np.float32)
    score, mask = session.run(["score", "mask"], {"x": rows})
    return [[*score], [*mask]]


def test_a_head_of_an_older_version_is_read_and_taken_off(older: onnx.ModelProto) -> None:
    card = read_metadata(older).card
    assert (card.score, card.temperature, card.n_classes) == ("softmax", 1.5, 4)
    assert inspect(older).rules == ("accepts score < −0.60: probability above 0.60",)
    assert len(head_nodes(older)) == 11
    host = detach(older)
    assert [node.op_type for node in host.graph.node] == ["MatMul", "Softmax"]
    assert [value.name for value in host.graph.output] == ["probabilities"]
    assert [tensor.name for tensor in host.graph.initializer] == ["w"]
    assert not host.metadata_props


def test_it_decides_the_same_with_the_names_of_today(older: onnx.ModelProto) -> None:
    card = read_metadata(older).card
    today = attach(older, card)
    assert today == attach(detach(older), card) == reattach(older)
    assert today.ByteSize() < older.ByteSize() - 400
    np.testing.assert_array_equal(decisions(today), decisions(older))


def test_its_numbers_are_changed_under_the_names_that_it_has(older: onnx.ModelProto) -> None:
    tuned = retune(older, temperature=1.0, threshold=-0.9)
    assert head_nodes(tuned) == head_nodes(older)
    np.testing.assert_array_equal(
        decisions(tuned), decisions(retune(reattach(older), temperature=1.0, threshold=-0.9))
    )
