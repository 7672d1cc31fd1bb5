"""A calibration map as plain values, as a card keeps it, and what fitting it came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from logitconf.calibration.names import MAP_KINDS
from logitconf.errors import LogitconfError
from logitconf.notebook.brief import brief
from logitconf.scores.rounding import MapRounding
from logitconf.typed_json import check_count, check_number, check_text, shown

MAP_INPUTS = ("logits", "probabilities")
BUFFER_NAMES = ("scale", "matrix", "bias")
# K² numbers stand in every card; from here on they would fill it
MOST_MIXED_CLASSES = 256
# beyond, a float32 logit of ordinary size would overflow or vanish
_LARGEST = 1e6


@dataclass(frozen=True, slots=True)
class MapFit:
    """How a map was fitted.

    Attributes:
        penalties: λ of each part by name: the mean NLL grew by λ times the sum of the squares of
            that part, in units of the logits over the temperature that fits best alone.
        rows: rows used.
        rows_left_out: rows without a finite likelihood.
        nll_temperature: mean NLL in nats of these rows with the best temperature alone.
        nll_after: the same with the map and its temperature.
        largest_logit: the largest finite abs logit among the rows.
        slope: the largest derivative of what was minimised where the fit ended; 0 at a minimum.
        folds: of the cross-validation that chose the map, None if it was asked for by name.
        gain: mean cross-validated NLL of the temperature less that of the map, nats.
        gain_error: standard error of the gain.
    """

    penalties: Mapping[str, float]
    rows: int
    rows_left_out: int
    nll_temperature: float
    nll_after: float
    largest_logit: float
    slope: float
    folds: int | None = None
    gain: float | None = None
    gain_error: float | None = None

    def __post_init__(self) -> None:
        for name in ("rows", "rows_left_out"):
            check_count(getattr(self, name), name)
        for name in ("nll_temperature", "nll_after", "largest_logit", "slope"):
            check_number(getattr(self, name), name, 0.0)
        for name, value in self.penalties.items():
            check_text(name, "name of a penalty", PENALTIES)
            check_number(value, name, 0.0)
        if self.folds is not None:
            check_count(self.folds, "folds", least=2)


PENALTIES = ("bias", "scale", "mixing")


@dataclass(frozen=True, slots=True)
class CalibrationMap:
    """From logits x to mapped logits y, which the temperature then divides: z = y / T.

    ``"vector"``: y = a ⊙ x + b, a scale and a bias by class; for labels a scale alone, which is a
    temperature by label. ``"matrix"``: y = x W + b. ``"platt"``: for labels y = a ⊙ x + b; for one
    or two logits y = x + b, with T as the common scale.

    Attributes:
        kind: one of these.
        scale: (K,) float32 values > 0 of mean 1.
        matrix: (K, K) float32 values, whose diagonal has mean 1; row j is what logit j gives.
        bias: (K,) float32 values, which sum to 0 where classes compete.
        inputs: what it was fitted on: ``"logits"``, or the logarithms of ``"probabilities"``.
        fit: how it was fitted, None if it was given.

    Raises:
        LogitconfError: for parts that the kind does not have, or numbers out of range.
    """

    kind: str
    scale: tuple[float, ...] | None = None
    matrix: tuple[tuple[float, ...], ...] | None = None
    bias: tuple[float, ...] | None = None
    inputs: str = "logits"
    fit: MapFit | None = None

    __repr__ = brief

    def __post_init__(self) -> None:
        check_text(self.kind, "kind of a calibration map", MAP_KINDS)
        check_text(self.inputs, "inputs of a calibration map", MAP_INPUTS)
        if self.bias is None and self.scale is None:
            raise LogitconfError("a calibration map must have a scale or a bias, got neither")
        if (self.kind == "matrix") != (self.matrix is not None) or (
            self.matrix is not None and self.scale is not None
        ):
            raise LogitconfError(
                "a calibration map must have a matrix if it is of the kind 'matrix', and no scale "
                f"then, got the kind {self.kind!r}"
            )
        for name in ("scale", "bias"):
            values = getattr(self, name)
            if values is not None:
                object.__setattr__(self, name, _float32_values(values, name, self.n_classes))
        if self.scale is not None and min(self.scale) <= 0.0:
            raise LogitconfError(
                f"every scale of a calibration map must be > 0, got {min(self.scale)}; a class "
                "whose logit says nothing needs other logits"
            )
        if self.matrix is not None:
            n_classes = len(self.matrix)
            check_count(n_classes, "classes of a matrix", least=2, most=MOST_MIXED_CLASSES)
            rows = tuple(_float32_values(row, "matrix", n_classes) for row in self.matrix)
            object.__setattr__(self, "matrix", rows)

    @property
    def n_classes(self) -> int:
        """How many columns of logits it maps."""
        parts = (self.scale, self.matrix, self.bias)
        return next(len(part) for part in parts if part is not None)

    @property
    def buffers(self) -> dict[str, npt.NDArray[np.float32]]:
        """Its numbers as float32 arrays, by name: ``"scale"`` or ``"matrix"``, ``"bias"``."""
        parts = {name: getattr(self, name) for name in BUFFER_NAMES}
        return {
            name: np.asarray(part, dtype=np.float32)
            for name, part in parts.items()
            if part is not None
        }

    @property
    def keeps_differences(self) -> bool:
        """Whether an offset that all logits of a row share moves all mapped logits alike.

        Only then does it not matter whether logits or logarithms of probabilities come in.
        """
        return self.matrix is None and (self.scale is None or len(set(self.scale)) == 1)

    def keeps_label(self, *, competing: bool) -> bool:
        """Whether the label of every row is that of its unmapped logits, whatever they are.

        Args:
            competing: whether the columns are classes, of which the largest counts; else each
                counts by its sign.
        """
        if self.matrix is not None:
            return False
        unbiased = self.bias is None or not any(self.bias)
        return unbiased and (not competing or self.scale is None or len(set(self.scale)) == 1)

    @property
    def rounding(self) -> MapRounding:
        """How it rounds what it makes."""
        usual = 0.0 if self.fit is None else self.fit.largest_logit
        offset = max(map(abs, self.bias)) if self.bias else 0.0
        if self.matrix is None:
            gain = max(self.scale) if self.scale else 1.0
            return MapRounding(gain, offset, usual=usual)
        gain = float(np.abs(self.buffers["matrix"]).astype(np.float64).sum(axis=0).max())
        return MapRounding(gain, offset, len(self.matrix), usual)


def _float32_values(values: Sequence[float], name: str, length: int) -> tuple[float, ...]:
    if len(values) != length:
        raise LogitconfError(
            f"'{name}' of a calibration map must hold {length} numbers, as its other parts do, "
            f"got {len(values)}"
        )
    for value in values:
        check_number(value, f"{name} of a calibration map", -_LARGEST, _LARGEST)
    return tuple(float(np.float32(value)) for value in values)


def check_map(calibration_map: CalibrationMap, n_classes: int | None) -> None:
    """Checks that a map has as many columns as the logits.

    Raises:
        LogitconfError: if it has not.
    """
    if n_classes != calibration_map.n_classes:
        raise LogitconfError(
            f"a calibration map of {calibration_map.n_classes} columns needs logits with as many, "
            f"got n_classes={shown(n_classes)}"
        )
