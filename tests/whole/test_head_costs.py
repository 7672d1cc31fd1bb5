"""Nodes and bytes of every head are those that are on record, and are counted right."""

from pathlib import Path

import pytest
from onnx import parser
from support.graph_costs import case_cost, cell, cells_in, counted_heads, graph_cost
from support.head_revisions import head_model

from logitconf import LogitconfError

RECORD = Path(__file__).parents[1] / "records" / "head_costs.md"


def test_every_head_costs_what_the_record_says() -> None:
    recorded = cells_in(RECORD.read_text(encoding="utf-8"))
    cases = counted_heads()
    assert len(recorded) == len(cases)
    wrong = {}
    for case in cases:
        cost = cell(case_cost(head_model(case), case))
        if recorded[case.score, case.task, case.columns, case.runtime] != cost:
            wrong[case] = cost
    assert not wrong, "write the record again: python -m benchmarks.head_costs"


MODEL = """<ir_version: 8, opset_import: ["" : 17]>
head (float[N, 4] logits) => (float[N] score, bool[N] mask)
<float two = {2.0}, float limit = {-1.0}> {
    folded = Reciprocal (two)
    scaled = Mul (logits, folded)
    largest = ReduceMax <axes = [1], keepdims = 1> (scaled)
    flat = Squeeze <axes = [1]> (largest)
    score = Neg (flat)
    mask = Less (score, limit)
}"""


def test_nodes_and_bytes_are_those_of_a_sum_by_hand() -> None:
    text = MODEL.replace("Squeeze <axes = [1]> (largest)", "Squeeze (largest, axis)")
    text = text.replace("<float two", "<int64[1] axis = {1}, float two")
    cost = graph_cost(parser.parse_model(text), (3, 4))
    logits, rows = 3 * 4 * 4, 3 * 4
    by_hand = (logits + 4 + logits) + (logits + rows) + 2 * rows + (rows + 4 + 3)
    # what depends on constants alone is folded, and a Squeeze moves nothing
    assert (cost.nodes, cost.bytes) == (5, by_hand)
    assert cost.passes == pytest.approx(by_hand / logits)


def test_a_value_of_unknown_size_is_not_counted() -> None:
    text = """<ir_version: 8, opset_import: ["" : 17]>
    head (float[N, 4] logits) => (float[N] score) {
        places = NonZero (logits)
        score = Cast <to = 1> (places)
    }"""
    with pytest.raises(LogitconfError, match="every size of"):
        graph_cost(parser.parse_model(text), (3, 4))
