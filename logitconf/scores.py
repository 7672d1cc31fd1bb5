"""The table of confidence scores: pure functions of canonical logits, one row a score.

Lower means more confident, everywhere. z = logits / T; natural logarithms.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

import torch
from torch import Tensor

from logitconf.errors import LogitconfError
from logitconf.impurities import (
    doctor_bernoulli,
    doctor_beta_bernoulli,
    doctor_beta_categorical,
    doctor_categorical,
    gen_bernoulli,
    gen_categorical,
    gini_bernoulli,
    gini_categorical,
)
from logitconf.maximum_logits import (
    max_logit_bernoulli,
    max_logit_categorical,
    max_logit_norm_categorical,
)
from logitconf.members import (
    member_mean,
    mutual_information_bernoulli,
    mutual_information_categorical,
    only_complete,
    predictive_variance_bernoulli,
    predictive_variance_categorical,
)
from logitconf.reductions import (
    Form,
    exponential_moments,
    exponential_sum,
    half_deficit,
    largest_probability,
    least_label,
    log_reciprocal,
    softplus_sum,
    worst_label,
)
from logitconf.tasks import Family, Layout

_NAN = float("nan")
ScoreFunction: TypeAlias = Callable[[Tensor, Tensor, Form], Tensor]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number that a score needs besides the temperature; static in its graph.

    Attributes:
        default: where none is given and none is fitted.
        lowest: smallest value allowed.
        highest: largest value allowed.
        whole: whether it is a whole number.
        tried: what ``fit`` tries on labelled rows, in this order; empty if it is never fitted.
    """

    default: float
    lowest: float
    highest: float
    whole: bool = False
    tried: tuple[float, ...] = ()

    def check(self, name: str, value: object) -> float:
        """The value, if it is allowed.

        Raises:
            LogitconfError: if it is not.
        """
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not self.lowest <= value <= self.highest:  # type: ignore[operator]
            raise LogitconfError(
                f"{name} must be a number in [{self.lowest:g}, {self.highest:g}], got {value!r}"
            )
        if self.whole and value != int(value):  # type: ignore[call-overload]
            raise LogitconfError(f"{name} must be a whole number, got {value!r}")
        return float(value)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One score.

    Attributes:
        categorical: (logits (N, K, ...), T, form) -> (N, ...), for competing classes.
        bernoulli: the same for independent labels (N, L, ...); None if it has no such form.
        floor: every value that the score can take lies above; a runtime that loses a NaN on the
            way ends below, and the row is not accepted. onnxruntime loses none, and needs it only
            where it is −inf.
        learned: whether the logits are those of a learned confidence: their sign counts, and the
            labels that belong to them say whether a prediction was right.
        needs_logits: whether the common offset of the logits counts, which probabilities lack.
        over_members: whether it compares the members of an ensemble, rather than scoring each.
        joins_labels: whether labels are added up or compared, and not judged one by one.
        fewest_classes: that it can tell apart.
        parameters: its numbers besides T, by name.
    """

    categorical: ScoreFunction
    bernoulli: ScoreFunction | None
    floor: float
    learned: bool = False
    needs_logits: bool = False
    over_members: bool = False
    joins_labels: bool = False
    fewest_classes: int = 2
    parameters: Mapping[str, Parameter] = field(default_factory=dict)

    @property
    def keeps_sign(self) -> bool:
        """Whether the sign of a single logit counts."""
        return self.learned or self.over_members

    @property
    def judges_labels(self) -> bool:
        """Whether it can judge each label by itself."""
        return not (self.learned or self.over_members or self.bernoulli is None)

    def function(self, family: Family) -> ScoreFunction:
        """The formula for one family of logits; :func:`check_defined` says if there is one."""
        formula = self.categorical if family == "categorical" else self.bernoulli
        if formula is None:
            raise LogitconfError(f"the score must be defined for {family} logits, got none")
        return formula


def refusal(score: str, layout: Layout) -> str:
    """Why a score is not defined for logits of this layout; empty if it is."""
    row = SCORES[score]
    if layout.per_label and not (row.judges_labels and layout.task == "multilabel"):
        able = [name for name, other in SCORES.items() if other.judges_labels]
        return (
            f"per_label is for the task 'multilabel' and the scores {able}, got {layout.task!r} "
            f"and {score}"
        )
    if row.learned and layout.family == "categorical":
        return (
            "a learned confidence is one logit a row (task 'binary') or one a label (task "
            "'multilabel'), got classes that compete: "
            f"task {layout.task!r} with n_classes={layout.n_columns}"
        )
    if layout.family == "bernoulli" and row.bernoulli is None:
        what = "one logit" if layout.one_logit else "labels"
        return f"{score} is defined for classes that compete, got {what}; use margin or softmax"
    if row.over_members and (layout.members is None or layout.members < 2):
        came = "logits without" if layout.members is None else f"{layout.members} of"
        return f"{score} compares at least 2 members, got {came} members; use per_member logits"
    columns = layout.n_columns
    if layout.family == "categorical" and columns is not None and columns < row.fewest_classes:
        return (
            f"{score} needs at least {row.fewest_classes} classes, got {columns}, where it is "
            "the same for all rows; use margin or softmax"
        )
    return ""


def evaluate(score: str, values: Tensor, temperature: Tensor, layout: Layout, form: Form) -> Tensor:
    """The scores of canonical logits, the mean over the members if there are any: (N, ...)."""
    row = SCORES[score]
    found = row.function(layout.family)(values, temperature, form)
    if layout.members is None or row.over_members:
        return found
    return only_complete(member_mean(found, form), values, form)


def check_defined(score: str, layout: Layout) -> None:
    """Checks that a score is defined for logits of this layout.

    Raises:
        LogitconfError: if it is not, with what to use instead.
    """
    reason = refusal(score, layout)
    if reason:
        raise LogitconfError(reason)


def check_parameters(score: str, given: Mapping[str, object]) -> dict[str, float]:
    """All parameters of a score: those given, checked, and the defaults of the others.

    Raises:
        LogitconfError: for a name that the score does not have, or a value out of range.
    """
    known = SCORES[score].parameters
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise LogitconfError(f"{score} has the parameters {sorted(known)}, got {unknown}")
    return {
        name: parameter.check(name, given.get(name, parameter.default))
        for name, parameter in known.items()
    }


def softmax_categorical(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """−max softmax(z): in [−1, −1/K].

    Source: Hendrycks & Gimpel 2017, section 2.
    """
    return -largest_probability(x, temperature, form)


def softmax_bernoulli(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """−min over labels of max(p, 1 − p): in [−1, −1/2]."""
    smallest, has_score = worst_label(x, form)
    score = torch.reciprocal(-1.0 - torch.exp(smallest / -temperature))
    return torch.where(has_score, score, _NAN)


def entropy_categorical(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """−Σ p log p in nats: in [0, log K].

    Source: Shannon 1948; as log S − D / S, which is right for masked classes.
    """
    logarithm, moment = exponential_moments(x, temperature, form)
    return logarithm - moment


def entropy_bernoulli(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """Max over labels of the Bernoulli entropy in nats: in [0, log 2]."""
    smallest, has_score = worst_label(x, form)
    # finite, since inf * 0 would be NaN
    distance = torch.clamp(smallest / temperature, max=1e30)
    odds = torch.exp(-distance)
    score = distance * odds * torch.reciprocal(1.0 + odds) - log_reciprocal(odds)
    return torch.where(has_score, score, _NAN)


def energy_categorical(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """−T·logsumexp(z), in units of the logits.

    Source: Liu et al. 2020, equation 4.
    """
    largest, total = exponential_sum(x, temperature, form)
    return -(largest + temperature * torch.log(total))


def energy_bernoulli(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """−Σ over labels of T·softplus(z).

    Source: Wang et al. 2021 (JointEnergy), equation 6. One logit comes here as its abs value.
    """
    return -softplus_sum(x, temperature, form)


def margin_categorical(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """−(largest − second of z), exact up to the division: at most 0."""
    return half_deficit(x, form) / (temperature * 0.5)


def margin_bernoulli(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """−min over labels of abs z: at most 0."""
    smallest, has_score = worst_label(x, form)
    return torch.where(has_score, smallest / -temperature, _NAN)


def learned_categorical(x: Tensor, temperature: Tensor, form: Form) -> Tensor:  # noqa: ARG001
    """A learned confidence is not one of several that compete.

    Raises:
        LogitconfError: always.
    """
    raise LogitconfError(
        "a learned confidence must be one logit a row (task 'binary') or one a label "
        "(task 'multilabel'), got classes that compete"
    )


def learned_bernoulli(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """−min over labels of sigmoid(z), z a confidence logit: in [−1, 0].

    Source: DeVries & Taylor 2018, section 2.1.
    """
    smallest, has_score = least_label(x, form)
    z = smallest / temperature
    # exp of what is at most 0 on both sides of 0, so that neither end overflows
    negated_share = torch.reciprocal(-1.0 - torch.exp(-torch.abs(z)))
    score = torch.exp(torch.clamp(z, max=0.0)) * negated_share
    return torch.where(has_score, score, _NAN)


_UNBOUNDED = -float("inf")

SCORES: Mapping[str, ScoreRow] = MappingProxyType(
    {
        "softmax": ScoreRow(softmax_categorical, softmax_bernoulli, floor=-1.5),
        "entropy": ScoreRow(entropy_categorical, entropy_bernoulli, floor=-1.0),
        "energy": ScoreRow(
            energy_categorical,
            energy_bernoulli,
            floor=_UNBOUNDED,
            needs_logits=True,
            joins_labels=True,
        ),
        "margin": ScoreRow(margin_categorical, margin_bernoulli, floor=_UNBOUNDED),
        "learned": ScoreRow(learned_categorical, learned_bernoulli, floor=-1.5, learned=True),
        "max_logit": ScoreRow(
            max_logit_categorical,
            max_logit_bernoulli,
            floor=_UNBOUNDED,
            needs_logits=True,
            joins_labels=True,
        ),
        "max_logit_norm": ScoreRow(
            max_logit_norm_categorical,
            None,
            floor=-1.5,
            fewest_classes=3,
            parameters={
                "p": Parameter(4, 0, 10, whole=True, tried=tuple(float(p) for p in range(11)))
            },
        ),
        "gen": ScoreRow(
            gen_categorical,
            gen_bernoulli,
            floor=-1.0,
            parameters={"gamma": Parameter(0.1, 0.001, 1.0, tried=(0.1, 0.01, 0.03, 0.3, 1.0))},
        ),
        "gini": ScoreRow(gini_categorical, gini_bernoulli, floor=-0.5),
        "doctor": ScoreRow(doctor_categorical, doctor_bernoulli, floor=-0.5),
        "doctor_beta": ScoreRow(doctor_beta_categorical, doctor_beta_bernoulli, floor=-0.5),
        "mutual_information": ScoreRow(
            mutual_information_categorical,
            mutual_information_bernoulli,
            floor=-1.0,
            over_members=True,
        ),
        "predictive_variance": ScoreRow(
            predictive_variance_categorical,
            predictive_variance_bernoulli,
            floor=-1.0,
            over_members=True,
        ),
    }
)
