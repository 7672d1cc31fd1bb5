"""Comparing scores: which rows, the intervals, and what is called noise."""

import pytest
import torch
from support import real_data

from logitconf.errors import LogitconfError
from logitconf.fitting import comparison as score_comparison
from logitconf.fitting.comparison import compare_scores
from logitconf.fitting.score_classes import SoftmaxScore
from logitconf.metrics.probability_quality import probability_quality
from logitconf.rows import split_rows
from logitconf.scores.table import SCORES


def softmax_rows(rows: int, columns: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and labels drawn from their softmax."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, columns, generator=generator) * 2.0
    return logits, torch.multinomial(logits.softmax(dim=1), 1, generator=generator)[:, 0]


def test_every_score_of_the_table_is_ranked_or_left_out_with_a_reason() -> None:
    found = compare_scores(*softmax_rows(600, 5, 0), draws=100)
    named = [standing.score for standing in found.standings]
    assert {*named, *found.left_out} == set(SCORES)
    assert {"softmax", "entropy", "energy", "margin"} <= set(named)
    assert not set(named) & set(found.left_out)
    assert "and this is one model" in found.left_out["mutual_information"]
    areas = [standing.aurc.estimate for standing in found.standings]
    assert areas == sorted(areas)
    assert (found.rows, found.fitted_rows) == (300, 300)


def test_for_two_classes_scores_that_order_alike_are_tied() -> None:
    found = compare_scores(*softmax_rows(1000, 2, 1), draws=500)
    by_name = {standing.score: standing for standing in found.standings}
    assert by_name["softmax"].aurc.estimate == pytest.approx(by_name["margin"].aurc.estimate)
    assert by_name["softmax"].tied
    assert by_name["margin"].tied


def test_a_score_that_ranks_at_random_is_called_worse() -> None:
    logits, labels = softmax_rows(2000, 4, 2)
    # a common offset says nothing of the label, and only the energy looks at it
    offset = torch.randn(2000, 1, generator=torch.Generator().manual_seed(3)) * 50.0
    found = compare_scores(logits + offset, labels, draws=500)
    by_name = {standing.score: standing for standing in found.standings}
    energy = by_name["energy"]
    assert not energy.tied
    assert energy.aurc.estimate == pytest.approx(found.errors / found.rows, rel=0.1)
    assert energy.auroc == pytest.approx(0.5, abs=0.05)
    assert "energy" in found.verdict.split("; ")[-1]
    assert found.verdict.startswith(f"take {found.best}")


def test_intervals_hold_the_area_of_new_rows_about_as_often_as_they_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # all scores are drawn on the same rows, so fewer of them have the same intervals
    few = {name: SCORES[name] for name in ("softmax", "margin")}
    monkeypatch.setattr(score_comparison, "SCORES", few)
    # the area on 40 000 rows stands for the truth; 60 intervals of 80 %: 48, deviation 3.1
    truth = compare_scores(*softmax_rows(80_000, 3, 4), draws=100).standings
    areas = {standing.score: standing.aurc.estimate for standing in truth}
    held = 0
    for seed in range(60):
        found = compare_scores(*softmax_rows(800, 3, 100 + seed), draws=100, confidence=0.8)
        interval = next(s.aurc for s in found.standings if s.score == "margin")
        held += interval.lower <= areas["margin"] <= interval.upper
    assert 36 <= held <= 58


def test_on_real_logits_the_energy_is_worse_and_the_others_are_named() -> None:
    split = real_data.nncal()
    found = compare_scores(split.test_logits, split.test_labels, draws=300)
    assert found.rows == 5000
    for standing in found.standings:
        assert standing.aurc.lower <= standing.aurc.estimate <= standing.aurc.upper
    assert found.standings[0].behind.estimate == 0.0


def test_rows_that_rank_nothing_and_numbers_out_of_range_are_refused() -> None:
    logits, labels = softmax_rows(100, 3, 5)
    with pytest.raises(LogitconfError, match="right and wrong rows, got 0 errors of 50"):
        compare_scores(logits, logits.argmax(dim=1))
    with pytest.raises(LogitconfError, match="draws must be at least 100"):
        compare_scores(logits, labels, draws=5)
    with pytest.raises(LogitconfError, match="confidence must lie strictly between"):
        compare_scores(logits, labels, confidence=1.0)
    with pytest.raises(LogitconfError, match="holdout must be a share"):
        compare_scores(logits, labels, holdout=2.0)


def biased_rows(rows: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits of three classes, two of which have a bias of their own."""
    logits, labels = softmax_rows(rows, 3, seed)
    return logits + torch.tensor([3.0, -2.0, 0.0]), labels


def test_calibrations_are_ranked_together_with_the_scores() -> None:
    logits, labels = biased_rows(2000, 4)
    found = compare_scores(logits, labels, calibrations=("temperature", "vector"), draws=200)
    assert found.calibration == "vector"
    assert found.verdict.startswith(f"take {found.best} (vector)")
    by_name = {standing.name: standing for standing in found.standings}
    assert {"softmax", "softmax (vector)"} <= set(by_name)
    assert not by_name["softmax"].tied
    plain, mapped = by_name["softmax"].quality, by_name["softmax (vector)"].quality
    assert plain is not None
    assert mapped is not None
    assert mapped.accuracy > plain.accuracy
    for name in ("log_loss", "brier", "classwise_ece"):
        assert getattr(mapped, name) < getattr(plain, name)
    assert by_name["margin (vector)"].quality == mapped
    assert "max_logit_norm (vector)" in found.left_out


def test_the_figures_are_those_of_a_score_fitted_on_the_other_rows() -> None:
    logits, labels = biased_rows(900, 5)
    found = compare_scores(logits, labels, calibrations=["vector"], draws=100)
    held, fitted = split_rows(900, 0.5, 0)
    score = SoftmaxScore(calibration="vector").fit(logits[fitted], labels[fitted])
    shares = score.probabilities(logits[held]).numpy()
    expected = probability_quality(shares, labels[held].numpy())
    assert found.standings[0].quality == expected


def test_auto_that_keeps_the_temperature_is_left_out_and_so_are_maps_that_do_not_fit() -> None:
    logits, labels = softmax_rows(600, 4, 6)
    found = compare_scores(logits, labels, calibrations=("temperature", "auto", "platt"), draws=100)
    assert {standing.calibration for standing in found.standings} == {"temperature"}
    assert found.left_out["auto"] == "it is the temperature on these rows"
    assert "two classes or labels" in found.left_out["platt"]
    with pytest.raises(LogitconfError, match="calibrations must hold one that these rows"):
        compare_scores(logits, labels, calibrations=["platt"], draws=100)


def test_labels_and_one_logit_are_compared_with_platts_map() -> None:
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(900, 3, generator=generator) * 2.0
    labels = (torch.rand(900, 3, generator=generator) < z.sigmoid()).float()
    both = ("temperature", "platt")
    found = compare_scores(z + 1.5, labels, task="multilabel", calibrations=both, draws=100)
    assert found.calibration == "platt"
    quality = found.standings[0].quality
    assert quality is not None
    assert quality.rows == 3 * found.rows
    single = compare_scores(
        z[:, 0] + 1.5, labels[:, 0], task="binary", calibrations=both, draws=100
    )
    assert {standing.calibration for standing in single.standings} == set(both)
