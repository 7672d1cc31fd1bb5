"""What a model says of its heads: written as it was read, one entry, nothing that is not ours."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest

from logitconf.card.confidence import ConfidenceMap
from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.errors import LogitconfError
from logitconf_export.heads.metadata import (
    METADATA_KEY,
    Attachment,
    HeadMetadata,
    HeadsMetadata,
    JointDecision,
    head_metadata,
    read_heads,
    read_metadata,
    write_heads,
)

CARD = ScoreCard("margin", "multiclass", 1.5, -0.5, 4)
PLACE = Attachment("logitconf/1/", "z1", "first", "logits", "logitconf/1/score", "logitconf/1/mask")
OTHER = replace(PLACE, prefix="logitconf/2/", tensor="z2", output="second", probabilities="p")
JOINT = JointDecision("logitconf/joint/", "score", "mask", "uint8")
HEADS = HeadsMetadata(
    (
        HeadMetadata(CARD, HeadForm(4), PLACE),
        HeadMetadata(CARD, HeadForm(4, outputs=("probabilities",)), OTHER),
    ),
    JOINT,
)


def model_with(*texts: str) -> onnx.ModelProto:
    model = onnx.ModelProto()
    for text in texts:
        model.metadata_props.add(key=METADATA_KEY, value=text)
    return model


def test_one_head_and_several_are_read_as_they_were_written() -> None:
    model = onnx.ModelProto()
    for heads in (HeadsMetadata(HEADS.heads[:1]), HeadsMetadata(HEADS.heads), HEADS):
        write_heads(model, heads)
        assert read_heads(model) == heads
        assert len(model.metadata_props) == 1
    alone = HeadMetadata(CARD, HeadForm(4, rank=3, class_axis=2))
    write_heads(model, HeadsMetadata((alone,)))
    assert read_metadata(model) == alone
    assert (alone.prefix, alone.tensor, alone.outputs) == (
        "logitconf/",
        "logits",
        ("score", "mask"),
    )


def test_the_json_has_the_keys_that_older_versions_read() -> None:
    values = json.loads(head_metadata(CARD, HeadForm(4), PLACE))
    assert set(values) == {"schema", "card", "head", "attached"}
    assert values["attached"] == {
        "prefix": "logitconf/1/",
        "tensor": "z1",
        "output": "first",
        "kind": "logits",
        "score": "logitconf/1/score",
        "mask": "logitconf/1/mask",
    }
    # what is said only where it is not as usual
    added = head_metadata(CARD, HeadForm(4), replace(PLACE, added_import=True))
    assert json.loads(added)["attached"]["added_import"] is True


def test_float32_numbers_have_no_more_digits_than_they_need() -> None:
    knots = tuple(float(np.float32(v)) for v in (-2.7, -1.1, 0.3))
    values = tuple(float(np.float32(v)) for v in (0.9, 0.7, 1 / 3))
    card = replace(
        CARD, temperature=1.1, threshold=-0.6, confidence=ConfidenceMap(knots, values, 100, 0.1)
    )
    text = head_metadata(card, HeadForm(4))
    assert '"temperature":1.1,"threshold":-0.6,' in text
    assert '"scores":[-2.7,-1.1,0.3],"values":[0.9,0.7,0.33333334],' in text
    read = read_metadata(model_with(text)).card
    assert read == card
    assert read.threshold == float(np.float32(-0.6))


def test_a_card_of_schema_1_in_a_model_is_read() -> None:
    values = json.loads(head_metadata(CARD, HeadForm(4)))
    card = values["card"]
    card["schema"], card["calibration"] = 1, {"rows": 3, "not_finite": 0, "errors": None}
    read = read_metadata(model_with(json.dumps(values))).card
    assert read.rows is not None
    assert read.rows.rows == 3
    assert replace(read, rows=None) == CARD


def test_two_entries_are_refused() -> None:
    text = head_metadata(CARD, HeadForm(4))
    with pytest.raises(LogitconfError, match=r"must have one entry of .*, got 2"):
        read_heads(model_with(text, text))


def changed(place: tuple[str | int, ...], value: object) -> str:
    model = onnx.ModelProto()
    write_heads(model, HEADS)
    values: Any = json.loads(model.metadata_props[0].value)
    parent = values
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = value
    return json.dumps(values)


REFUSED: Mapping[str, tuple[str, str]] = {
    "no JSON": ("{", "must be JSON"),
    "a list": ("[]", "must have schema 1 or 2, got None"),
    "a newer schema": (changed(("schema",), 3), "must have schema 1 or 2, got 3"),
    "another key": (changed(("colour",), 1), "must have heads and joint, got .*'colour'"),
    "one head": (changed(("heads",), [1]), r"must list two heads or more, got \[1\]"),
    "a number for a head": (changed(("heads", 0), 1), "must have a card, a head and where"),
    "a head with another key": (changed(("heads", 0, "x"), 1), "must have a card, .* 'x'"),
    "a head that is nowhere": (changed(("heads", 0, "attached"), None), "where it is attached"),
    "no threshold": (changed(("heads", 0, "card", "threshold"), None), "must have a threshold"),
    "a text for an axis": (
        changed(("heads", 0, "head", "class_axis"), "1"),
        "'class_axis' in 'head' in .* must be a whole number, got a text",
    ),
    "an axis beyond the rank": (
        changed(("heads", 0, "head", "class_axis"), 9),
        "class_axis must be in 0..7",
    ),
    "the prefix of everything": (
        changed(("heads", 0, "attached", "prefix"), ""),
        "prefix must be one of ours, such as 'logitconf/', got ''",
    ),
    "the prefix of the host": (
        changed(("joint", "prefix"), "features/"),
        "prefix must be one of ours, .* got 'features/'",
    ),
    "another kind than the form's": (
        changed(("heads", 0, "attached", "kind"), "probabilities"),
        "attached as it is written",
    ),
    "probabilities that the form has not": (
        changed(("heads", 0, "attached", "probabilities"), "p"),
        "attached as it is written",
    ),
    "an import beyond all": (
        changed(("heads", 0, "attached", "raised_import"), 2**70),
        "'raised_import' must be a count in 1",
    ),
    "another mask type": (changed(("joint", "mask_type"), "int4"), "'mask_type' must be one of"),
    "a joint decision without a score": (
        changed(("joint",), {"prefix": "logitconf/joint/"}),
        r"got no \['mask', 'mask_type', 'score'\]",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_ours_is_refused_with_a_sentence(name: str) -> None:
    text, words = REFUSED[name]
    with pytest.raises(LogitconfError, match=words):
        read_heads(model_with(text))


def test_a_tool_may_put_its_own_prefix_before_ours() -> None:
    text = changed(("heads", 0, "attached", "prefix"), "merged_logitconf/1/")
    assert read_heads(model_with(text)).heads[0].prefix == "merged_logitconf/1/"
