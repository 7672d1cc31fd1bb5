"""Computing a score: the formula that its row names, on canonical logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, cast

from logitconf.arrays import Array, silent
from logitconf.errors import LogitconfError
from logitconf.scores import of_logits, of_members, of_probabilities
from logitconf.scores.reductions import Form, one_softmax
from logitconf.scores.table import SCORES
from logitconf.tasks import Family, Layout

ScoreFunction: TypeAlias = Callable[[Array, Array, Form], Array]

_HOMES = {"of_logits": of_logits, "of_members": of_members, "of_probabilities": of_probabilities}


def formula(score: str, family: Family) -> ScoreFunction:
    """The formula of a score for one family of logits; the table's `refusal` says if there is one.

    Raises:
        LogitconfError: if there is none.
    """
    row = SCORES[score]
    if family not in row.families:
        raise LogitconfError(f"{score} must be defined for {family} logits, got no formula")
    return cast("ScoreFunction", getattr(_HOMES[row.home], f"{score}_{family}"))


def only_finite_or_nan(score: str, family: Family, form: Form) -> bool:
    """Whether the formula itself makes NaN of every value that is not finite."""
    if family != "categorical":
        return False
    return (score == "margin" and form.few_nodes) or (score == "energy" and one_softmax(form))


@silent
def evaluate(score: str, values: Array, temperature: Array, layout: Layout, form: Form) -> Array:
    """The scores of canonical logits, the mean over the members if there are any: (N, ...)."""
    scores = formula(score, layout.family)(values, temperature, form)
    if layout.members is None or SCORES[score].over_members:
        return scores
    return of_members.only_complete(of_members.member_mean(scores, form), values, form)
