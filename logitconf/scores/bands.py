"""The rounding band of each score: what two runtimes' scores of one row differ by, as constants.

*Proved* constants are results: ``python tests/benchmarks/bands.py`` bounds every runtime that has a
table of operations over all rows with logits up to 100 in size, from 2 to 5000 classes, and takes
the smallest constants whose band is twice the largest bound. *Searched* ones are set from the
largest difference that random rows and hill climbing came to, with room to spare.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

HALF_ULP = 2.0**-24
"""Of 1, in float32."""

Sums: TypeAlias = Literal["pinned", "any order"]
"""How a runtime adds up the classes of a row.

*Pinned*: probes have shown that no term passes through more additions than in eight running sums,
as in onnxruntime on the CPU, torch and NumPy. *Any order*: as a browser, which adds up one after
the other, and every runtime that was not probed.
"""

TABLES: Mapping[str, str] = MappingProxyType(
    {
        "numpy 2.4.6": "e7b6b61bba0ad0ddcae86b0f5602b8a3b73465ef3260d820b8c278932e8a540e",
        "onnx-reference 1.23.2": "59fa06b0f1eba1383d0c5f40bd29bbccdd164efaf17756fed25cd7fbbdb9f4da",
        "onnxruntime 1.20.1": "5edc4d78ba3a8ca456b23ed75c94fac389381c8eafd6169aed3c4326c71b613d",
        "onnxruntime 1.31.1": "e04d94950e4607c67d764ddab679fe2627cfc48823265f20244c40db857ddea4",
        "onnxruntime 1.31.1 (cuda)": "32d2077e6fb4840287a63e04c97c8a2c08a6aadd87a61a183f3dd13f7f151297",  # noqa: E501
        "openvino 2026.4.1": "a707c533df5695e46f9af37cc947b7b9d136b51412764c1a727451b3184981a0",
        "torch 2.13.0+cpu": "4e93e66edd9623dd3c4b9cb29d913cbd51df4ba7b5130f63f65d74e6fac62224",
        "tract 0.23.9": "49048f0fd014958e7ff26b452f053cdc2f6fc8e05fd7bfabb7a0e42137e14ccf",
    }
)
"""The tables of operations that proved bands come from, by the SHA-256 of their content."""


@dataclass(frozen=True, slots=True)
class Shift:
    """A bound on a score's move where the logits of a row move a little, as a map's rounding does.

    Where each z = y / T of a row moves by at most ε, odds of two classes move by a factor within
    exp(±2ε), a probability p by at most p (1 − p) (exp(2ε) − 1), and a logarithm of a sum of
    exponentials by ε. The terms add up.

    Attributes:
        constant: times ε.
        of_log: times ε log K.
        of_temperature: times ε T; for labels that are added up, for each.
        relative: the score moves by a factor within exp(±ε) to this power.
        of_odds: and so do the odds of the probability that the score is.
    """

    constant: float = 0.0
    of_log: float = 0.0
    of_temperature: float = 0.0
    relative: float = 0.0
    of_odds: float = 0.0


@dataclass(frozen=True, slots=True)
class Constants:
    """How far the scores of two runtimes are apart that compute in float32: four parts, added up.

    Attributes:
        ulps: units in the last place of the score.
        once: in half ulps of 1 (2^-24): that, plus that times the size of the score, plus that
            times T.
        of_sum: the same for each addition that a term of a sum over the classes passes through.
    """

    ulps: float = 0.0
    once: tuple[float, float, float] = (0.0, 0.0, 0.0)
    of_sum: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def width(
        self,
        size: npt.NDArray[np.float64],
        ulp: npt.NDArray[np.float64],
        additions: float,
        temperature: float,
    ) -> npt.NDArray[np.float64]:
        """The band at scores of this size, with this unit in their last place."""
        constant, of_size, of_temperature = (
            once + additions * each for once, each in zip(self.once, self.of_sum, strict=True)
        )
        half_ulps = constant + of_size * size + of_temperature * temperature
        return self.ulps * ulp + HALF_ULP * half_ulps


@dataclass(frozen=True, slots=True)
class Band:
    """The rounding band of one score; see :mod:`logitconf.scores.rounding`.

    Attributes:
        pinned: where both runtimes add up as they were probed to.
        any_order: where one of them may add up in any order; as above if None.
        proved: whether these are twice the largest bound that was proved.
        of_logarithms: what logits that were made from probabilities add: units in the last place of
            the logarithms.
        of_shift: what logits add that a calibration map has rounded; None if that has no bound, so
            that the score takes no such map.
    """

    pinned: Constants
    any_order: Constants | None = None
    proved: bool = False
    of_logarithms: float = 0.0
    of_shift: Shift | None = None


SOFTMAX = Band(
    Constants(2.6, (2.3, 0.0, 0.0), (0.0, 2.7, 0.0)),
    Constants(2.6, (2.3, 3.0, 0.0), (0.0, 2.7, 0.0)),
    proved=True,
    of_shift=Shift(of_odds=2.0),
)
ENTROPY = Band(
    Constants(7.4, (6.7, 2.9, 0.0), (4.6, 2.5, 0.0)),
    Constants(7.4, (7.0, 2.9, 0.0), (4.6, 2.5, 0.0)),
    proved=True,
    # The slope of the entropy is at most the standard deviation of log p, sqrt(1 + (log K)² / 4).
    # Source: Reeb & Wolf 2015, "Tight bound on relative entropy by entropy difference".
    of_shift=Shift(constant=1.0, of_log=0.5),
)
ENERGY = Band(
    Constants(1.0, (0.0042, 0.0, 14.0), (0.0, 0.0, 3.5)),
    Constants(1.0, (0.0042, 0.0, 14.0), (0.0, 0.0, 3.5)),
    proved=True,
    of_shift=Shift(of_temperature=1.0),
)
ENERGY_OF_LABELS = Band(
    Constants(1.0, (0.0, 0.0, 17.0), (0.0022, 5.1, 32.0)),
    Constants(1.0, (0.0, 0.0, 17.0), (0.0022, 5.1, 32.0)),
    proved=True,
    of_shift=Shift(of_temperature=1.0),
)
MARGIN = Band(
    Constants(2.4, (0.0, 1.6, 0.0)),
    Constants(4.3, (0.0, 1.6, 0.0)),
    proved=True,
    of_logarithms=11.0,
    of_shift=Shift(constant=2.0),
)
SOFTMAX_MARGIN = Band(
    Constants(4.0, (3.4, 8.7, 0.0), (0.069, 3.8, 0.0)),
    Constants(4.0, (3.4, 13.0, 0.0), (0.069, 3.8, 0.0)),
    proved=True,
    # two probabilities, each by at most ε / 2
    of_shift=Shift(constant=1.0),
)
LEARNED = Band(
    Constants(7.5, (0.85, 4.9, 0.0)),
    Constants(7.5, (2.0, 4.9, 0.0)),
    proved=True,
)
MAX_LOGIT = Band(
    Constants(1.0),
    Constants(3.0),
    proved=True,
    of_shift=Shift(constant=1.0),
)
# p = 0 is the softmax, and p = 1 sums as it does; the others err less
MAX_LOGIT_NORM = Band(Constants(32.0, (4.0, 0.0, 0.0), (0.0, 3.7, 0.0)))
GEN = Band(
    # γ = 1 errs as the gini does, by twice what the sum does; a small γ by a tenth of that.
    # Logarithms and exponentials of small values leave their ulps, more so elsewhere. At γ = .1
    # it is at least two proved bounds.
    Constants(96.0, (2.0, 0.0, 0.0), (0.0, 6.4, 0.0)),
    # p (1 − p) moves by a factor within exp(±4ε), and the exponent γ is at most 1
    of_shift=Shift(relative=4.0),
)
GINI = Band(
    Constants(1.4, (8.6, 5.5, 0.0), (7.5, -5.0, 0.0)),
    Constants(1.4, (8.6, 8.9, 0.0), (7.5, -5.0, 0.0)),
    proved=True,
    # Σ p (1 − p)
    of_shift=Shift(relative=4.0),
)
DOCTOR = Band(
    Constants(0.64, (0.22, 19.0, 0.0), (16.0, 8.6, 0.0)),
    Constants(1.2, (1.9, 19.0, 0.0), (16.0, 8.6, 0.0)),
    proved=True,
    # Σ p (1 − p) over 1 less that
    of_shift=Shift(relative=8.0),
)
DOCTOR_BETA = Band(
    Constants(0.95, (0.54, 7.9, 0.0), (6.1, 2.4, 0.0)),
    Constants(0.95, (1.6, 7.9, 0.0), (6.1, 2.4, 0.0)),
    proved=True,
    # odds
    of_shift=Shift(relative=2.0),
)
# proved of 2 to 32 members and of classes; labels have the band of two classes
MUTUAL_INFORMATION = Band(
    Constants(0.0, (47.0, 130.0, 0.0), (2.9, 4.2, 0.0)),
    Constants(0.0, (91.0, 130.0, 0.0), (2.9, 4.2, 0.0)),
    proved=True,
)
PREDICTIVE_VARIANCE = Band(
    Constants(0.0, (5.2, 67.0, 0.0), (1.1, 6.3, 0.0)),
    Constants(0.0, (5.2, 110.0, 0.0), (1.1, 6.3, 0.0)),
    proved=True,
)
