"""Rows as a card calibrates and scores them, and the fit of what it calibrates them with."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from logitconf.arrays import Array, beside, namespace, to_numpy
from logitconf.blocks.memory import remembering
from logitconf.calibration.maps.choice import check_calibration, choose_map
from logitconf.calibration.maps.fit import check_kind, fit_map
from logitconf.calibration.maps.mapping import mapped
from logitconf.calibration.names import AUTO, TEMPERATURE
from logitconf.calibration.temperature.chunks import Chunk
from logitconf.calibration.temperature.fit import fit_from, spread
from logitconf.calibration.temperature.outcome import TemperatureFit
from logitconf.card.score_card import ScoreCard, refusal_of_maps
from logitconf.errors import LogitconfError, LogitconfWarning
from logitconf.head_spec import accept, probabilities, threshold_of
from logitconf.rows import Rows
from logitconf.scores.evaluation import evaluate
from logitconf.scores.reductions import Form
from logitconf.scores.table import SCORES
from logitconf.tasks import Layout, predicted_correctly, signed_canonical
from logitconf.thresholds.calibration_rows import FloatArray

# mapped with all that a matrix needs in between: 64 MiB of float32
_BLOCK_ELEMENTS = 1 << 24


def asked_calibration(calibration: object, score: str, *, members: bool) -> str:
    """What a score is to be calibrated by, if there is such a calibration of it.

    Raises:
        LogitconfError: if there is not.
    """
    asked = check_calibration(calibration)
    refused = refusal_of_maps(score, members=members)
    if refused and asked not in {TEMPERATURE, AUTO}:
        raise LogitconfError(refused)
    return asked


def rows_mapped(card: ScoreCard, rows: Rows) -> Rows:
    """The rows with the logits that the card's calibration map makes; themselves without one.

    Their identity is another: counts and digests are those of the rows as they came.
    """
    calibration_map = card.calibration_map
    if calibration_map is None:
        return rows
    values = rows.values
    xp = namespace(values)
    buffers = {name: beside(each, values) for name, each in calibration_map.buffers.items()}
    n_classes = calibration_map.n_classes
    per_row = n_classes * n_classes if calibration_map.matrix is not None else n_classes
    step = max(1, _BLOCK_ELEMENTS // per_row)
    axis = rows.layout.class_axis
    parts = [
        mapped(values[start : start + step, ...], buffers, axis)
        for start in range(0, max(1, len(rows)), step)
    ]
    new = parts[0] if len(parts) == 1 else xp.concat(parts, axis=0)
    return Rows(new, rows.layout, rows.labels, rows.kind)


def check_mappable(card: ScoreCard, rows: Rows) -> None:
    """Checks that rows are of the kind that the card's calibration map was fitted on.

    Raises:
        LogitconfError: if they are not, and that matters.
    """
    calibration_map = card.calibration_map
    if calibration_map is None:
        return
    alike = rows.layout.family == "bernoulli" or calibration_map.keeps_differences
    if not alike and (rows.kind == "logits") != (calibration_map.inputs == "logits"):
        raise LogitconfError(
            f"a calibration map that was fitted on {calibration_map.inputs} must get them, since "
            f"the logits' offset counts, got {rows.kind}"
        )


def calibrated_probabilities(rows: Rows, temperature: float) -> Array:
    """Softmax or sigmoid of mapped rows over T, in the dtype that they are computed with."""
    return probabilities(rows.values, as_number(temperature, rows.values), rows.layout)


def probabilities_of(card: ScoreCard, rows: Rows) -> Array:
    """Softmax or sigmoid of z, as a card calibrates the rows that came."""
    return calibrated_probabilities(rows_mapped(card, rows), card.temperature)


def as_number(value: float, like: Array) -> Array:
    """A number as an array () of the other's type, on its device."""
    return namespace(like).astype(beside(np.asarray(value), like), like.dtype, copy=False)


def score_of(card: ScoreCard, rows: Rows) -> Array:
    """The scores (N,) of rows, in the dtype that they are computed with."""
    (scores,) = rows.collected(
        lambda block: (_block_score(card, rows_mapped(card, block)),), "Scoring"
    )
    return scores


def _block_score(card: ScoreCard, rows: Rows) -> Array:
    """The scores of rows that the card's calibration map has mapped."""
    layout, row = rows.layout, SCORES[card.score]
    canonical = rows.canonical(signed=row.keeps_sign)
    form = Form(
        layout.axis,
        rank=canonical.ndim,
        n_classes=layout.n_classes,
        parameters=card.parameters,
        members=layout.members,
    )
    return evaluate(card.score, canonical, as_number(card.temperature, canonical), layout, form)


def score_rows(card: ScoreCard, rows: Rows) -> FloatArray:
    """The scores (N,) as a card's threshold compares them: float32, in NumPy."""
    return scores_of_cards([card], rows)[0]


def scores_of_cards(cards: Sequence[ScoreCard], rows: Rows) -> list[FloatArray]:
    """The scores (N,) by cards of one calibration map, in one pass, as `score_rows` gives them."""
    if not cards:
        return []

    def of_block(block: Rows) -> tuple[Array, ...]:
        mapped = rows_mapped(cards[0], block)
        with remembering() if len(cards) > 1 else nullcontext():
            scores = [to_numpy(_block_score(card, mapped)) for card in cards]
        return tuple(each.astype(np.float32) for each in scores)

    return rows.collected(of_block, "Scoring")


def decided(card: ScoreCard, rows: Rows) -> tuple[Array, Array]:
    """The scores of rows, and which of them a card with a threshold accepts, both (N, ...)."""
    limits = np.asarray(card.threshold, np.float32)
    form = Form(n_classes=rows.layout.n_classes)

    def of_block(block: Rows) -> tuple[Array, Array]:
        mapped = rows_mapped(card, block)
        score = _block_score(card, mapped)
        threshold = threshold_of(beside(limits, score), mapped.values, mapped.layout, form)
        rounded = namespace(score).astype(score, threshold.dtype, copy=False)
        return score, accept(rounded, threshold, SCORES[card.score].floor)

    score, selected = rows.collected(of_block, "Scoring")
    return score, selected


@dataclass(frozen=True, slots=True, eq=False)
class ScoredRows:
    """What a card makes of rows.

    Attributes:
        scores: (N,), or (N, L) where each label is judged by itself; float32.
        wrong: of the same shape; None without labels.
        predicted: (N,) classes, in few bytes; None unless they compete in one model.
    """

    scores: FloatArray
    wrong: npt.NDArray[np.bool_] | None
    predicted: npt.NDArray[np.integer[Any]] | None


def scored_rows(card: ScoreCard, rows: Rows, scores: FloatArray | None = None) -> ScoredRows:
    """Scores, errors and predicted classes of rows, in one pass.

    Args:
        card: that scores.
        rows: with labels or without.
        scores: where they are known already.
    """
    smallest = np.min_scalar_type(rows.layout.n_classes or 0)

    def of_block(block: Rows) -> tuple[npt.NDArray[Any], ...]:
        known = scored_block(card, block, scores is None)
        if "predicted" in known:
            known["predicted"] = known["predicted"].astype(smallest)
        return tuple(known.values())

    made = iter(rows.collected(of_block, "Scoring"))
    return ScoredRows(
        next(made) if scores is None else scores,
        None if rows.source_labels is None else next(made),
        next(made, None),
    )


def scored_block(card: ScoreCard, block: Rows, scoring: bool = True) -> dict[str, Any]:
    """The parts of `ScoredRows` that a block of rows has, computed at once.

    Args:
        card: that scores.
        block: with labels or without.
        scoring: whether the scores are wanted.
    """
    mapped = rows_mapped(card, block)
    known: dict[str, npt.NDArray[Any]] = {}
    if scoring:
        known["scores"] = to_numpy(_block_score(card, mapped)).astype(np.float32)
    if mapped.labels is not None:
        known["wrong"] = ~_block_right(card.score, mapped, card.temperature)
    if mapped.predicted is not None:
        known["predicted"] = mapped.predicted
    return known


def rows_right(score: str, rows: Rows, temperature: float = 1.0) -> npt.NDArray[np.bool_]:
    """Whether each labelled row was predicted right, (N,); labels as checked for the score.

    The rows are those of a card with a calibration map if they are mapped by it.

    Where each label is judged by itself, (N, L).

    An ensemble predicts by the mean of its members' probabilities at the temperature
    (Lakshminarayanan et al. 2017, section 2.4).
    """
    (right,) = rows.collected(
        lambda block: (_block_right(score, block, temperature),), "Predicting"
    )
    return np.asarray(right)


def _block_right(score: str, rows: Rows, temperature: float) -> npt.NDArray[np.bool_]:
    layout: Layout = rows.layout
    labels: Array = to_numpy(rows.labels)
    if SCORES[score].learned:
        right = labels > 0.5
        return np.asarray(right if layout.per_label else right.all(axis=1))
    if layout.members is None:
        return rows.right
    mean: Array = to_numpy(calibrated_probabilities(rows, temperature)).reshape(len(rows), -1)
    single = Layout(layout.task, layout.n_classes, per_label=layout.per_label)
    # a label is a yes from 1/2, a logit from 0
    decisions: Array = mean if layout.family == "categorical" else mean - 0.5
    return np.asarray(predicted_correctly(decisions, labels, single))


def with_fitted_calibration(card: ScoreCard, rows: Rows, calibration: str) -> ScoreCard:
    """The card with the temperature of least NLL, and the map that was asked for.

    As it was, with a warning, if the rows cannot tell a temperature; without a map, with a warning,
    if they cannot tell one.

    Args:
        card: without a map.
        rows: labelled.
        calibration: one of :data:`~logitconf.calibration.names.CALIBRATIONS`.

    Raises:
        LogitconfError: for a map that is not for this score or these logits.
    """
    card = replace(card, calibration_map=None)
    refused = refusal_of_maps(card.score, members=rows.layout.members is not None)
    if calibration == TEMPERATURE or (calibration == AUTO and refused):
        return with_fitted_temperature(card, rows)
    layout = rows.layout
    family, n_classes = layout.family, layout.n_classes or 1
    if refused:
        raise LogitconfError(refused)
    if calibration != AUTO:
        check_kind(calibration, family, n_classes)
    plain = with_fitted_temperature(card, rows)
    if plain.temperature_fit is None or not plain.temperature_fit.identified:
        return plain
    logits, labels = signed_canonical(rows.logits, layout), rows.labels
    initial = card.temperature
    if calibration == AUTO:
        fitted = choose_map(logits, labels, family=family, initial=initial).fitted
    else:
        fitted = fit_map(logits, labels, kind=calibration, family=family, initial=initial)
    if fitted.calibration_map is None:
        if calibration != AUTO:
            warnings.warn(
                f"the rows cannot identify a calibration map ({fitted.reason}); the temperature "
                "stays alone",
                LogitconfWarning,
                stacklevel=5,
            )
        return plain
    lost = fitted.temperature.rows_left_out - plain.temperature_fit.rows_left_out
    if lost > 0:
        warnings.warn(
            f"{lost} rows have a masked class (-inf), which a matrix mixes into all others: they "
            "have no score; use calibration='vector'",
            LogitconfWarning,
            stacklevel=5,
        )
    inputs = "logits" if rows.kind == "logits" else "probabilities"
    return replace(
        card,
        temperature=fitted.temperature.temperature,
        temperature_fit=fitted.temperature,
        calibration_map=replace(fitted.calibration_map, inputs=inputs),
        n_classes=n_classes,
    )


def with_fitted_temperature(card: ScoreCard, rows: Rows) -> ScoreCard:
    """The card with the temperature of least NLL; as it was, with a warning, if none stands out."""
    layout = rows.layout

    def chunk(logits: Array, labels: Array) -> Chunk:
        if layout.members is not None:
            labels = namespace(labels).repeat(labels, layout.members, axis=0)
        return signed_canonical(logits, layout), labels

    places = spread(len(rows))
    few = [] if places is None else rows.at(places).pieces()
    fitted = fit_from(
        lambda: (chunk(*piece) for piece in rows.pieces()),
        [chunk(*piece) for piece in few],
        family=layout.family,
        initial=card.temperature,
        rows=len(rows) * (layout.members or 1),
    )
    alike = layout.task != "multilabel" and _all_the_same(rows.labels)
    card, note = card_with_temperature(card, fitted, alike=alike)
    if note:
        warnings.warn(note, LogitconfWarning, stacklevel=6)
    return card


def card_with_temperature(
    card: ScoreCard, fitted: TemperatureFit, *, alike: bool
) -> tuple[ScoreCard, str | None]:
    """The card with a fitted temperature, or as it was if none stands out; what to tell the user.

    Args:
        card: whose temperature the fit began with.
        fitted: on labelled rows.
        alike: whether all rows have the same label.
    """
    if fitted.identified and alike:
        fitted = replace(fitted, identified=False, reason="all labels are the same")
    temperature = fitted.temperature if fitted.identified else card.temperature
    note = None
    if not fitted.identified:
        note = f"the rows cannot identify a temperature ({fitted.reason}); it stays {temperature:g}"
    elif fitted.standard_error is not None and fitted.standard_error >= temperature:
        # 1/T is less than a standard error away from 0, where labels are drawn at random
        note = (
            f"the labels may have nothing to do with the logits: the temperature {temperature:.3g} "
            f"has a standard error of {fitted.standard_error:.3g}; check the order of both"
        )
    return replace(card, temperature=temperature, temperature_fit=fitted), note


def _all_the_same(labels: Array) -> bool:
    values = to_numpy(labels)
    return bool(values.min() == values.max())
