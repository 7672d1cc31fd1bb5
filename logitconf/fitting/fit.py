"""Fitting a card to rows: the temperature, the counts and the rounding that belong to it."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping
from dataclasses import asdict, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from logitconf.card import ScoreCard
from logitconf.errors import LogitconfError, LogitconfWarning
from logitconf.head import probabilities
from logitconf.metrics.selective import area_under_risk_coverage
from logitconf.rows import (
    Keys,
    RowsIdentity,
    identity_of,
    overlap_note,
    split_rows,
)
from logitconf.scores.reductions import Form
from logitconf.scores.rounding import Rounding
from logitconf.scores.table import SCORES, evaluate
from logitconf.tasks import Layout, canonical, check_task, predicted_correctly, signed_canonical
from logitconf.temperature.fit import fit_temperature
from logitconf.thresholds.certificate import certificate_of
from logitconf.thresholds.request import CalibrationRows, PolicyRequest, choose_threshold


def fit_card(
    card: ScoreCard,
    logits: Tensor,
    labels: Tensor | None,
    layout: Layout,
    *,
    tried: Mapping[str, tuple[float, ...]] = MappingProxyType({}),
    holdout: float | None = None,
    seed: int = 0,
) -> tuple[ScoreCard, CalibrationRows]:
    """The card fitted to rows, without a threshold, and what stays in memory of the rows.

    Args:
        card: what is known so far.
        logits: checked.
        labels: checked; None if there are none.
        layout: of the logits.
        tried: values of parameters to choose from, instead of the table's; none: it stays as it is.
        holdout: share of the rows that is not fitted on but kept for thresholds; None keeps and
            fits on all.
        seed: of the split.

    Raises:
        LogitconfError: for a holdout that is no share, or without labels.
    """
    card = replace(card, temperature_fit=None, parameter_fit=None)
    if holdout is None:
        identity = identity_of(logits, labels)
        if labels is None:
            return calibrate_card(card, logits, None, layout, identity=identity)
        card = _fitted(card, logits, labels, layout, tried, identity=identity)
        return calibrate_card(card, logits, labels, layout, identity.keys, identity=identity)
    if labels is None:
        raise LogitconfError("a holdout is for rows with labels, got none")
    fitting, held = (
        torch.from_numpy(p).to(logits.device) for p in split_rows(len(labels), holdout, seed)
    )
    identity = identity_of(logits[fitting], labels[fitting])
    card = _fitted(card, logits[fitting], labels[fitting], layout, tried, identity=identity)
    card, calibration = calibrate_card(card, logits[held], labels[held], layout, identity.keys)
    split = {"holdout": holdout, "seed": seed, "stratified": False}
    return replace(card, calibration={**(card.calibration or {}), "split": split}), calibration


def calibrate_card(
    card: ScoreCard,
    logits: Tensor,
    labels: Tensor | None,
    layout: Layout,
    fitted_keys: Keys | None = None,
    *,
    identity: RowsIdentity | None = None,
) -> tuple[ScoreCard, CalibrationRows]:
    """The card with other calibration rows, without a threshold, and what stays of the rows.

    Args:
        card: temperature and parameters stay.
        logits: checked.
        labels: checked; None if there are none.
        layout: of the logits.
        fitted_keys: of the rows that the card was fitted on, where they are known.
        identity: of these rows, where it is known already.
    """
    identity = identity or identity_of(logits, labels)
    card = replace(
        card,
        threshold=None,
        policy=None,
        certificate=None,
        n_classes=layout.n_classes,
        members=layout.members,
    )
    scores = score_of(card, at_least_float32(logits), layout).to(torch.float32).cpu().numpy()
    wrong = predicted = None
    if layout.family == "categorical" and layout.members is None:
        predicted = torch.argmax(logits, dim=1).cpu().numpy()
    if labels is not None and predicted is not None:
        wrong = predicted != labels.cpu().numpy()
    elif labels is not None:
        right = rows_right(card.score, logits, labels, layout, card.temperature)
        wrong = ~right.cpu().numpy()
    n_classes = layout.n_classes or 1
    calibration = CalibrationRows(scores, wrong, predicted, n_classes, identity.keys, fitted_keys)
    return replace(card, calibration=_counts(calibration, identity.sha256)), calibration


def card_with_threshold(
    card: ScoreCard, calibration: CalibrationRows | None, request: PolicyRequest
) -> tuple[ScoreCard, tuple[str, ...]]:
    """The card with the threshold that is asked for and its certificate, and what to tell the user.

    Raises:
        LogitconfError: as :func:`~logitconf.thresholds.request.choose_threshold`.
    """
    choice = choose_threshold(request, calibration, rounding_of(card))
    notes = choice.notes
    card = replace(card, threshold=choice.threshold, policy=choice.counted_policy, certificate=None)
    if request.risk is None:
        return card, notes
    shared = fitted_rows(card, calibration)
    if shared:
        notes = (*notes, overlap_note(shared, choice.rows))
    certificate = certificate_of(
        card, risk=request.risk, confidence=request.confidence, fitted_rows=shared
    )
    return replace(card, certificate=certificate), notes


def rows_right(
    score: str, logits: Tensor, labels: Tensor, layout: Layout, temperature: float = 1.0
) -> Tensor:
    """Whether each row was predicted right, (N,) bool; labels as checked for the score.

    Where each label is judged by itself, (N, L).

    An ensemble predicts by the mean of its members' probabilities at the temperature
    (Lakshminarayanan et al. 2017, section 2.4).
    """
    if SCORES[score].learned:
        return labels > 0.5 if layout.per_label else (labels > 0.5).all(dim=1)
    if layout.members is None:
        return predicted_correctly(logits, labels, layout)
    values = at_least_float32(logits)
    divisor = torch.tensor(temperature, dtype=values.dtype, device=values.device)
    mean = probabilities(values, divisor, layout).reshape(len(logits), -1)
    single = Layout(layout.task, layout.n_classes, per_label=layout.per_label)
    # a label is a yes from 1/2, a logit from 0
    return predicted_correctly(
        mean if layout.family == "categorical" else mean - 0.5, labels, single
    )


def fitted_rows(card: ScoreCard, calibration: CalibrationRows | None) -> int | None:
    """How many of the calibration rows the card was fitted on; None if that is not known."""
    fit, rows = card.temperature_fit or {}, card.calibration or {}
    if not fit.get("identified") and card.parameter_fit is None:
        return 0
    if fit.get("sha256") == rows.get("sha256"):
        return int(rows["rows"])
    return None if calibration is None else calibration.fitted_rows()


def score_of(card: ScoreCard, values: Tensor, layout: Layout) -> Tensor:
    """The scores (N,) of checked logits, in their dtype."""
    temperature = torch.tensor(card.temperature, dtype=values.dtype, device=values.device)
    row = SCORES[card.score]
    rows = canonical(values, layout, signed=row.keeps_sign)
    form = Form(
        layout.axis,
        rank=rows.ndim,
        n_classes=layout.n_classes,
        parameters=card.parameters,
        members=layout.members,
    )
    return evaluate(card.score, rows, temperature, layout, form)


def at_least_float32(logits: Tensor) -> Tensor:
    """Half precision as float32, all else as it is."""
    return logits if logits.dtype == torch.float64 else logits.to(torch.float32)


def _with_fitted_temperature(
    card: ScoreCard, logits: Tensor, labels: Tensor, layout: Layout, sha256: str
) -> ScoreCard:
    """The card with the temperature of least NLL; as it was, with a warning, if none stands out."""
    if layout.one_logit or layout.family == "categorical":
        classes = torch.unique(labels)
        one_class = len(classes) == 1
    else:
        one_class = False
    fitted = fit_temperature(
        signed_canonical(logits, layout),
        labels if layout.members is None else labels.repeat_interleave(layout.members, dim=0),
        family=layout.family,
        initial=card.temperature,
    )
    if one_class and fitted.identified:
        fitted = replace(fitted, identified=False, reason="all labels are the same")
    temperature = fitted.temperature if fitted.identified else card.temperature
    if not fitted.identified:
        warnings.warn(
            f"the rows cannot identify a temperature ({fitted.reason}); it stays {temperature:g}",
            LogitconfWarning,
            stacklevel=5,
        )
    record = {**asdict(fitted), "sha256": sha256}
    return replace(card, temperature=temperature, temperature_fit=record)


def _fitted(
    card: ScoreCard,
    logits: Tensor,
    labels: Tensor,
    layout: Layout,
    tried: Mapping[str, tuple[float, ...]],
    *,
    identity: RowsIdentity,
) -> ScoreCard:
    """The card with temperature and parameters that suit the rows."""
    card = _with_fitted_temperature(card, logits, labels, layout, identity.sha256)
    return _with_fitted_parameters(card, logits, labels, layout, tried)


def _with_fitted_parameters(
    card: ScoreCard,
    logits: Tensor,
    labels: Tensor,
    layout: Layout,
    tried: Mapping[str, tuple[float, ...]],
) -> ScoreCard:
    """The card with the parameters of least AURC among those tried; the first of several such."""
    choices = {
        name: tried.get(name, parameter.tried)
        for name, parameter in SCORES[card.score].parameters.items()
    }
    choices = {name: values for name, values in choices.items() if values}
    if not choices:
        return card
    right = rows_right(card.score, logits, labels, layout, card.temperature)
    wrong = ~right.cpu().numpy()
    if not wrong.any() or wrong.all():
        warnings.warn(
            f"rows that are all right or all wrong cannot choose {list(choices)}; "
            f"they stay {dict(card.parameters)}",
            LogitconfWarning,
            stacklevel=5,
        )
        return card
    best, least = card, float("inf")
    for values in itertools.product(*choices.values()):
        parameters = {**card.parameters, **dict(zip(choices, values, strict=True))}
        candidate = replace(card, parameters=parameters)
        scores = score_of(candidate, at_least_float32(logits), layout).to(torch.float32)
        area = area_under_risk_coverage(scores.cpu().numpy().reshape(-1), wrong.reshape(-1))
        if area < least:
            best, least = candidate, area
    fit = {"measure": "AURC", "value": least, "tried": {k: list(v) for k, v in choices.items()}}
    return replace(best, parameter_fit=fit)


def _counts(calibration: CalibrationRows, sha256: str) -> dict[str, Any]:
    """What the card says of the rows: numbers and a digest, never the rows themselves.

    Where each label is judged by itself, scores that are not finite and errors are counted over
    rows and labels.
    """
    scores, wrong = calibration.scores, calibration.wrong
    return {
        "rows": len(scores),
        "not_finite": int((~np.isfinite(scores)).sum()),
        "errors": None if wrong is None else int(wrong.sum()),
        "sha256": sha256,
    }


def rounding_of(card: ScoreCard, precision: str = "float32", kind: str = "logits") -> Rounding:
    """The rounding that a card's score has in a head of this precision on this kind of input."""
    labels = Layout(check_task(card.task), card.n_classes).family == "bernoulli"
    alone = card.per_label or not SCORES[card.score].joins_labels
    n_classes = 1 if labels and alone else card.n_classes
    return Rounding(card.score, n_classes, precision, card.temperature, card.members or 1, kind)
