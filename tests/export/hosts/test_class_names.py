"""Names of classes are read from hosts that carry them, and from no others."""

import json
from dataclasses import replace

import onnx
import pytest
from onnx import helper
from support import several_hosts as hosts
from support import tampering

from logitconf.card.score_card import ScoreCard
from logitconf.errors import LogitconfError
from logitconf_export import attach, detach, reattach, to_onnx, verify
from logitconf_export.heads.metadata import read_heads, read_metadata
from logitconf_export.hosts.class_names import names_in

NAMES = ("cat", "dog", "eel", "fox", "gnu")
TWO_OF_FIVE = """<ir_version: 8, opset_import: ["" : 17]>
reader (float[N, 5] x, float[N, 5] y) => (float[N, 5] p, float[N, 5] q) {
  p = Softmax <axis = 1> (x)
  q = Softmax <axis = 1> (y)
}"""
CARD = ScoreCard("softmax", "multiclass", 1.5, -0.6)


def host_with(**entries: str) -> onnx.ModelProto:
    host = tampering.plain_host()
    for key, value in entries.items():
        host.metadata_props.add(key=key, value=value)
    return host


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("names", str(dict(enumerate(NAMES)))),
        ("id2label", json.dumps({str(k): name for k, name in enumerate(NAMES)})),
        ("classes", json.dumps(NAMES)),
        ("labels", str(list(NAMES))),
    ],
)
def test_names_in_metadata_go_into_the_card(key: str, text: str) -> None:
    host = host_with(**{key: text})
    model = attach(host, CARD)
    assert read_metadata(model).card.class_names == NAMES
    assert detach(model).SerializeToString() == host.SerializeToString()
    assert read_metadata(reattach(model, card=CARD)).card.class_names == NAMES
    assert verify(model, optimisations=["all"], pairs=20).passed


@pytest.mark.parametrize(
    "entries",
    [
        {},
        {"names": str(dict(enumerate(NAMES[:4])))},
        {"names": str({k + 1: name for k, name in enumerate(NAMES)})},
        {"names": "cat, dog, eel, fox, gnu"},
        {"names": "[" * 100_000},
        {"names": json.dumps([1, 2, 3, 4, 5])},
        {"names": str(list(NAMES)), "classes": str(list(NAMES[::-1]))},
        {"authors": str(list(NAMES))},
    ],
    ids=["none", "too few", "from 1", "no list", "too deep", "numbers", "two orders", "others"],
)
def test_what_is_not_certain_is_not_taken(entries: dict[str, str]) -> None:
    assert read_metadata(attach(host_with(**entries), CARD)).card.class_names is None


def test_names_of_a_card_stay_and_a_classical_host_knows_its_own() -> None:
    mine = ("a", "b", "c", "d", "e")
    card = ScoreCard("softmax", "multiclass", 1.5, -0.6, 5, class_names=mine)
    model = attach(host_with(names=str(list(NAMES))), card)
    assert read_metadata(model).card.class_names == mine
    zipped = onnx.ModelProto()
    zipped.graph.node.append(
        helper.make_node(
            "ZipMap", ["p"], ["z"], domain="ai.onnx.ml", classlabels_strings=list(NAMES)
        )
    )
    assert names_in(zipped, 5) == NAMES
    assert names_in(zipped, 4) is None


def test_names_that_the_user_gives_count_more_than_those_of_card_and_host() -> None:
    mine = ("a", "b", "c", "d", "e")
    host = host_with(names=str(list(NAMES)))
    for card in (CARD, replace(CARD, n_classes=5, class_names=NAMES)):
        model = attach(host, card, class_names=list(mine))
        assert read_metadata(model).card.class_names == mine
        assert verify(model, optimisations=["all"], pairs=20).passed
    with pytest.raises(LogitconfError, match="name each of 5 columns in their order, got 4"):
        attach(host, CARD, class_names=mine[:4])


def test_heads_on_several_places_are_named_alike() -> None:
    host = onnx.parser.parse_model(TWO_OF_FIVE)
    model = attach(host, CARD, several="each", class_names=NAMES)
    assert [head.card.class_names for head in read_heads(model).heads] == [NAMES, NAMES]
    with pytest.raises(LogitconfError, match="in their order, got 2"):
        attach(hosts.three_softmaxes(), CARD, several="joint", class_names=("a", "b"))


def test_a_head_alone_carries_names_too() -> None:
    card = replace(CARD, n_classes=5)
    model = to_onnx(card, class_names=NAMES)
    assert read_metadata(model).card == replace(card, class_names=NAMES)
    assert model.graph == to_onnx(card).graph
