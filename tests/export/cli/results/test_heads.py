"""What is said of a model's heads, and of a model on stdout."""

from pathlib import Path

import onnx
import pytest
from support import head_models, several_hosts
from support.command_line import SOFTMAX, host

from logitconf.card.score_card import HeadForm
from logitconf.errors import LogitconfError
from logitconf_export import attach
from logitconf_export.cli.results.heads import (
    head_words,
    heads_of,
    in_one_piece,
    model_result,
    model_values,
)
from logitconf_export.heads.conversion import to_onnx


def several(how: str) -> onnx.ModelProto:
    head = head_models.make_head("softmax", "multiclass", None, form=HeadForm())
    return attach(several_hosts.three_softmaxes(), head, several=how)


def test_one_head_is_told_by_its_rule_and_several_by_how_they_decide() -> None:
    assert head_words(heads_of(to_onnx(head_models.make_head()))).startswith("accepts score < ")
    assert head_words(heads_of(several("each"))) == (
        "has 3 heads, which judge first, second and third each for itself"
    )
    assert head_words(heads_of(several("joint"))).endswith("by one decision")
    assert head_words(heads_of(host(SOFTMAX))) == "has no head"


def test_the_json_has_ports_and_heads() -> None:
    values = model_values(Path("-"), several("joint"))
    assert [head["attached"]["output"] for head in values["heads"]] == ["first", "second", "third"]
    assert values["joint"]["mask"] == "mask"
    assert values["inputs"][0]["name"] == "x"


def test_a_model_on_stdout_must_hold_its_weights(tmp_path: Path) -> None:
    model = host(SOFTMAX)
    assert onnx.load_from_string(in_one_piece(model)) == model
    path = tmp_path / "big.onnx"
    onnx.save_model(model, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    with pytest.raises(LogitconfError, match="must hold its weights, this one has 1 file"):
        in_one_piece(onnx.load(path, load_external_data=False))


def test_weights_beside_a_model_are_named(tmp_path: Path) -> None:
    path = tmp_path / "big.onnx"
    onnx.save_model(
        host(SOFTMAX), path, save_as_external_data=True, location="w.bin", size_threshold=0
    )
    result = model_result("Written", path, onnx.load(path, load_external_data=False))
    words = "".join(span.text for line in result.lines(None) for span in line)
    assert "; its weights are in w.bin beside it" in words
