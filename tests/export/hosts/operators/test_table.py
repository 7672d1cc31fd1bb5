"""One row an operator: what the table says of each is what ONNX defines."""

import onnx
import pytest

from logitconf_export.hosts.graph.scope import ANY_DOMAIN
from logitconf_export.hosts.operators.table import OPERATORS, table_of
from logitconf_export.hosts.reader import MICROSOFT, OperatorRow

DEFINED = [key for key in OPERATORS.rows if key[0] not in (ANY_DOMAIN, MICROSOFT)]


def test_an_operator_has_one_row() -> None:
    with pytest.raises(ValueError, match="Softmax has two"):
        table_of([OperatorRow(name="Softmax"), OperatorRow(name="Softmax", inputs=1)])
    both = table_of([OperatorRow(name="Gelu"), OperatorRow(name="Gelu", domains=("com.x",))])
    assert len(both.rows) == 2


@pytest.mark.parametrize(("domain", "name"), DEFINED)
def test_a_row_needs_no_more_inputs_than_onnx_defines(domain: str, name: str) -> None:
    row = OPERATORS.rows[domain, name]
    schema = onnx.defs.get_schema(name, domain=domain)
    assert row.inputs <= schema.max_input
    if row.pair:
        assert schema.min_input == schema.max_input == row.inputs == 2


def test_the_default_domain_has_two_spellings() -> None:
    rows = [OPERATORS.row(onnx.helper.make_node("Softmax", ["x"], ["y"], domain=d))
            for d in ("", "ai.onnx")]  # fmt: skip
    assert rows[0] is rows[1] is OPERATORS.rows["", "Softmax"]


def test_an_operator_that_is_not_listed_or_of_another_domain_says_nothing() -> None:
    for name, domain in (("Nothing", ""), ("Softmax", "com.example")):
        row = OPERATORS.row(onnx.helper.make_node(name, ["x"], ["y"], domain=domain))
        assert row is OPERATORS.unlisted
        assert (row.read, row.shape, row.layer, row.follows) == (None, None, None, None)


def test_a_detector_is_known_in_the_domain_of_any_plug_in() -> None:
    node = onnx.helper.make_node("EfficientNMS_TRT", ["x"], ["y"], domain="TRT")
    assert OPERATORS.row(node).detects


def test_what_copies_says_which_input_it_copies() -> None:
    rows = list(OPERATORS.rows.values())
    assert [r.name for r in rows if r.copies and r.follows is None] == []
    assert [r.name for r in rows if (r.softens or r.picks) and r.follows is None] == []
    assert {r.name for r in rows if r.switches} == {"If", "Loop", "Scan", "SequenceMap"}
