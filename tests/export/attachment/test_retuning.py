from dataclasses import replace
from typing import Any

import pytest
from export.attachment.test_recognition import THRESHOLDS, make_host, make_score, run
from support.other_tools import TOOLS

from logitconf import LogitconfError
from logitconf.card.confidence import ConfidenceMap
from logitconf.card.modes import Modes
from logitconf.card.score_card import ScoreCard
from logitconf_export import attach, reattach, retune, to_onnx, verify
from logitconf_export.heads.metadata import read_metadata


@pytest.mark.parametrize("name", THRESHOLDS)
@pytest.mark.parametrize("temperature", [1.0, 2.0, 1.7])
def test_a_head_whose_temperature_was_folded_is_not_retuned_until_it_is_put_back(
    name: str, temperature: float
) -> None:
    model = attach(make_host(), make_score(name, temperature).compile(n_classes=5))
    optimised = TOOLS["optimised"](model)
    assert run(optimised).keys() == run(model).keys()
    with pytest.raises(LogitconfError, match="reattach"):
        retune(optimised, temperature=3.0)
    wanted = run(retune(model, temperature=3.0))
    for now, then in zip(
        run(retune(reattach(optimised), temperature=3.0)).values(), wanted.values(), strict=True
    ):
        assert abs(now.astype(float) - then).max() < 1e-5


def sure_card(**more: Any) -> ScoreCard:
    knots = ConfidenceMap((-1.0, -0.5), (1.0, 0.5), 90)
    return ScoreCard("softmax", "multiclass", 1.5, -0.6, 5, confidence=knots, **more)


def test_a_threshold_by_the_least_confidence_is_where_the_cards_line_crosses_it() -> None:
    model = to_onnx(sure_card(), outputs=["confidence"])
    tuned = retune(model, min_confidence=0.75)
    assert read_metadata(tuned).card.threshold == -0.75
    assert verify(tuned, pairs=50, optimisations=["all"]).passed
    with pytest.raises(LogitconfError, match="needs a card that was fitted on rows with labels"):
        retune(to_onnx(replace(sure_card(), confidence=None)), min_confidence=0.75)


def test_a_head_that_gives_a_confidence_keeps_its_temperature() -> None:
    with pytest.raises(LogitconfError, match="keeps its temperature"):
        retune(to_onnx(sure_card(), outputs=["confidence"]), temperature=2.0)
    assert read_metadata(retune(to_onnx(sure_card()), temperature=2.0)).card.confidence is None


def test_a_mode_is_a_threshold_under_a_name() -> None:
    modes = Modes(("strict", "loose"), (-0.9, -0.3), None)
    model = to_onnx(sure_card(modes=modes), outputs=["label"])
    for name, threshold in (("strict", -0.9), ("loose", -0.3)):
        tuned = retune(model, mode=name)
        card = read_metadata(tuned).card
        assert card.threshold == pytest.approx(threshold)
        assert card.modes is not None
        assert card.modes.chosen == name
        assert verify(tuned, pairs=50, optimisations=["all"]).passed
    other = read_metadata(retune(tuned, threshold=-0.5)).card
    assert other.modes is not None
    assert (other.threshold, other.modes.chosen) == (-0.5, None)
    with pytest.raises(LogitconfError, match=r"modes are .'strict', 'loose'., got 'wild'"):
        retune(model, mode="wild")
    with pytest.raises(LogitconfError, match="one threshold, got threshold and mode"):
        retune(model, mode="loose", threshold=-0.4)
    with pytest.raises(LogitconfError, match="holds no modes"):
        retune(to_onnx(sure_card()), mode="loose")
