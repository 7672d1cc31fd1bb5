"""A score with its temperature and threshold in one call: what ``logitconf.fit`` is."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from logitconf.calibration.names import TEMPERATURE
from logitconf.card.score_card import refusal_of_maps
from logitconf.errors import LogitconfError, closest
from logitconf.fitting.calibrated_rows import asked_calibration
from logitconf.fitting.choosing import AUTO, choose_score
from logitconf.fitting.conventions import signature_of
from logitconf.fitting.logit_score import LogitScore
from logitconf.fitting.score_classes import score_class
from logitconf.policy_table import POLICIES
from logitconf.tasks import ArrayLike
from logitconf.thresholds.lookup import policy_asked

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from logitconf.policy_table import PolicyArguments


def fit(
    logits: ArrayLike,
    labels: ArrayLike | None = None,
    score: str = "softmax",
    *,
    task: str | None = None,
    kind: str | None = None,
    class_names: Sequence[str] | None = None,
    temperature: float | None = None,
    calibration: str | None = None,
    per_member: bool = False,
    per_label: bool = False,
    parameters: Mapping[str, Any] | None = None,
    holdout: float | None = None,
    seed: int = 0,
    q: float | None = None,
    ood_logits: ArrayLike | None = None,
    per_class: bool = False,
    simultaneous: bool = False,
    **policy: Unpack[PolicyArguments],
) -> LogitScore:
    """A score that is fitted on rows and has a threshold, ready to select, export and attach.

    Args:
        logits: (N, ...) as the task says.
        labels: numbers as the task says, or names of classes; without them T stays 1 and policies
            that need errors are refused.
        score: its name, such as ``"softmax"``, ``"margin"``, ``"energy"`` or ``"entropy"``; or
            ``"auto"``: the one that ranks rows best, chosen on 30 % of the rows, which then take no
            further part; the card says how.
        task: ``"multiclass"`` (for the score ``"learned"``: ``"binary"``) unless given; or
            ``"binary"`` or ``"multilabel"``.
        kind: what ``logits`` (and ``ood_logits``) hold: ``"logits"``, ``"probabilities"`` or
            ``"log-probabilities"``; logits unless given, and refused if they look otherwise.
        class_names: of the columns, in their order; without them, classes of labels that are names
            are taken to be in sorted order.
        temperature: where the fit begins, and what stays without labels; > 0.
        calibration: what is fitted: ``"temperature"`` unless given, or a map of the logits before
            it: ``"vector"``, ``"matrix"``, ``"platt"``, or ``"auto"``.
        per_member: whether members of an ensemble come last.
        per_label: whether each label is judged by itself.
        parameters: further ones of the score, such as ``{"p": 4}`` or ``{"gamma": 0.1}``.
        holdout: share of the rows that the threshold is chosen on and nothing else is, in (0, 1);
            a certified risk wants it.
        seed: of that draw.
        q: the quantile of the scores that is the threshold, .99 if no policy is asked for.
        ood_logits: rows from elsewhere, for ``fpr`` and ``tpr``.
        per_class: one threshold for each predicted class.
        simultaneous: a risk per class or label is promised for all of them at once.
        **policy: ``coverage``, ``risk`` with ``confidence``, ``fpr``, ``tpr``, ``cost``,
            ``min_confidence`` or ``value``, as in :meth:`~logitconf.LogitScore.set_threshold`.

    Returns:
        The fitted score.

    Raises:
        LogitconfError: for a score, rows or a policy that do not fit each other.
        UncertifiableError: for a risk that the rows cannot certify.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> logits = rng.normal(0.0, 2.0, (1000, 3))
    >>> labels = (logits + rng.gumbel(size=(1000, 3))).argmax(axis=1)  # drawn from the softmax
    >>> score = fit(logits, labels, "margin", coverage=0.75)
    >>> round(float(score.select(logits)["selected"].mean()), 2)
    0.75
    """
    _check_known(policy)
    policy_asked(
        q=q,
        outliers=ood_logits is not None,
        per_class=per_class,
        per_label=per_label,
        simultaneous=simultaneous,
        **policy,
    )
    choice = None
    if score == AUTO:
        if labels is None or per_member or per_label or parameters:
            raise LogitconfError(
                "the score 'auto' is chosen on labelled rows of one model, judged as a whole; name "
                "a score for members, labels by themselves or parameters"
            )
        chosen = choose_score(
            logits, labels, task=task or "multiclass", kind=kind, class_names=class_names, seed=seed
        )
        score, choice, class_names = chosen.score, chosen.choice, chosen.class_names
        logits, labels = chosen.logits, chosen.labels
    if calibration is not None:
        asked = asked_calibration(calibration, score, members=per_member)
        plain = asked == TEMPERATURE or (asked == AUTO and refusal_of_maps(score))
        calibration = None if plain else asked
    made = unfitted(
        score,
        temperature=temperature,
        calibration=calibration,
        task=task,
        per_member=per_member or None,
        per_label=per_label or None,
        **(parameters or {}),
    )
    made.fit(logits, labels, kind=kind, holdout=holdout, seed=seed, class_names=class_names)
    made.card = replace(made.card, score_choice=choice)
    return made.set_threshold(
        q,
        ood_logits=ood_logits,
        kind=kind if ood_logits is not None else None,
        per_class=per_class,
        simultaneous=simultaneous,
        **policy,
    )


def _check_known(further: Mapping[str, object]) -> None:
    """Refuses arguments that are none, before anything is fitted."""
    rows = [argument for row in POLICIES.values() for argument in (row.argument, *row.further)]
    policies = {each.name for each in rows}
    own = [name for name in inspect.signature(fit).parameters if name != "policy"]
    for name in set(further) - policies:
        meant = closest(name, [*own, *policies])
        hint = f"did you mean {meant!r}?" if meant else f"its arguments are {[*own, *policies]}"
        raise LogitconfError(f"fit has no argument {name!r}; {hint}")


def unfitted(score: str, **given: Any) -> LogitScore:
    """The score of a name, with what is given of its parameters.

    Raises:
        LogitconfError: for a name that is none, or a parameter that the score does not have.
    """
    made = score_class(score)
    known = [name for name in signature_of(made).parameters if name != "parameters"]
    asked = {name: value for name, value in given.items() if value is not None}
    # a score over members needs no word for it
    if "per_member" not in known and made().per_member:
        asked.pop("per_member", None)
    unknown = [name for name in asked if name not in known]
    if unknown:
        raise LogitconfError(f"{score} has the parameters {known}, got {unknown}")
    return made(**asked)
