"""Real reports are what `report.schema.json` says; with one member changed they are not."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from fastjsonschema import JsonSchemaValueException
from support import faults, head_models, several_hosts
from support.report_schema import SCHEMA, check_report

from logitconf.card.score_card import HeadForm
from logitconf_export import attach
from logitconf_export.drift.measuring import drift
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.verification.report import REPORT_SCHEMA
from logitconf_export.verification.verifying import verify

PIXELS = head_models.make_pixels(60)
Values = dict[str, Any]


def verified(model: Any, **options: Any) -> Values:
    report = verify(model, optimisations=("all",), pairs=16, **options)
    values: Values = json.loads(report.to_json())
    return values


def attached(score: str = "softmax") -> Any:
    head = head_models.make_head(score, "multiclass", 5)
    return attach(head_models.make_host(), head, logits="logits", kind="logits")


def tampered(name: str) -> Any:
    model = to_onnx(head_models.make_head())
    faults.GRAPH_FAULTS[name](model)
    return model


def several() -> Any:
    head = head_models.make_head("softmax", "multiclass", None, form=HeadForm())
    return attach(several_hosts.three_softmaxes(), head, several="joint")


REPORTS: dict[str, Callable[[], Values]] = {
    "a head": lambda: verified(to_onnx(head_models.make_head())),
    "a host on given inputs": lambda: verified(attached(), feeds={"pixels": PIXELS}),
    "members, in double": lambda: verified(
        to_onnx(
            head_models.make_ensemble_head(
                "mutual_information", "multiclass", 10, precision="float64"
            )
        )
    ),
    "several heads": lambda: verified(several(), feeds={"x": several_hosts.ROWS}),
    "a fault that flips masks": lambda: verified(tampered("NaN accepted")),
    "a provider that is not there": lambda: verified(
        to_onnx(head_models.make_head()), providers=["coreml"]
    ),
    "drift": lambda: json.loads(drift(attached(), attached(), {"pixels": PIXELS}).to_json()),
}


@pytest.fixture(scope="module")
def found() -> Values:
    return verified(to_onnx(head_models.make_head()))


@pytest.mark.parametrize("name", REPORTS)
def test_every_real_report_is_as_the_schema_says(name: str) -> None:
    values = REPORTS[name]()
    check_report(values)
    assert values["schema"] == REPORT_SCHEMA == SCHEMA["definitions"]["version"]["const"]


def test_a_report_of_flips_lists_them() -> None:
    values = REPORTS["a fault that flips masks"]()
    flips = [flip for run in values["runs"] for flip in run["eager"]["flips"]]
    assert not values["passed"]
    assert {flip["reference"] for flip in flips} >= {"nan"}


def _paths(values: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Of every member of every object; of lists the first item stands for all."""
    if isinstance(values, list):
        return _paths(values[0], (*path, 0)) if values else []
    if not isinstance(values, dict):
        return []
    return [(*path, key) for key in values] + [
        deeper for key, value in values.items() for deeper in _paths(value, (*path, key))
    ]


def changed(values: Values, path: tuple[Any, ...], change: Callable[[Any, Any], None]) -> Values:
    """A copy of the report with one member changed."""
    copied = copy.deepcopy(values)
    parent: Any = copied
    for key in path[:-1]:
        parent = parent[key]
    change(parent, path[-1])
    return copied


def test_a_member_that_is_missing_more_or_of_another_type_is_refused(found: Values) -> None:
    paths = [path for path in _paths(found) if "quantiles" not in path and "providers" not in path]
    assert len(paths) > 70
    for path in paths:
        for change in (
            lambda parent, key: parent.pop(key),
            lambda parent, key: parent.update({f"{key}_more": 1}),
            lambda parent, key: parent.update({key: [[None]]}),
        ):
            with pytest.raises(JsonSchemaValueException, match="data"):
                check_report(changed(found, path, change))


@pytest.mark.parametrize(
    ("member", "value"), [("schema", 2), ("report", "else"), ("rows", -1), ("band", "wide")]
)
def test_values_out_of_range_are_refused(found: Values, member: str, value: Any) -> None:
    with pytest.raises(JsonSchemaValueException, match="data"):
        check_report({**found, member: value})


def test_a_number_that_is_not_finite_is_one_of_three_words(found: Values) -> None:
    path = ("runs", 0, "eager", "tolerance_needed")
    check_report(changed(found, path, lambda parent, key: parent.update({key: "inf"})))
    with pytest.raises(JsonSchemaValueException, match="data"):
        check_report(changed(found, path, lambda parent, key: parent.update({key: "Infinity"})))


def test_every_part_of_the_schema_is_explained() -> None:
    plain = {"strings"}
    assert [
        name
        for name, part in SCHEMA["definitions"].items()
        if not part.get("description") and name not in plain
    ] == []
