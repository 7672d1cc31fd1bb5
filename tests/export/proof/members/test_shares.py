"""What is known of members' probabilities: whose errors are these, and is anything else refused."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from logitconf_export.proof.composing.arithmetic import Rounded
from logitconf_export.proof.composing.composition import Composition
from logitconf_export.proof.composing.tensors import MEMBERS, CannotProveError, Tensor
from logitconf_export.proof.exact.abstract_rows import BELOW
from logitconf_export.proof.exact.choices import Choice
from logitconf_export.proof.exact.expressions import (
    Expression,
    exponential,
    number,
    power,
    sum_over_classes,
)
from logitconf_export.proof.exact.row_kinds import class_rows
from logitconf_export.proof.members.shares import Shares

K = 4


def steps() -> Composition:
    return Composition(class_rows(K, Fraction(1), 100.0, needs=frozenset({"sum"})), Rounded())


def probabilities() -> Expression:
    terms = exponential(BELOW)
    return terms * power(sum_over_classes(terms, K), -1)


def tensor(made: Composition, expression: Expression, relative: float = 0.0) -> Tensor:
    members = np.empty(K, dtype=object)
    members[:] = [Choice.of(i) for i in range(K)]
    error = made.rows.range(expression).high * relative
    return Tensor(expression, error, ("N", MEMBERS, K), "float32", "p", members, sign=1)


def test_norms_of_a_relative_error_are_those_of_probabilities() -> None:
    made = steps()
    shares = Shares.of(made, tensor(made, probabilities(), 1e-6), 3)
    # Σ p is 1, and so is the largest root of Σ p²; cells and boxes are some percents wide
    assert 1e-6 <= shares.absolute <= 1.2e-6
    assert 1e-6 <= shares.root <= 1.2e-6
    assert shares.relative >= 1e-6
    for share, rest in shares.own:
        # what is left with a share r is (1e-6 − r) Σ p |log p| at least, for p alike
        assert rest >= (1e-6 - share) * np.log(K)
    assert min(rest for _, rest in shares.own) < 1e-8


@pytest.mark.parametrize(
    ("expression", "phrase"),
    [
        (probabilities() * number(2), "probabilities"),
        (exponential(BELOW), "probabilities"),
        (number(Fraction(1, K)) + BELOW * number(0), None),
    ],
)
def test_what_is_not_1_over_all_classes_is_no_probability(
    expression: Expression, phrase: str | None
) -> None:
    made = steps()
    if phrase is None:
        assert Shares.of(made, tensor(made, expression), 3).root == pytest.approx(0.0, abs=1e-100)
        return
    with pytest.raises(CannotProveError, match=phrase):
        Shares.of(made, tensor(made, expression), 3)


def test_some_classes_or_classes_in_another_order_are_refused() -> None:
    made = steps()
    whole = tensor(made, probabilities())
    assert whole.members is not None
    for members in (whole.members[::-1], whole.members[:3], None):
        with pytest.raises(CannotProveError, match="all classes"):
            Shares.of(made, replace(whole, members=members), 3)
    with pytest.raises(CannotProveError, match="probabilities"):
        Shares.of(made, replace(whole, sign=0), 3)
    with pytest.raises(CannotProveError, match="share of"):
        Shares.of(made, tensor(made, probabilities(), 0.1), 3)
