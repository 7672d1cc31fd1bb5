"""How a value is followed back."""

import pytest
from onnx import parser
from support.hosts.text import LOGITS, host

from logitconf_export.hosts.graph.indexing import index_model
from logitconf_export.hosts.operators.table import OPERATORS, reader_of
from logitconf_export.hosts.reader import Reading, Result, Unread, passes


def read(body: str, name: str = "y", steps: int | None = None) -> Result:
    model = parser.parse_model(host(body))
    reader = reader_of(model)
    if steps is not None:
        reader.steps = steps
    return reader.read(index_model(model, OPERATORS), name)


def test_moves_are_passed_and_the_axis_goes_with_them() -> None:
    result = read(f"{LOGITS} p = Softmax(z) y = Transpose(p)")
    assert isinstance(result, Reading)
    assert (result.tensor, result.tensor_axis, result.axis) == ("z", 1, 0)


def test_reading_is_given_up_after_its_steps() -> None:
    body = f"{LOGITS} p = Softmax(z) q = Identity(p) r = Identity(q) y = Identity(r)"
    assert isinstance(read(body, steps=4), Reading)
    result = read(body, steps=3)
    assert isinstance(result, Unread)
    assert "too long" in result.reason


@pytest.mark.parametrize(
    ("node", "passed"),
    [("Identity(z)", True), ("Cast<to = 10>(z)", True), ("Cast<to = 7>(z)", False),
     ("Neg(z)", False), ("Dropout(z)", True), ("Gather(z, one)", False)],
)  # fmt: skip
def test_only_copies_and_moves_are_passed(node: str, passed: bool) -> None:
    scope = index_model(parser.parse_model(host(f"{LOGITS} y = {node}")), OPERATORS)
    assert passes(scope, scope.producers["y"]) is passed


def test_a_doubt_keeps_the_reading_and_says_why() -> None:
    result = read(f"{LOGITS} y = Softmax(z)")
    assert isinstance(result, Reading)
    doubted = result.doubted("so it seems").indirect("labels").indirect("again")
    assert (doubted.certain, doubted.direct, doubted.tensor) == (False, False, "z")
    assert doubted.reason == "Softmax node; so it seems; labels"
