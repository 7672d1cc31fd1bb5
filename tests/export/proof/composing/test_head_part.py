"""The part of a file that makes score and mask is found by what it reads."""

import pytest
from support import head_models
from support.proofs import model_of

from logitconf_export import attach
from logitconf_export.heads.metadata import read_metadata
from logitconf_export.proof.composing.head_part import HeadPart, WrongConnectionError


def test_the_host_is_no_part_of_the_head() -> None:
    head = head_models.make_head("softmax", "multiclass", 5)
    model = attach(head_models.make_host(), head, logits="logits", kind="logits")
    part = HeadPart.of(model, read_metadata(model))
    assert part.tensor == "logits"
    assert all("logits" not in node.output for node in part.nodes)


def test_a_head_that_reads_something_else_is_wrongly_connected() -> None:
    model = model_of("softmax")
    metadata = read_metadata(model)
    model.graph.input[0].name = "other"
    for node in model.graph.node:
        node.input[:] = ["other" if name == "logits" else name for name in node.input]
    with pytest.raises(WrongConnectionError, match="'other'"):
        HeadPart.of(model, metadata)
