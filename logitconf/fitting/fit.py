"""Fitting a card to rows: the temperature, the counts and the rounding that belong to it."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from logitconf.blocks.identity import Keys
from logitconf.calibration.names import TEMPERATURE
from logitconf.card.parts import ParameterFit, RowCounts, Split
from logitconf.card.score_card import ScoreCard
from logitconf.card.sketch import ScoreSketch
from logitconf.errors import LogitconfError, LogitconfWarning, torch_for
from logitconf.fitting.calibrated_rows import (
    ScoredRows,
    check_mappable,
    rows_mapped,
    rows_right,
    scored_rows,
    scores_of_cards,
    with_fitted_calibration,
)
from logitconf.metrics.selective import area_under_risk_coverage
from logitconf.monitoring.sketching import sketch_of
from logitconf.outputs.confidence_fit import fit_confidence
from logitconf.rows import Rows, overlap_note, split_rows
from logitconf.scores.reductions import Form, adds_apart
from logitconf.scores.rounding import Rounding
from logitconf.scores.table import SCORES, check_defined
from logitconf.tasks import ArrayLike, Layout, check_task
from logitconf.telling.progress import steps
from logitconf.thresholds.calibration_rows import CalibrationRows, FloatArray
from logitconf.thresholds.certificate import certificate_of
from logitconf.thresholds.policy import Policy
from logitconf.thresholds.reach import check_reachable

if TYPE_CHECKING:
    from torch import nn
    from torch.utils.data import DataLoader

_SCORES_AT_ONCE = 1 << 22


def given_or_extracted(
    logits: ArrayLike | None,
    labels: ArrayLike | None,
    model: nn.Module | None,
    loader: DataLoader[Any] | None,
    *,
    outdir: str | Path | None,
    prefix: str | None,
) -> tuple[ArrayLike, ArrayLike | None]:
    """Logits and labels as they are given, or as a model and a loader give them.

    Raises:
        LogitconfError: unless it is just one of the two.
        MissingExtraError: for a model without torch.
    """
    if (logits is not None) == (model is not None or loader is not None):
        given = "both" if logits is not None else "neither"
        raise LogitconfError(f"fit takes either logits X or model and loader, got {given}")
    if logits is not None:
        if outdir is not None or prefix is not None:
            raise LogitconfError("outdir and prefix need model and loader, got logits X")
        return logits, labels
    if model is None or loader is None:
        raise LogitconfError("model and loader must be given together, got one of them")
    if labels is not None:
        raise LogitconfError("with model and loader the labels come from the loader, got Y")
    with torch_for("a model with a loader"):
        from logitconf.fitting.extraction import extract_logits

    return extract_logits(model, loader, outdir=outdir, prefix=prefix)


def rows_of(
    card: ScoreCard, logits: ArrayLike, labels: ArrayLike | None, *, kind: str | None = "logits"
) -> Rows:
    """The rows that a user gives to a fitted card.

    Args:
        card: whose task, members and labels say how the rows are shaped.
        logits: (N, ...) as its task says.
        labels: as its task says, or None.
        kind: what the logits hold, as in :meth:`~logitconf.rows.Rows.checked`.

    Raises:
        LogitconfError: as :meth:`~logitconf.rows.Rows.checked`.
    """
    return Rows.checked(
        logits,
        labels,
        check_task(card.task),
        kind=kind,
        per_member=card.members is not None,
        per_label=card.per_label,
    )


def fit_card(
    card: ScoreCard,
    rows: Rows,
    *,
    tried: Mapping[str, tuple[float, ...]] = MappingProxyType({}),
    calibration: str = TEMPERATURE,
    holdout: float | None = None,
    seed: int = 0,
) -> tuple[ScoreCard, CalibrationRows]:
    """The card fitted to rows, without a threshold, and what stays in memory of the rows.

    Args:
        card: what is known so far.
        rows: checked; with labels or without.
        tried: values of parameters to choose from, instead of the table's; none: it stays as it is.
        calibration: what the logits are calibrated by: ``"temperature"``, a kind of map, or
            ``"auto"``.
        holdout: share of the rows that is not fitted on but kept for thresholds; None keeps and
            fits on all.
        seed: of the split.

    Raises:
        LogitconfError: for a holdout that is no share, or without labels.
    """
    card = replace(card, temperature_fit=None, parameter_fit=None)
    if holdout is not None and rows.labels is None:
        raise LogitconfError("a holdout is for rows with labels, got none")
    if rows.labels is None:
        return calibrate_card(card, rows)
    if holdout is None:
        with rows.identified_meanwhile():
            card, scores = _fitted(card, rows, tried, calibration)
            scored = scored_rows(card, rows, scores)
        return calibrate_card(_signed(card, rows), rows, rows.identity.keys, scored=scored)
    fitting, held = (rows.at(positions) for positions in split_rows(len(rows), holdout, seed))
    with fitting.identified_meanwhile():
        card, _ = _fitted(card, fitting, tried, calibration)
    card, kept = calibrate_card(_signed(card, fitting), held, fitting.identity.keys)
    if card.rows is not None:
        card = replace(card, rows=replace(card.rows, split=Split(holdout, seed)))
    return card, kept


def calibrate_card(
    card: ScoreCard,
    rows: Rows,
    fitted_keys: Keys | None = None,
    *,
    scored: ScoredRows | None = None,
) -> tuple[ScoreCard, CalibrationRows]:
    """The card with other calibration rows, without a threshold, and what stays of the rows.

    Args:
        card: temperature and parameters stay.
        rows: checked.
        fitted_keys: of the rows that the card was fitted on, where they are known.
        scored: what this card makes of these rows, where that is known already.
    """
    layout = rows.layout
    card = replace(
        card,
        threshold=None,
        policy=None,
        certificate=None,
        modes=None,
        sketch=None,
        n_classes=layout.n_classes,
        members=layout.members,
    )
    if scored is None:
        with rows.identified_meanwhile():
            scored = scored_rows(card, rows)
    if card.temperature_fit is not None and rows.matches(card.temperature_fit.sha256):
        # fitted on these very rows, but maybe by a version that digested them otherwise
        card = _signed(card, rows)
    n_classes = layout.n_classes or 1
    calibration = CalibrationRows(
        scored.scores, scored.wrong, scored.predicted, n_classes, rows.identity.keys, fitted_keys
    )
    sure = None if scored.wrong is None else fit_confidence(scored.scores, scored.wrong)
    calibration = replace(calibration, confidence=sure)
    counts = _counts(calibration, rows.identity.sha256)
    return replace(card, rows=counts, confidence=sure), calibration


def card_with_threshold(
    card: ScoreCard, calibration: CalibrationRows | None, policy: Policy
) -> tuple[ScoreCard, tuple[str, ...]]:
    """The card with the threshold that is asked for and its certificate, and what to tell the user.

    Raises:
        LogitconfError: as :meth:`~logitconf.thresholds.policy.Policy.choose_from`.
    """
    if calibration is None and card.confidence is not None and policy.needs_confidence:
        none = np.zeros(0, dtype=np.float32)
        calibration = CalibrationRows(none, confidence=card.confidence)
    choice = policy.choose_from(calibration, rounding_of(card))
    if policy.is_given:
        check_reachable(card, choice.threshold)
    notes = tuple(str(note) for note in choice.notes)
    modes = None if card.modes is None else replace(card.modes, chosen=None)
    card = replace(
        card,
        threshold=choice.threshold,
        policy=choice.counted_policy,
        certificate=None,
        modes=modes,
        sketch=_sketch_of(calibration, choice.threshold),
    )
    if policy.promise is None:
        return card, notes
    shared = fitted_rows(card, calibration)
    if shared:
        notes = (*notes, overlap_note(shared, choice.rows))
    return replace(card, certificate=certificate_of(card, fitted_rows=shared)), notes


def _sketch_of(
    calibration: CalibrationRows | None, threshold: float | tuple[float, ...]
) -> ScoreSketch | None:
    if calibration is None or not calibration.scores.size:
        return None
    return sketch_of(calibration, threshold)


def fitted_rows(card: ScoreCard, calibration: CalibrationRows | None) -> int | None:
    """How many of the calibration rows the card was fitted on; None if that is not known."""
    fit, rows = card.temperature_fit, card.rows
    if not (fit and fit.identified) and card.parameter_fit is None:
        return 0
    if fit and rows and fit.sha256 is not None and fit.sha256 == rows.sha256:
        return rows.rows
    return None if calibration is None else calibration.fitted_rows()


def check_as_fitted(card: ScoreCard, rows: Rows) -> Rows:
    """The rows, if they are shaped as those that the card was fitted on.

    Raises:
        LogitconfError: if they have other columns or members, or the score is not defined for them.
    """
    layout, shape = rows.layout, rows.shape
    if card.n_classes not in (None, layout.n_classes):
        raise LogitconfError(
            f"logits must have {card.n_classes} columns, as the score was fitted, got shape {shape}"
        )
    if card.members not in (None, 0, layout.members):
        raise LogitconfError(
            f"logits must have {card.members} members, as the score was fitted, got shape {shape}"
        )
    if isinstance(card.threshold, tuple) and len(card.threshold) != layout.n_classes:
        raise LogitconfError(
            f"logits must have {len(card.threshold)} columns, one for each threshold, "
            f"got shape {shape}"
        )
    check_defined(card.score, layout, rows.kind)
    check_mappable(card, rows)
    return rows


def _signed(card: ScoreCard, rows: Rows) -> ScoreCard:
    """The card that says which rows its temperature was fitted on."""
    if card.temperature_fit is None:
        return card
    fit = replace(card.temperature_fit, sha256=rows.identity.sha256)
    return replace(card, temperature_fit=fit)


def _fitted(
    card: ScoreCard, rows: Rows, tried: Mapping[str, tuple[float, ...]], calibration: str
) -> tuple[ScoreCard, FloatArray | None]:
    """The card with calibration and parameters that suit the rows, and their scores if known."""
    return with_fitted_parameters(with_fitted_calibration(card, rows, calibration), rows, tried)


def with_fitted_parameters(
    card: ScoreCard,
    rows: Rows,
    tried: Mapping[str, tuple[float, ...]] = MappingProxyType({}),
) -> tuple[ScoreCard, FloatArray | None]:
    """The card with the parameters of least AURC among those tried; the first of several such.

    The scores of the rows come with it, where they were tried.
    """
    choices = {
        name: tried.get(name, parameter.tried)
        for name, parameter in SCORES[card.score].parameters.items()
    }
    choices = {name: values for name, values in choices.items() if values}
    if not choices:
        return card, None
    wrong = ~rows_right(card.score, rows_mapped(card, rows), card.temperature)
    if not wrong.any() or wrong.all():
        warnings.warn(
            f"rows that are all right or all wrong cannot choose {list(choices)}; "
            f"they stay {dict(card.parameters)}",
            LogitconfWarning,
            stacklevel=5,
        )
        return card, None
    best, least, kept = card, float("inf"), None
    combined = [
        replace(card, parameters={**card.parameters, **dict(zip(choices, values, strict=True))})
        for values in itertools.product(*choices.values())
    ]
    # several in one pass, unless the scores alone would fill the memory
    few = max(1, _SCORES_AT_ONCE // max(1, len(rows)))
    groups = (combined[start : start + few] for start in range(0, len(combined), few))
    candidates = (
        each for group in groups for each in zip(group, scores_of_cards(group, rows), strict=True)
    )
    what = f"Choosing parameters of {card.score}"
    for candidate, scores in steps(candidates, what, len(combined)):
        area = area_under_risk_coverage(scores.reshape(-1), wrong.reshape(-1))
        if area < least:
            best, least, kept = candidate, area, scores
    return replace(best, parameter_fit=ParameterFit("AURC", least, choices)), kept


def _counts(calibration: CalibrationRows, sha256: str) -> RowCounts:
    """What the card says of the rows: numbers and a digest, never the rows themselves.

    Where each label is judged by itself, scores that are not finite and errors are counted over
    rows and labels.
    """
    scores, wrong = calibration.scores, calibration.wrong
    return RowCounts(
        rows=len(scores),
        not_finite=int((~np.isfinite(scores)).sum()),
        errors=None if wrong is None else int(wrong.sum()),
        sha256=sha256,
    )


def rounding_of(card: ScoreCard, precision: str = "float32", kind: str = "logits") -> Rounding:
    """The rounding that a card's score has in a head of this precision on this kind of input."""
    labels = Layout(check_task(card.task), card.n_classes).family == "bernoulli"
    alone = card.per_label or not SCORES[card.score].joins_labels
    n_classes = 1 if labels and alone else card.n_classes
    scored = (card.score, n_classes, precision, card.temperature, card.members or 1, kind)
    # members lie behind the classes; other layouts are known to a head alone
    behind = card.members is not None and not SCORES[card.score].over_members
    apart = behind and adds_apart(Form(axis=1, rank=3, n_classes=n_classes))
    mapping = None if card.calibration_map is None else card.calibration_map.rounding
    return Rounding(*scored, joined=labels and not alone, apart=apart, mapping=mapping)
