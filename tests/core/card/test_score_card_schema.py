"""The published schema of cards: real cards fit it, and it fits the types that read them."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from importlib.resources import files
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

import fastjsonschema
import pytest
from support import hostile_cards

from logitconf.calibration.maps.calibration_map import CalibrationMap, MapFit
from logitconf.calibration.temperature.outcome import TemperatureFit
from logitconf.card.choice import ScoreChoice
from logitconf.card.confidence import ConfidenceMap
from logitconf.card.modes import LabelMap, Modes
from logitconf.card.parts import Certificate, ParameterFit, RowCounts, Split
from logitconf.card.score_card import CARD_SCHEMA, ScoreCard
from logitconf.errors import LogitconfError
from logitconf.policy_table import POLICIES, POLICY_PARTS

SCHEMA = json.loads((files("logitconf") / "card.schema.json").read_text(encoding="utf-8"))
DEFINITIONS = SCHEMA["definitions"]
check_card: Callable[[Any], Any] = fastjsonschema.compile(SCHEMA)
PARTS = {
    "temperature_fit": TemperatureFit,
    "rows": RowCounts,
    "split": Split,
    "certificate": Certificate,
    "parameter_fit": ParameterFit,
    "score_choice": ScoreChoice,
    "calibration_map": CalibrationMap,
    "map_fit": MapFit,
    "confidence": ConfidenceMap,
    "modes": Modes,
    "label_map": LabelMap,
}
CASES = 1500


@pytest.mark.parametrize("name", hostile_cards.seeds())
def test_every_real_card_is_as_the_schema_says(name: str) -> None:
    card = hostile_cards.seeds()[name].card
    check_card(json.loads(card.to_json()))
    check_card(ScoreCard("margin", "multiclass").to_dict())
    assert SCHEMA["properties"]["schema"] == {
        "const": CARD_SCHEMA,
        "description": SCHEMA["properties"]["schema"]["description"],
    }


def test_what_is_read_is_as_the_schema_says() -> None:
    """One change in a card: whatever is still read, the schema allows."""
    cases = [case for case in hostile_cards.card_cases() if "schema" not in case.change]
    read = 0
    for case in random.Random(1).sample(cases, CASES):
        try:
            ScoreCard.from_dict(json.loads(case.text, parse_constant=float))
        except (LogitconfError, ValueError, RecursionError):
            continue
        try:
            check_card(json.loads(case.text))
        except fastjsonschema.JsonSchemaException as error:
            pytest.fail(f"{case.seed}, {case.change}: {error}")
        read += 1
    assert read > CASES / 20


def test_what_the_schema_refuses_is_refused() -> None:
    values = hostile_cards.seeds()["certified"].card.to_dict()
    for changed in (
        {**values, "colour": "red"},
        {**values, "temperature": "1"},
        {**values, "policy": {"name": "luck"}},
        {**values, "rows": {**values["rows"], "mean": 1}},
        {**values, "certificate": {**values["certificate"], "risk": 1}},
    ):
        with pytest.raises(fastjsonschema.JsonSchemaException):
            check_card(json.loads(json.dumps(changed)))
        with pytest.raises(LogitconfError):
            ScoreCard.from_dict(changed)


def json_types(hint: Any) -> set[str]:
    """The JSON types of a Python type."""
    if isinstance(hint, UnionType):
        return set().union(*map(json_types, get_args(hint)))
    if is_dataclass(hint) or get_origin(hint) is get_origin(Mapping[str, int]):
        return {"object"}
    if get_origin(hint) is tuple:
        return {"array"}
    names = {float: "number", int: "integer", str: "string", bool: "boolean", NoneType: "null"}
    return {names[hint]}


def allowed_types(member: Any) -> set[str]:
    """The JSON types that a member of the schema allows."""
    if "$ref" in member:
        return allowed_types(DEFINITIONS[member["$ref"].rpartition("/")[2]])
    for key in ("anyOf", "oneOf"):
        if key in member:
            return set().union(*map(allowed_types, member[key]))
    if "type" in member:
        given = member["type"]
        return set(given) if isinstance(given, list) else {given}
    return {"string" if isinstance(value, str) else "other" for value in member["enum"]}


@pytest.mark.parametrize("name", ["card", *PARTS])
def test_schema_and_type_have_the_same_fields_of_the_same_types(name: str) -> None:
    kind: Any = ScoreCard if name == "card" else PARTS[name]
    part = SCHEMA if name == "card" else DEFINITIONS[name]
    members = {key: value for key, value in part["properties"].items() if key != "schema"}
    hints = get_type_hints(kind)
    assert list(members) == [field.name for field in fields(kind)]
    assert {key: allowed_types(value) for key, value in members.items()} == {
        key: json_types(hint) for key, hint in hints.items()
    }
    needed = {f.name for f in fields(kind) if f.default is f.default_factory is MISSING}
    # the seal has a default while it is made, and every certificate has one
    sealed = {"sha256"} if kind is Certificate else set()
    assert set(part["required"]) - {"schema"} == needed | sealed
    assert part["additionalProperties"] is False
    assert all(member.get("description") for member in members.values())


def test_schema_and_code_know_the_same_policies() -> None:
    known = {name: {"name", *row.numbers} for name, row in POLICIES.items()}
    shared = {"simultaneous", "confidence"}
    known |= {name: {"name", key, *shared} for name, (key, _) in POLICY_PARTS.items()}
    described = {
        part["properties"]["name"]["const"]: set(part["properties"])
        - {"rows", "accepted", "errors"}
        for name, part in DEFINITIONS.items()
        if name.startswith("policy_")
    }
    assert described == known
