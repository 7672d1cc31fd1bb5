"""A ranking of scores as it is shown and as JSON."""

import json

import pytest
from support.command_line import rows

from logitconf.fitting.comparison import ScoreComparison, compare_scores
from logitconf_export.cli.results.comparisons import HEADER, comparison_result, table


@pytest.fixture(scope="module")
def compared() -> ScoreComparison:
    made = rows()
    return compare_scores(made.logits, made.labels, draws=100)


def test_the_table_says_nothing_of_how_far_the_best_is_behind_itself(
    compared: ScoreComparison,
) -> None:
    lines = table(compared)
    assert len(lines[0]) == len(HEADER)
    assert lines[0][3:5] == ("0.000000", "")


def test_the_verdict_counts_what_cannot_be_told_apart(compared: ScoreComparison) -> None:
    tied = sum(one.tied for one in compared.standings) - 1
    others = len(compared.standings) - 1
    verdict = comparison_result(compared, None, ()).verdict
    assert verdict.endswith(f"; {tied} of {others} others cannot be told apart from it")


def test_the_json_has_every_figure(compared: ScoreComparison) -> None:
    values = json.loads(json.dumps(dict(comparison_result(compared, None, ()).values())))
    assert values["best"] == compared.best == values["standings"][0]["score"]
    for shown, one in zip(values["standings"], compared.standings, strict=True):
        assert shown["aurc"] == {
            "value": one.aurc.estimate,
            "low": one.aurc.lower,
            "high": one.aurc.upper,
        }
        assert shown["tied"] == one.tied
