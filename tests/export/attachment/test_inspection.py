"""What is inspected says what it is, what it accepts and where a head could go."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from support import head_models

import logitconf
from logitconf.errors import LogitconfError
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf_export.attachment.attaching import attach
from logitconf_export.attachment.inspection import inspect
from logitconf_export.heads.conversion import to_onnx

TWO = """
<ir_version: 8, opset_import: ["" : 17]>
host (float[N, 8] x) => (float[N, 5] first, float[N, 5] second) {
    one = Relu (x)
    left = Gemm (one, weight, bias)
    right = Gemm (x, weight, bias)
    first = Softmax <axis = 1> (left)
    second = Softmax <axis = 1> (right)
}
"""


def score(threshold: float = -0.7) -> Any:
    return SCORE_CLASSES["softmax"](temperature=2.0).set_threshold(value=threshold)


def test_a_card_is_read_from_a_score_a_value_or_a_file_of_any_name(tmp_path: Path) -> None:
    fitted, path = score(), tmp_path / "card.of.mine"
    fitted.save(path)
    for source in (fitted, fitted.card, path, str(path)):
        found = inspect(source)
        assert found.what == "card"
        assert found.card == fitted.card
        assert found.rules == ("accepts score < −0.70: probability above 0.70",)
        assert found.opset is None
    assert "temperature  2" in str(found)


def test_a_host_says_where_a_head_could_go(tmp_path: Path) -> None:
    host = head_models.make_host()
    path = head_models.save(host, tmp_path / "host.onnx")
    for source in (host, host.SerializeToString(), path):
        found = inspect(source)
        assert found.what == "host"
        assert [c.tensor for c in found.candidates] == ["logits"]
        assert found.inputs == ("pixels float [N, 8]",)
        assert found.outputs == ("probabilities float [N, 5]",)
        assert (found.opset, found.ir_version) == (17, 8)
    assert "'logits': logits, multiclass, 5 classes on axis 1" in str(found)
    with pytest.raises(LogitconfError, match="there must be one card, got 0 in a host"):
        _ = found.card


def test_heads_alone_and_attached_say_what_they_accept() -> None:
    alone = inspect(to_onnx(score(), n_classes=5))
    assert (alone.what, alone.card.temperature) == ("head", 2.0)
    attached = inspect(attach(head_models.make_host(), score()))
    assert attached.what == "host with a head"
    assert attached.rules == ("accepts score < −0.70: probability above 0.70",)
    assert ("head", "reads logits, judges probabilities") in attached.facts()
    assert attached.candidates == ()


@pytest.mark.parametrize("several", ["each", "joint"])
def test_several_heads_have_a_card_each(several: str) -> None:
    host = onnx.parser.parse_model(TWO)
    single = head_models.make_host()
    host.graph.initializer.extend(single.graph.initializer)
    found = inspect(attach(host, score(), several=several))
    assert found.what == "host with heads"
    assert len(found.cards) == len(found.rules) == 2
    joint = ("decision", "joint: accepts what every head accepts") in found.facts()
    assert joint == (several == "joint")
    with pytest.raises(LogitconfError, match="got 2 in a host with heads"):
        _ = found.card


def test_what_is_shown_is_short_and_escaped() -> None:
    host = head_models.make_host()
    host.graph.node[-1].name = host.graph.output[0].name = "<b>"
    host.graph.node[-1].output[0] = "<b>"
    found = inspect(host)
    assert len(repr(found)) <= 2000
    assert repr(found).startswith("Inspection(what='host', reading=HostReading(")
    assert "<b>" not in found._repr_html_()
    assert "&lt;b&gt;" in found._repr_html_()


def test_what_is_none_of_them_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    with pytest.raises(LogitconfError):
        inspect(path)
    with pytest.raises(LogitconfError, match="readable file"):
        inspect(tmp_path / "none.onnx")
    with pytest.raises(LogitconfError, match="a fitted score, a score card"):
        inspect(np.zeros(3))  # type: ignore[arg-type]


def test_the_front_door_inspects() -> None:
    assert logitconf.inspect(score()).card == score().card
