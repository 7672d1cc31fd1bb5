"""Hostile cards and metadata work or are refused with a sentence, wherever they are used."""

from functools import partial
from pathlib import Path

import pytest
from support import hostile_cards
from support.hostile_cards import Case

from logitconf.errors import LogitconfError

CASES = 200
FIT_THE_HOST = {
    "certified", "per class", "parameters", "outside", "inside", "chosen", "vector map",
    "matrix map",
}  # fmt: skip


def test_hostile_cards_work_or_are_refused(tmp_path: Path) -> None:
    ends, tried, faults = hostile_cards.try_all(CASES, tmp_path, thorough=False)
    assert not faults, faults[:5]
    assert tried["card"] == tried["metadata"] == CASES // 2
    for step in ("card: load", "metadata: inspect", "metadata: retune"):
        assert ends[step, "refused"] > CASES / 5
        assert ends[step, "works"] > CASES / 100


def test_cards_as_they_are_pass_every_step(tmp_path: Path) -> None:
    for name, score in hostile_cards.seeds().items():
        case = Case(name, "none", score.card.to_json)
        steps = hostile_cards.card_steps(case, tmp_path)
        outcomes = {step: end for step, end, _ in hostile_cards.ended(case, steps)}
        # the host has four classes that compete
        attached = outcomes.pop("attach")
        assert attached == ("works" if name in FIT_THE_HOST else "refused")
        assert set(outcomes.values()) == {"works"}, (name, outcomes)
    for name, model in hostile_cards.models().items():
        case = Case(name, "none", partial(hostile_cards.metadata_of, model))
        steps = hostile_cards.model_steps(case, tmp_path, thorough=True)
        outcomes = {step: end for step, end, _ in hostile_cards.ended(case, steps)}
        alone = name in {"head", "labels"}
        assert {step for step, end in outcomes.items() if end == "refused"} == (
            {"detach", "reattach"} if alone else set()
        ), (name, outcomes)


@pytest.mark.parametrize("error", [KeyError("a"), RecursionError(), LogitconfError("a" * 5000)])
def test_anything_but_a_sentence_is_a_fault(error: Exception) -> None:
    def fails() -> None:
        raise error

    case = Case("none", "none", str)
    ((step, end, fault),) = hostile_cards.ended(case, iter([("step", fails)]))
    assert (step, end) == ("step", "fault")
    assert fault is not None


def test_every_place_of_a_card_is_changed() -> None:
    changes = {case.change for case in hostile_cards.cases("x", {"a": {"b": [1]}, "c": 2})}
    for place in ("a", "a.b", "a.b.0", "c"):
        assert f"{place} = nan" in changes
        assert f"{place} is missing" in changes
    assert {"a twice", "a.b twice", "c is called otherwise", "all with another key"} <= changes
