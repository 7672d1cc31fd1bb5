"""A card for people."""

import json
from dataclasses import replace

import numpy as np
from support import report_models

import logitconf
from logitconf.card.modes import Modes
from logitconf_export.display.page.card_table import card_facts, shortened_json


def test_the_card_is_shown_whole_unless_it_is_very_long() -> None:
    card = report_models.fitted(risk=0.3).card
    assert json.loads(shortened_json(card)) == json.loads(card.to_json())
    long = replace(logitconf.SoftmaxScore().card, n_classes=1000, threshold=(-0.5,) * 1000)
    shown = json.loads(shortened_json(long))["threshold"]
    assert (len(shown), shown[-1]) == (401, "and 600 more")


def test_facts_name_what_was_fitted_and_on_what() -> None:
    card = report_models.fitted(risk=0.3).card
    facts = dict(card_facts(card))
    assert (facts["score"], facts["task"], facts["classes"]) == ("softmax", "multiclass", "4")
    assert abs(float(facts["temperature"].split()[0]) - card.temperature) < 5e-4
    assert " ± " in facts["temperature"]
    assert np.float32(facts["threshold"]) == card.threshold
    assert facts["chosen by"].startswith("risk (risk 0.30, confidence 0.95, bound 0.")
    assert card.rows is not None
    assert facts["on"] == f"300 rows, {card.rows.errors} errors, held out (50 %)"


def test_modes_are_told_with_their_thresholds() -> None:
    modes = Modes(("strict", "loose"), (-0.9, -0.5), "strict")
    card = replace(logitconf.SoftmaxScore().card, threshold=-0.9, modes=modes)
    assert dict(card_facts(card))["modes"] == "strict −0.90; loose −0.50"


def test_several_thresholds_are_told_by_their_ends() -> None:
    card = replace(logitconf.SoftmaxScore().card, n_classes=3, threshold=(-0.5, -0.9, -0.7))
    assert dict(card_facts(card))["threshold"] == "3 thresholds, −0.90 to −0.50"
    assert dict(card_facts(logitconf.SoftmaxScore().card))["threshold"] == "none"
