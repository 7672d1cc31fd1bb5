"""How many bytes heads take: what is said of it against the files themselves, and the limit."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from support import runtime_matrix as matrix
from support import several_hosts
from support.head_models import make_host

from logitconf import attach, detach, to_onnx
from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.fitting.logit_score import LogitScore
from logitconf.fitting.score_classes import EnergyScore, EntropyScore, MarginScore, SoftmaxScore
from logitconf.head_spec import Head
from logitconf_export.attachment.sizes import added_bytes
from logitconf_export.heads.metadata import read_heads, write_heads

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
    without: dict[str, Any] = {part: None}
    card = replace(heads.heads[0].card, **without)
    write_heads(model, replace(heads, heads=(replace(heads.heads[0], card=card),)))
    assert parts[part] == before - model.ByteSize() > 50


def test_of_a_head_alone_every_byte_counts() -> None:
    model = to_onnx(Head.of_card(CARD, HeadForm(5)))
    assert sum(added_bytes(model).values()) == len(model.SerializeToString())


LIMIT = 4096
"""Bytes that a head of score and mask with one temperature may take, without a certificate."""
BARE = [
    (score, task, columns)
    for task, sizes in {
        "multiclass": (2, 3, 6, 7, 10, 47, 48, 97, 1000, 128256),
        "binary": (1, 2),
        "multilabel": (10, 1000),
    }.items()
    for columns in sizes
    for score in matrix.scores_for(task, columns)
]


def host_of(columns: int) -> onnx.ModelProto:
    return onnx.parser.parse_model(
        f"""<ir_version: 8, opset_import: ["" : 17]>
        host (float[N, {columns}] x) => (float[N, {columns}] z) {{ z = Neg (x) }}"""
    )


@pytest.mark.parametrize("runtime", ["any", "onnxruntime", "cuda"])
def test_a_head_of_one_temperature_takes_at_most_four_kilobytes(runtime: str) -> None:
    taken = {}
    for score, task, columns in BARE:
        host = host_of(columns)
        # the numbers of the card alone decide how long it is
        card = matrix.middling_head(score, task, min(columns, 10)).card
        model = attach(host, card, logits="z", kind="logits", runtime=runtime)
        taken[score, task, columns] = model.ByteSize() - host.ByteSize()
    assert {case: size for case, size in taken.items() if size > LIMIT} == {}
    # and no head is longer for more classes, beyond what its form changes
    assert taken["margin", "multiclass", 128256] < taken["margin", "multiclass", 1000] + 20


@pytest.mark.parametrize("kind", [SoftmaxScore, EntropyScore, EnergyScore, MarginScore])
@pytest.mark.parametrize("columns", [2, 10, 1000])
def test_so_it_does_with_all_that_fit_says_in_its_card_but_the_sketch(
    kind: type[LogitScore], columns: int
) -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, columns, 400)
    logits = random.normal(0, 2, (400, columns)) + 6 * np.eye(columns)[labels]
    score = kind().fit(logits, labels).set_threshold(coverage=0.9)
    assert None not in (score.card.temperature_fit, score.card.rows, score.card.sketch)
    parts = added_bytes(attach(host_of(columns), score.card, logits="z", kind="logits"))
    assert sum(parts.values()) - parts["sketch"] <= LIMIT
