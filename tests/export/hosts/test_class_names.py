"""Names of classes are read from hosts that carry them, and from no others."""

import json

import onnx
import pytest
from onnx import helper
from support import tampering

from logitconf.card.score_card import ScoreCard
from logitconf_export import attach, detach, reattach, verify
from logitconf_export.heads.metadata import read_metadata
from logitconf_export.hosts.class_names import names_in

NAMES = ("cat", "dog", "eel", "fox", "gnu")
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
