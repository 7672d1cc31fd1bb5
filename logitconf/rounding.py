"""How far apart two runtimes may compute one row's score, the rounding band: a fixed table.

The band has one meaning everywhere: the largest difference between two runtimes' scores of one row.
So a decision may flip only where a score lies within one band of its threshold, on either side, and
a threshold in the middle of a gap wider than two bands flips no row at the gap's ends.

The numbers were set by hand from a first measurement of torch against onnxruntime 1.31 on the CPU,
on random logits of 2 to 50000 classes, with room to spare. Runs that it judges must not change it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from logitconf.errors import LogitconfError

_PRECISIONS = ("float32", "float64")
_UNKNOWN_CLASSES = 1000
_HALF_ULP = 2.0**-24
_DOUBLE_TO_SINGLE = 2.0**-29
# onnxruntime's float32 sum of exponentials errs in proportion to the classes, as if it kept 16
# running sums (a model of what was measured, not read in its source): the one that holds the
# largest term is rounded once for each 16 classes, by up to half an ulp, on either side.
_HALF_ULPS_PER_CLASS = 2 / 16


@dataclass(frozen=True, slots=True)
class _Row:
    """A score's band where runtimes compute in float32.

    Attributes:
        few_ulps: units in the last place of the score, for one or two classes.
        ulps: the same for more.
        few_absolute: in units of the score, for one or two classes.
        absolute: the same for more.
        sums: whether a sum over the classes adds to it, see `_HALF_ULPS_PER_CLASS`.
    """

    few_ulps: float
    ulps: float
    few_absolute: float = 0.0
    absolute: float = 0.0
    sums: bool = False


_TABLE: Mapping[str, _Row] = MappingProxyType(
    {
        "softmax": _Row(few_ulps=4.0, ulps=16.0, sums=True),
        "entropy": _Row(few_ulps=0.0, ulps=0.0, few_absolute=4e-7, absolute=1.5e-6, sums=True),
        "energy": _Row(few_ulps=4.0, ulps=4.0, sums=True),
        "margin": _Row(few_ulps=2.0, ulps=2.0),
        # z / T may be computed as z * (1 / T), which moves exp(z) by at most .4 * 2^-23
        "learned": _Row(few_ulps=4.0, ulps=4.0, few_absolute=1e-7, absolute=1e-7),
        "max_logit": _Row(few_ulps=2.0, ulps=2.0),
        "max_logit_norm": _Row(16.0, 32.0, few_absolute=1.2e-7, absolute=2.4e-7, sums=True),
        "gen": _Row(64.0, 96.0, few_absolute=1e-7, absolute=1e-7, sums=True),
        "mutual_information": _Row(0.0, 0.0, few_absolute=2e-6, absolute=2e-6),
        "predictive_variance": _Row(0.0, 0.0, few_absolute=1e-6, absolute=1e-6),
        "gini": _Row(4.0, 4.0, few_absolute=1e-6, absolute=2e-6, sums=True),
        "doctor": _Row(16.0, 16.0, few_absolute=1e-6, absolute=2e-6, sums=True),
        "doctor_beta": _Row(8.0, 8.0, few_absolute=4e-7, absolute=1e-6, sums=True),
    }
)
SCORE_NAMES = tuple(_TABLE)
"""All scores, for what must name them without torch."""


@dataclass(frozen=True, slots=True)
class Rounding:
    """Which score is computed how: all that its rounding band depends on.

    Attributes:
        score: its name.
        n_classes: classes that compete; 1 for independent labels, but their number for the energy,
            which sums over them; None counts as 1000.
        precision: ``"float32"``, or ``"float64"`` for a head that computes in double.
        temperature: divides the logits; > 0; the energy's band depends on it.
        members: whose scores are averaged; 1 for a single model.
    """

    score: str
    n_classes: int | None = None
    precision: str = "float32"
    temperature: float = 1.0
    members: int = 1

    def __post_init__(self) -> None:
        """Checks the names.

        Raises:
            LogitconfError: for a score or precision that the table does not have.
        """
        if self.score not in _TABLE:
            raise LogitconfError(f"score must be one of {sorted(_TABLE)}, got {self.score!r}")
        if self.precision not in _PRECISIONS:
            raise LogitconfError(
                f"precision must be one of {list(_PRECISIONS)}, got {self.precision!r}"
            )

    def bands(self, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """`rounding_band` at each of `values`, any shape, finite."""
        # the largest floats have no next one to take a step to
        largest = np.finfo(np.float32).max / np.float32(2.0)
        size = np.minimum(np.abs(np.asarray(values, dtype=np.float32)), largest)
        ulp = np.spacing(size).astype(np.float64)
        row = _TABLE[self.score]
        # Rounded once from double, two runtimes differ in the last place at most, and hardly ever;
        # but a score that is small because larger numbers cancel keeps double's absolute error.
        if self.precision == "float64":
            return np.asarray(ulp + max(row.few_absolute, row.absolute) * _DOUBLE_TO_SINGLE)
        classes = _UNKNOWN_CLASSES if self.n_classes is None else self.n_classes
        if self.score == "energy":
            # Near 0 the largest logit cancels T log S, and the error is that of the two parts.
            parts = np.float32(self.temperature * math.log(max(2, classes)))
            ulp = np.maximum(ulp, float(np.spacing(parts)))
        few = classes <= 2
        width = (row.few_ulps if few else row.ulps) * ulp
        if self.members > 1:
            width = width + (1.0 + math.log2(self.members)) * ulp
        width = width + (row.few_absolute if few else row.absolute)
        if row.sums:
            # The sum's relative error passes to the score times p, 1 or T; DOCTOR is such a ratio
            # minus 1, of three sums or of one.
            relative = classes * _HALF_ULPS_PER_CLASS * _HALF_ULP
            unit = {
                "softmax": size,
                "gen": size,
                "energy": np.array(self.temperature),
                "doctor": 3.0 * (1.0 + size.astype(np.float64)),
                "doctor_beta": 1.0 + size.astype(np.float64),
            }
            width = width + relative * unit.get(self.score, np.ones(())).astype(np.float64)
        return np.asarray(width, dtype=np.float64)


def rounding_band(
    score: str, *, n_classes: int | None, precision: str, value: float, temperature: float = 1.0
) -> float:
    """The largest difference between two runtimes' scores of one row whose score is `value`.

    Runtimes may decide a row differently only if its score lies within this of the threshold.

    Args:
        score: name of the score.
        n_classes: classes that compete; 1 for independent labels, but their number for the energy,
            which sums over them; None counts as 1000.
        precision: ``"float32"``, or ``"float64"`` for a head that computes in double.
        value: the score, or threshold, at which the band is wanted; finite.
        temperature: divides the logits; > 0; the energy's band depends on it.

    Returns:
        In units of the score; > 0.

    Raises:
        LogitconfError: for a score or precision that the table does not have, or a value that is
            not finite.

    >>> rounding_band("margin", n_classes=10, precision="float32", value=-1.5) == 2 * 2.0**-23
    True
    """
    rounding = Rounding(score, n_classes, precision, temperature)
    if not math.isfinite(value):
        raise LogitconfError(f"the value of a rounding band must be finite, got {value}")
    return float(rounding.bands(value))
