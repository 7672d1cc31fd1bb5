"""The table of scores: what it says of each is what the formulas do, and loads without them."""

import numpy as np
import pytest

from logitconf.errors import LogitconfError
from logitconf.scores.table import (
    SCORES,
    Parameter,
    check_parameters,
    class_of,
    refusal,
)
from logitconf.tasks import Layout


@pytest.mark.parametrize("name", sorted(SCORES))
def test_the_class_of_a_score_is_called_as_the_score_is(name: str) -> None:
    home, made = class_of(name)
    words = "learned_confidence" if name == "learned" else name
    assert made.removesuffix("Score").lower() == words.replace("_", "")
    assert home.startswith("fitting.")


@pytest.mark.parametrize(
    ("name", "layout", "words"),
    [
        ("learned", Layout("multiclass", 3), "a learned confidence is one logit a row"),
        ("max_logit_norm", Layout("multilabel", 3), "defined for classes that compete"),
        ("max_logit_norm", Layout("binary", 2), "needs at least 3 classes"),
        ("mutual_information", Layout("multiclass", 3), "compares at least 2 members"),
        ("mutual_information", Layout("multiclass", 3, members=1), "compares at least 2 members"),
        ("softmax", Layout("multiclass", 3, per_label=True), "per_label is for the task"),
    ],
)
def test_a_layout_that_a_score_is_not_defined_for_is_refused_with_the_reason(
    name: str, layout: Layout, words: str
) -> None:
    assert words in refusal(name, layout)


@pytest.mark.parametrize("name", ["softmax", "entropy", "energy", "margin"])
@pytest.mark.parametrize(
    "layout",
    [Layout("multiclass", 2), Layout("binary", 1), Layout("binary", 2), Layout("multilabel", 1)],
)
def test_the_four_scores_are_defined_everywhere(name: str, layout: Layout) -> None:
    assert refusal(name, layout) == ""


def test_parameters_are_completed_by_their_defaults_and_checked() -> None:
    assert check_parameters("gen", {"gamma": 0.5}) == {"gamma": 0.5, "top": 0.0}
    with pytest.raises(LogitconfError, match=r"has the parameters \['gamma', 'top'\], got \['p'\]"):
        check_parameters("gen", {"p": 1})


@pytest.mark.parametrize("value", [0, 11, "4", True, None, 2.5, float("nan")])
def test_a_parameter_out_of_range_or_of_another_type_is_refused(value: object) -> None:
    with pytest.raises(LogitconfError, match="must be a"):
        Parameter(4, 1, 10, whole=True).check("p", value)


def test_what_a_fit_tries_lies_in_the_range() -> None:
    for row in SCORES.values():
        for name, parameter in row.parameters.items():
            for value in (parameter.default, *parameter.tried):
                assert parameter.check(name, value) == np.float64(value)
