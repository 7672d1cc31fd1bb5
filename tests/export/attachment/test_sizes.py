"""How many bytes heads take: what is said of it against the files themselves, and the limit."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest
from support import several_hosts
from support.head_models import make_host

from logitconf import attach, detach, to_onnx
from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.fitting.score_classes import SoftmaxScore
from logitconf.head_spec import Head
from logitconf_export.attachment.sizes import added_bytes
from logitconf_export.heads.metadata import read_heads, write_heads
from logitconf_export.testing import runtime_matrix as matrix

CARD = ScoreCard("softmax", "multiclass", 1.5, -0.6, class_names=("à", "b", "c", "d", "e"))


def certified() -> ScoreCard:
    random = np.random.default_rng(0)
    labels = random.integers(0, 5, 600)
    logits = random.normal(0, 2, (600, 5)) + 5 * np.eye(5)[labels]
    score = SoftmaxScore().fit(logits, labels, holdout=0.5).set_threshold(risk=0.1)
    assert score.card.certificate is not None
    return score.card


CASES: dict[str, tuple[onnx.ModelProto, Callable[[onnx.ModelProto], onnx.ModelProto]]] = {
    "one": (make_host(), lambda host: attach(host, CARD)),
    "certified": (make_host(), lambda host: attach(host, certified())),
    "tunable": (make_host(), lambda host: attach(host, CARD, tunable=True, outputs=["label"])),
    "info": (make_host(), lambda host: attach(host, CARD, model_info=True)),
    "joint": (
        several_hosts.three_softmaxes(),
        lambda host: attach(host, replace(CARD, class_names=None), several="joint"),
    ),
    "large": (
        make_host(),
        # past the next step of the length of a graph's length
        lambda host: attach(host, matrix.middling_head("gen", "multiclass", 5), outputs=["label"]),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_parts_are_together_what_the_file_has_grown_by(case: str) -> None:
    host, attached = CASES[case]
    model = attached(host)
    parts = added_bytes(model)
    assert sum(parts.values()) == len(model.SerializeToString()) - len(host.SerializeToString())
    assert detach(model) == host
    assert ("certificate" in parts) == ("sketch" in parts) == (case == "certified")
    own = [t for t in model.graph.initializer if t.name.startswith("logitconf/")]
    # each has a byte for its field and one for its length
    assert parts["initializers"] == sum(len(t.SerializeToString()) + 2 for t in own)


@pytest.mark.parametrize("part", ["certificate", "sketch", "confidence", "policy"])
def test_a_part_of_the_card_is_what_the_file_loses_without_it(part: str) -> None:
    model = attach(make_host(), certified())
    parts, before = added_bytes(model), model.ByteSize()
    heads = read_heads(model)
    card = replace(heads.heads[0].card, **{part: None})
    write_heads(model, replace(heads, heads=(replace(heads.heads[0], card=card),)))
    assert parts[part] == before - model.ByteSize() > 50


def test_of_a_head_alone_every_byte_counts() -> None:
    model = to_onnx(Head.of_card(CARD, HeadForm(5)))
    assert sum(added_bytes(model).values()) == len(model.SerializeToString())
