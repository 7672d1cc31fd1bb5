"""The threshold of a head, chosen again by a policy on rows; the card stays honest about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from logitconf.card.score_card import ScoreCard
from logitconf.errors import LogitconfError
from logitconf.fitting.calibrated_rows import score_rows
from logitconf.fitting.fit import (
    calibrate_card,
    card_with_threshold,
    check_as_fitted,
    fitted_rows,
    rows_of,
)
from logitconf.rows import Rows, split_rows
from logitconf.tasks import ArrayLike
from logitconf.thresholds.certificate import certificate_of, promises_risk
from logitconf.thresholds.lookup import policy_asked, policy_of_card
from logitconf.wording.numbers import counted
from logitconf_export.onnx_files.types import Array


@dataclass(frozen=True, slots=True, eq=False)
class ChosenThreshold:
    """A card with another threshold, and what to know of it.

    Attributes:
        card: temperature, parameters and all else as they were; a new certificate if one holds.
        rows: positions of the rows that it was chosen on, (M,).
        notes: what was done that is not seen in the card.
        warnings: what a user should mind.
    """

    card: ScoreCard
    rows: Array
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def choose_threshold(
    card: ScoreCard,
    logits: ArrayLike,
    labels: ArrayLike | None,
    policy: Mapping[str, Any],
    *,
    kind: str = "logits",
) -> ChosenThreshold:
    """The card with the threshold that a policy chooses on rows.

    Rows that the card was fitted on certify nothing. Where they are those of ``fit`` with a
    holdout, so that its draw can be made again, those that it held out choose the threshold alone.

    Args:
        card: of a head.
        logits: (N, ...) as its task says.
        labels: as its task says; None if they are not known.
        policy: arguments of :meth:`~logitconf.LogitScore.set_threshold`; ``ood_logits`` among them.
        kind: what the logits hold.

    Raises:
        LogitconfError: if the rows do not fit the card, the policy cannot be followed on them, it
            promises a risk on rows that the card was fitted on, or it gives another number of
            thresholds than the head has.
    """
    rows = _checked(card, logits, labels, kind)
    if not len(rows):
        raise LogitconfError(f"a policy needs at least one row, got shape {rows.shape}")
    arguments = dict(policy)
    outliers = arguments.pop("ood_logits", None)
    asked = policy_asked(outliers=outliers is not None, per_label=card.per_label, **arguments)
    fitting, held = _drawn(card, rows)
    used = rows.at(held)
    notes = []
    if len(held) < len(rows):
        notes.append(
            f"{counted(len(rows) - len(held), 'row')} of the data were fitted on; the threshold is "
            f"chosen on the {counted(len(held), 'other')} that fit held out"
        )
    bare, calibration = calibrate_card(
        card, used, None if fitting is None else fitting.identity.keys
    )
    if fitting is not None and bare.rows is not None and card.rows is not None:
        bare = replace(bare, rows=replace(bare.rows, split=card.rows.split))
    if outliers is not None:
        others = score_rows(card, _checked(card, outliers, None, kind))
        calibration = replace(calibration, outliers=others)
    chosen, words = card_with_threshold(bare, calibration, asked)
    shared = fitted_rows(bare, calibration)
    if asked.promise is not None and shared:
        raise LogitconfError(
            f"a risk must be certified on rows that nothing was fitted on, got {shared:,} of "
            f"{counted(len(used), 'row')} that the card was fitted on; give other rows"
        )
    if _count(card.threshold) != _count(chosen.threshold):
        raise LogitconfError(
            f"this head has {_thresholds(card)}, the policy gives {_thresholds(chosen)}; fit a "
            "card by it and attach that"
        )
    # what a head gives besides, such as a confidence, is not the threshold's
    tuned = replace(
        card,
        threshold=chosen.threshold,
        policy=chosen.policy,
        rows=chosen.rows,
        certificate=None,
        # the old counts are those of other rows and of another threshold
        sketch=chosen.sketch,
        modes=None if card.modes is None else replace(card.modes, chosen=None),
    )
    if asked.promise is not None:
        tuned = replace(tuned, certificate=certificate_of(tuned, fitted_rows=shared))
    return ChosenThreshold(tuned, held, tuple(notes), words)


def recertify_card(
    card: ScoreCard, logits: ArrayLike, labels: ArrayLike | None, *, kind: str = "logits"
) -> ChosenThreshold:
    """The card with its own policy followed again, and a new certificate.

    Args:
        card: with a policy that promises a risk; its certificate may be void, or the promise in
            doubt.
        logits: (N, ...) as its task says, of rows that nothing was fitted on.
        labels: theirs.
        kind: what the logits hold.

    Raises:
        UncertifiableError: if the rows cannot certify the promise.
        LogitconfError: if the card promises nothing, without labels, or as `choose_threshold`.
    """
    if not promises_risk(card):
        name = "no policy" if card.policy is None else f"policy {card.policy.get('name')!r}"
        raise LogitconfError(
            f"recertify needs a card whose policy promises a risk, got {name}; retune with --risk "
            "or --coverage and --data chooses its threshold"
        )
    if labels is None:
        raise LogitconfError("recertify needs rows with labels, got none; add 'labels'")
    return choose_threshold(card, logits, labels, policy_arguments(card), kind=kind)


def policy_arguments(card: ScoreCard) -> dict[str, Any]:
    """The arguments of ``set_threshold`` that follow a card's policy again.

    >>> policy_arguments(ScoreCard("softmax", "multiclass", policy={"name": "quantile", "q": 0.9}))
    {'q': 0.9}

    Raises:
        LogitconfError: for a threshold that was named, or a policy that needs other rows.
    """
    policy = policy_of_card(card.policy)
    if policy is None or policy.is_given or policy.needs_outliers:
        reason = "was given as a number"
        if policy is not None and policy.needs_outliers:
            reason = f"needs the rows of policy {policy.name}"
        raise LogitconfError(
            f"refitting follows the card's policy, but the threshold {reason}; fit a card on the "
            "variant and attach that"
        )
    return policy.to_arguments()


def _checked(card: ScoreCard, logits: ArrayLike, labels: ArrayLike | None, kind: str) -> Rows:
    return check_as_fitted(card, rows_of(card, logits, labels, kind=kind))


def _drawn(card: ScoreCard, rows: Rows) -> tuple[Rows | None, Array]:
    """The rows that the card was fitted on, where these are among the rows, and the others."""
    fit, counts = card.temperature_fit, card.rows
    if fit is not None and counts is not None and counts.split is not None:
        split = counts.split
        first, held = split_rows(len(rows), split.holdout, split.seed)
        fitting = rows.at(first)
        if fitting.matches(fit.sha256):
            return fitting, held
    return None, np.arange(len(rows))


def _count(threshold: float | tuple[float, ...] | None) -> int:
    return len(threshold) if isinstance(threshold, tuple) else 0


def _thresholds(card: ScoreCard) -> str:
    several = _count(card.threshold)
    return counted(several, "threshold") if several else "one threshold"
