"""What calibrates the logits of a card beside the temperature, in one sentence."""

from __future__ import annotations

from logitconf.calibration.maps.calibration_map import CalibrationMap
from logitconf.card.score_card import ScoreCard
from logitconf.wording.numbers import short


def calibration_of(card: ScoreCard) -> str | None:
    """What is done to the logits before the temperature divides them, None if nothing is.

    >>> made = CalibrationMap("vector", scale=(0.5, 1.5), bias=(0.25, -0.25))
    >>> calibration_of(ScoreCard("softmax", "multiclass", n_classes=2, calibration_map=made))
    'vector: scales 0.50 to 1.50, biases −0.25 to 0.25'
    """
    calibration_map = card.calibration_map
    if calibration_map is None:
        return None
    parts = []
    if calibration_map.scale is not None:
        parts.append(f"scales {_ends(calibration_map.scale)}")
    if calibration_map.matrix is not None:
        rows = calibration_map.matrix
        own = tuple(row[k] for k, row in enumerate(rows))
        others = tuple(value for k, row in enumerate(rows) for j, value in enumerate(row) if j != k)
        parts += [f"diagonal {_ends(own)}", f"others {_ends(others)}"]
    if calibration_map.bias is not None:
        parts.append(f"biases {_ends(calibration_map.bias)}")
    text = f"{calibration_map.kind}: {', '.join(parts)}"
    return text + _chosen(calibration_map)


def _chosen(calibration_map: CalibrationMap) -> str:
    """By how much it is better than a temperature, where that was cross-validated."""
    fit = calibration_map.fit
    if fit is None or fit.folds is None or fit.gain is None or fit.gain_error is None:
        return ""
    return (
        f"; chosen by cross-validation in {fit.folds} folds, {short(fit.gain, 2)} ± "
        f"{short(fit.gain_error, 2)} nats better than the temperature"
    )


def _ends(values: tuple[float, ...]) -> str:
    if len(values) == 1:
        return short(values[0], 3)
    return f"{short(min(values), 3)} to {short(max(values), 3)}"
