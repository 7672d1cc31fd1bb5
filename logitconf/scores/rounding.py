"""How far apart two runtimes may compute one row's score, the rounding band.

The band has one meaning everywhere: the largest difference between two runtimes' scores of one row.
So a decision may flip only where a score lies within one band of its threshold, on either side, and
a threshold in the middle of a gap wider than two bands flips no row at the gap's ends.

Its numbers, and whether they are proved or searched, are in :mod:`logitconf.scores.bands`. Runs
that it judges must not change them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from logitconf.errors import LogitconfError, not_among
from logitconf.scores.bands import HALF_ULP, Band, Constants, Shift, Sums
from logitconf.scores.table import SCORE_SYNONYMS, SCORES

_PRECISIONS = ("float32", "float64")
_SUMS = ("pinned", "any order")
_UNKNOWN_CLASSES = 1000
_DOUBLE_TO_SINGLE = 2.0**-29
_RUNNING_SUMS = 8
# that join the running sums, the rest of a vector and, in torch, whole sums of few terms
_JOINING = 8
# of mapped logits, whose products are added up one after the other, with half of that to spare
_HALF_ULPS_OF_MIXED = 5 / 4
# Where logits are divided first, each of the two that a difference is made of is off by half an
# ulp, in either of two runtimes.
_HALF_ULPS_OF_QUOTIENTS = 4.0
# A product and a sum are off by half an ulp each, in either of two runtimes.
_HALF_ULPS_OF_MAPS = 4.0
# The Log of onnxruntime and NumPy's differ by up to 7.3 above 1/2, and by 3.5 below.
_ULPS_OF_LOGARITHMS = 8.0
# Of the odds; more than any two probabilities differ by.
_LARGEST_EXPONENT = 50.0


@dataclass(frozen=True, slots=True)
class MapRounding:
    """How a calibration map rounds the logits that it makes.

    Attributes:
        gain: no mapped logit exceeds this times the row's largest abs logit,
        offset: plus this.
        mixed: how many logits a mapped one is made of.
        usual: the largest abs logit of rows whose own is not known.
    """

    gain: float
    offset: float
    mixed: int = 1
    usual: float = 0.0

    def reach(self, sizes: npt.ArrayLike | None) -> npt.NDArray[np.float64]:
        """No mapped logit of rows of these sizes is larger; of the usual one for None."""
        own = self.usual if sizes is None else np.asarray(sizes, dtype=np.float64)
        return np.asarray(self.gain * own + self.offset)

    def shift(self, sizes: npt.ArrayLike | None) -> npt.NDArray[np.float64]:
        """How far two runtimes' mapped logits differ: products, their sum, and that with a bias."""
        sums = 2.0 * _HALF_ULPS_OF_MIXED * self.mixed if self.mixed > 1 else 0.0
        return (_HALF_ULPS_OF_MAPS + sums) * HALF_ULP * self.reach(sizes)


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
        kind: what the head gets, as in :class:`~logitconf.card.score_card.HeadForm`; unless logits,
            they are made from it by logarithms.
        joined: whether labels are added up, rather than classes that compete.
        divided_first: whether the head divides the logits by T before it takes the maximum off, so
            that the size of a row counts; see
            :func:`~logitconf.scores.reductions.negated_probability`.
        apart: whether the classes are added up along an axis that is not the last; see
            :func:`~logitconf.scores.reductions.adds_apart`.
        sums: how one of the two runtimes adds up; ``"any order"`` unless both are pinned.
        mapping: how the calibration map rounds, if there is one.
        constants: other than those of the table.
    """

    score: str
    n_classes: int | None = None
    precision: str = "float32"
    temperature: float = 1.0
    members: int = 1
    kind: str = "logits"
    joined: bool = False
    divided_first: bool = False
    apart: bool = False
    sums: Sums = "pinned"
    mapping: MapRounding | None = None
    constants: Constants | None = None

    def __post_init__(self) -> None:
        """Checks the names.

        Raises:
            LogitconfError: for a score, precision or kind of sums that the table does not have.
        """
        if self.score not in SCORES:
            raise not_among("score", self.score, SCORES, SCORE_SYNONYMS)
        if self.precision not in _PRECISIONS:
            raise not_among("precision", self.precision, _PRECISIONS)
        if self.sums not in _SUMS:
            raise not_among("sums", self.sums, _SUMS)

    @property
    def additions(self) -> int:
        """No term of a sum over the classes passes through more, each of which rounds once."""
        classes = _UNKNOWN_CLASSES if self.n_classes is None else self.n_classes
        one_by_one = max(0, classes - 1)
        if self.apart or self.sums == "any order":
            return one_by_one
        return min(one_by_one, -(-classes // _RUNNING_SUMS) + _JOINING)

    def bands(
        self, values: npt.ArrayLike, sizes: npt.ArrayLike | None = None
    ) -> npt.NDArray[np.float64]:
        """`rounding_band` at each of `values`, any shape, finite.

        Args:
            values: scores or thresholds.
            sizes: the largest finite abs logit of each row, in the shape of the values. It counts
                where logits are divided first or mapped, and where members' scores of either sign
                are averaged; without it the band there is that of rows around 0, or as large as
                those that the map was fitted on.
        """
        wide = np.abs(np.asarray(values, dtype=np.float64))
        shifted = self._of_map(wide, sizes)
        if self.mapping is not None and sizes is not None:
            sizes = self.mapping.reach(sizes)
        # the largest floats have no next one to take a step to
        largest = np.finfo(np.float32).max / np.float32(2.0)
        size = np.minimum(np.abs(np.asarray(values, dtype=np.float32)), largest)
        ulp = np.spacing(self._reach(size, sizes)).astype(np.float64)
        width = self._constants.width(wide, ulp, self.additions, self.temperature)
        if self.members > 1:
            width = width + (1.0 + math.log2(self.members)) * ulp
        if self.kind != "logits":
            classes = max(2, _UNKNOWN_CLASSES if self.n_classes is None else self.n_classes)
            logarithms = size * self.temperature + math.log(classes)
            step = np.spacing(logarithms.astype(np.float32)).astype(np.float64)
            width = width + self._band.of_logarithms * step / self.temperature
            if self._band.of_logarithms == 0.0:
                # each class counts by its share q of the row, and -Σ q log p is at most log K for
                # T < 1 and T log K beyond
                largest = np.float32(math.log(classes) * (1.0 + self.temperature))
                moved = _ULPS_OF_LOGARITHMS * float(np.spacing(largest)) / self.temperature
                width = width + self._moved(wide, np.asarray(moved))
        # Rounded once from double, two runtimes differ in the last place at most, and hardly ever;
        # but a score that is small because larger numbers cancel keeps double's absolute error.
        if self.precision == "float64":
            width = np.spacing(size).astype(np.float64) + _DOUBLE_TO_SINGLE * width
        return np.asarray(width + self._of_quotients(size, sizes) + shifted, dtype=np.float64)

    @property
    def _band(self) -> Band:
        row = SCORES[self.score]
        return row.band_of_sums if self.joined and row.band_of_sums else row.band

    @property
    def _constants(self) -> Constants:
        if self.constants is not None:
            return self.constants
        band = self._band
        other = None if self.sums == "pinned" else band.any_order
        return band.pinned if other is None else other

    def _of_map(
        self, size: npt.NDArray[np.float64], sizes: npt.ArrayLike | None
    ) -> npt.NDArray[np.float64]:
        """What the rounding of mapped logits adds to the band of scores of this size."""
        if self.mapping is None:
            return np.zeros(size.shape)
        each = self.mapping.shift(sizes) / self.temperature
        if self.precision == "float64":
            each = each * _DOUBLE_TO_SINGLE
        return self._moved(size, each)

    def _moved(
        self, size: npt.NDArray[np.float64], each: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """How far scores of this size move where every logit over T moves by at most `each`."""
        moved = Shift() if self._band.of_shift is None else self._band.of_shift
        classes = max(2, _UNKNOWN_CLASSES if self.n_classes is None else self.n_classes)
        width = moved.constant + moved.of_log * math.log(classes)
        # every label that is added up may move
        width += moved.of_temperature * self.temperature * (classes if self.joined else 1)
        factor = np.expm1(np.minimum(moved.relative * each, _LARGEST_EXPONENT))
        odds = np.expm1(np.minimum(moved.of_odds * each, _LARGEST_EXPONENT))
        probability = np.minimum(size, 1.0)
        # a probability that was rounded to 1 has odds too
        odds = np.minimum(odds * probability * (1.0 - probability + HALF_ULP), 1.0)
        return np.asarray(width * each + size * factor + odds)

    def _reach(
        self, size: npt.NDArray[np.float32], sizes: npt.ArrayLike | None
    ) -> npt.NDArray[np.float32]:
        """The size of what is rounded on the way to a value: of the members' scores, if larger."""
        if sizes is None or self.members == 1 or not SCORES[self.score].needs_logits:
            return size
        scale = 1.0 if self.score == "energy" else self.temperature
        largest = np.finfo(np.float32).max / np.float32(2.0)
        reach = np.asarray(sizes, dtype=np.float64) / scale
        return np.maximum(size, np.minimum(reach, largest).astype(np.float32))

    def _of_quotients(
        self, size: npt.NDArray[np.float32], sizes: npt.ArrayLike | None
    ) -> npt.NDArray[np.float64]:
        """What logits that are divided first add to the band of a probability p.

        Each exponential is off by a factor within exp(±e), so that the odds of p are, and p by at
        most p (1 − p) (exp(e) − 1).
        """
        if sizes is None or not self.divided_first:
            return np.zeros(size.shape)
        half_ulp = HALF_ULP * (1.0 if self.precision == "float32" else _DOUBLE_TO_SINGLE)
        quotients = np.asarray(sizes, dtype=np.float64) / self.temperature
        exponent = _HALF_ULPS_OF_QUOTIENTS * half_ulp * quotients
        growth = np.expm1(np.minimum(exponent, _LARGEST_EXPONENT))
        probability = np.minimum(size.astype(np.float64), 1.0)
        # a probability that was rounded to 1 has odds too
        others = 1.0 - probability + HALF_ULP
        return np.minimum(probability * others * growth, 1.0)


def rounding_band(
    score: str,
    *,
    n_classes: int | None,
    precision: str,
    value: float,
    temperature: float = 1.0,
    sums: Sums = "pinned",
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
        sums: how the runtimes add up the classes: ``"pinned"`` for onnxruntime on the CPU, torch
            and NumPy, ``"any order"`` if one of the two is another.

    Returns:
        In units of the score; > 0.

    Raises:
        LogitconfError: for a score, precision or kind of sums that the table does not have, or a
            value that is not finite.

    >>> at = {"n_classes": 1000, "precision": "float32", "value": -0.5}
    >>> bands = [rounding_band("softmax", **at, sums=sums) for sums in ("pinned", "any order")]
    >>> [f"{band:.1e}" for band in bands]
    ['1.1e-05', '8.1e-05']
    """
    rounding = Rounding(score, n_classes, precision, temperature, sums=sums)
    if not math.isfinite(value):
        raise LogitconfError(f"the value of a rounding band must be finite, got {value}")
    return float(rounding.bands(value))
