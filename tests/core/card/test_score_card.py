"""Score cards: what is kept exactly, what older versions wrote, and what is refused."""

import json
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logitconf.calibration.temperature.outcome import TemperatureFit
from logitconf.card.parts import Certificate, ParameterFit, RowCounts, Split
from logitconf.card.score_card import CARD_SCHEMA, ScoreCard
from logitconf.errors import LogitconfError
from logitconf.tasks import Task
from logitconf.thresholds.certificate import broken_bindings, wrong_arithmetic

# written by the version before schema 2, from 400 rows with a holdout
OLD = Path(__file__).parents[2] / "records" / "card_schema_1.json"
PLAIN = ScoreCard("margin", "multiclass", 1.5, -0.5, 4)


def test_a_card_of_schema_1_is_read_and_its_certificate_is_still_its_own() -> None:
    old = json.loads(OLD.read_text(encoding="utf-8"))
    card = ScoreCard.load(OLD)
    assert broken_bindings(card) == wrong_arithmetic(card) == ()
    assert card.rows == RowCounts(200, 0, 52, old["calibration"]["sha256"], Split(0.5, 3, True))
    values = card.to_dict()
    assert values.pop("schema") == CARD_SCHEMA == 2
    renamed = {"rows" if name == "calibration" else name: old[name] for name in old}
    del renamed["schema"]
    # what came later is absent there
    assert json.loads(json.dumps(values)) == {"score_choice": None, **renamed}
    assert ScoreCard.from_dict(json.loads(card.to_json())) == card


def test_the_parts_of_a_card_are_frozen_values() -> None:
    card = ScoreCard.load(OLD)
    assert isinstance(card.temperature_fit, TemperatureFit)
    assert card.temperature_fit.standard_error == 0.2256383144962956
    assert isinstance(card.certificate, Certificate)
    assert card.certificate.data == card.rows
    assert card.parameter_fit == ParameterFit(
        "AURC", 0.20817325905739523, {"gamma": (0.1, 0.01, 0.03, 0.3, 1.0)}
    )
    with pytest.raises(AttributeError, match="rows"):
        card.certificate.rows = 1  # type: ignore[misc]


@dataclass
class Pickled:
    """Pickles as a card of an older version did: the class, and its fields as plain values."""

    state: list[Any]

    def __reduce__(self) -> tuple[Any, ...]:
        return object.__new__, (ScoreCard,), self.state


def test_pickles_of_older_versions_hold_the_same_card() -> None:
    old = json.loads(OLD.read_text(encoding="utf-8"))
    card = ScoreCard.load(OLD)
    names = ["calibration" if f.name == "rows" else f.name for f in fields(ScoreCard)]
    # fields that came later stand behind all others
    state = [old[name] for name in names if name in old]
    assert pickle.loads(pickle.dumps(Pickled(state))) == card
    assert pickle.loads(pickle.dumps(card)) == card
    # before there were members and labels
    made = pickle.loads(pickle.dumps(Pickled(["margin", "multiclass", 1.5, -0.5, 4])))
    assert made == PLAIN


floats = st.floats(-(2.0**127), 2.0**127, width=32)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(
    temperature=st.floats(2.0**-60, 2.0**60, width=32),
    thresholds=st.one_of(floats, st.lists(floats, min_size=1, max_size=5).map(tuple)),
    share=st.floats(0.0, 1.0),
)
def test_every_number_is_kept_to_the_last_bit(
    temperature: float, thresholds: float | tuple[float, ...], share: float
) -> None:
    policy = {"name": "quantile", "q": share}
    card = ScoreCard("margin", "multiclass", temperature, thresholds, policy=policy)
    kept = ScoreCard.from_dict(json.loads(card.to_json()))
    assert kept == card
    assert kept.temperature == temperature
    assert kept.threshold == thresholds
    assert kept.policy == policy


def test_a_change_of_what_to_dict_gave_leaves_the_card_alone() -> None:
    card = ScoreCard.load(OLD)
    values = card.to_dict()
    values["policy"]["risk"] = values["certificate"]["policy"]["risk"] = 0.5
    values["parameters"]["gamma"] = 0.5
    assert card == ScoreCard.load(OLD)


def with_values(**changes: object) -> dict[str, Any]:
    return {**PLAIN.to_dict(), **changes}


REFUSED: Mapping[str, tuple[object, str]] = {
    "a list": ([], "must be a JSON object with 'score' and 'task'"),
    "no score": ({"schema": 2, "task": "binary"}, "must be a JSON object"),
    "a newer schema": (with_values(schema=3), "schema 1 to 2, got 3"),
    "true for a schema": (with_values(schema=True), "schema 1 to 2, got True"),
    "another key": (with_values(colour="red"), r"got \['colour'\] too"),
    "the key of schema 1": (with_values(calibration=None), r"got \['calibration'\] too"),
    "both keys": (with_values(schema=1, calibration=None), "'calibration', got 'rows'"),
    "another score": (with_values(score="luck"), "'score' must be one of .*'entropy'.* got 'luck'"),
    "another task": (with_values(task="luck"), "'task' must be one of .* got 'luck'"),
    "a number for a score": (with_values(score=3), "'score' .* a text, got a whole number"),
    "a text for T": (with_values(temperature="1"), "'temperature' .* a number, got a text"),
    "a T of 0": (with_values(temperature=0), r"temperature must be in \[1e-30, 1e30\], got 0"),
    "NaN": (with_values(threshold=float("nan")), "finite numbers, got nan"),
    "a wide integer": (with_values(threshold=10**400), "at most 128 bits"),
    "an empty vector": (with_values(threshold=[]), "one for each class, got none"),
    "a vector of texts": (with_values(threshold=[-1.0, "a"]), r"'threshold\[1\]' .* got a text"),
    "thresholds for other columns": (
        with_values(threshold=[-1.0, -2.0]),
        "one for each of 4 columns, got 2",
    ),
    "no columns": (with_values(n_classes=0), "'n_classes' must be a count in 1..16777216, got 0"),
    "true columns": (with_values(n_classes=True), "'n_classes' .* got true or false"),
    "negative members": (with_values(members=-1), "'members' must be a count in 0.* got -1"),
    "an unknown parameter": (with_values(parameters={"p": 2}), r"parameters \[\], got \['p'\]"),
    "rows with another key": (
        with_values(rows={"rows": 1, "not_finite": 0, "errors": 0, "mean": 2}),
        r"'rows' in a score card .* \['mean'\] too",
    ),
    "rows without a count": (
        with_values(rows={"rows": 1, "errors": 0}),
        r"'rows' in a score card must have the keys .* no \['not_finite'\]",
    ),
    "a negative count": (
        with_values(rows={"rows": -1, "not_finite": 0, "errors": 0}),
        "'rows' must be a count in .* got -1",
    ),
    "a policy of no name": (with_values(policy={"q": 0.9}), "name of a policy' must be a text"),
    "a policy without its number": (
        with_values(policy={"name": "quantile"}),
        "'quantile' must have the keys",
    ),
    "a policy of classes in classes": (
        with_values(
            policy={"name": "per class", "classes": [{"name": "per class", "classes": []}]}
        ),
        "name of a policy in classes' must be one of",
    ),
    "a share above 1": (
        with_values(policy={"name": "coverage", "coverage": 1.5}),
        r"'coverage' must be a finite number in \[0, 1\], got 1.5",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_card_is_refused_with_a_sentence(name: str) -> None:
    values, words = REFUSED[name]
    with pytest.raises(LogitconfError, match=words) as refusal:
        ScoreCard.from_dict(values)
    assert len(str(refusal.value)) < 500
    assert "\n" not in str(refusal.value)


def test_a_card_made_in_python_is_checked_alike() -> None:
    with pytest.raises(LogitconfError, match="'score' must be one of"):
        replace(PLAIN, score="luck")
    with pytest.raises(LogitconfError, match="'luck'"):
        replace(PLAIN, policy={"name": "luck"})
    with pytest.raises(LogitconfError, match="temperature must be a number"):
        replace(PLAIN, temperature=10**400)
    assert replace(PLAIN, temperature=np.float64(0.1)).temperature == float(np.float32(0.1))


def test_the_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    with pytest.raises(
        LogitconfError, match=r"card\.json must be a score card in JSON, .*no such file"
    ):
        ScoreCard.load(path)
    path.write_text("[]")
    with pytest.raises(LogitconfError, match=r"card\.json: a score card must be a JSON object"):
        ScoreCard.load(path)


def test_a_card_that_could_not_be_read_again_is_not_written() -> None:
    classes = 700_000
    card = replace(PLAIN, threshold=(-0.1234567,) * classes, n_classes=classes)
    with pytest.raises(LogitconfError, match=r"at most 16777216 bytes of JSON, got [0-9]+; give"):
        card.to_json()


def test_the_tasks_of_cards_are_the_tasks() -> None:
    from logitconf.card import score_card

    assert set(score_card._TASKS) == set(get_args(Task))
