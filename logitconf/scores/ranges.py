"""Which values a score can take, end points included: what its row of the table says of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

Ends: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Case:
    """All that the ends of a range depend on.

    Attributes:
        n_classes: K, infinite if it is not known.
        temperature: T.
        members: M, infinite if it is not known; 1 for a single model.
        joined: whether several labels are added up or compared, rather than one logit judged.
        parameters: of the score.
    """

    n_classes: float
    temperature: float
    members: float
    joined: bool
    parameters: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Range:
    """The lowest and the highest value of a score.

    Attributes:
        categorical: of competing classes.
        bernoulli: of one logit, or of the labels.
    """

    categorical: Callable[[Case], Ends]
    bernoulli: Callable[[Case], Ends]


def fixed(low: float, high: float) -> Callable[[Case], Ends]:
    """Ends that depend on nothing."""
    return lambda _: (low, high)


def _gen(case: Case) -> Ends:
    """(p (1 − p))^γ is concave, so most where the classes that count are alike."""
    gamma, top = case.parameters.get("gamma", 0.1), case.parameters.get("top", 0.0)
    counted = min(case.n_classes, top) if top else case.n_classes
    if math.isinf(counted):
        return 0.0, math.inf
    share = 1.0 / max(counted, 2.0)
    return 0.0, counted * (share * (1.0 - share)) ** gamma


def _energy_of_labels(case: Case) -> Ends:
    return -math.inf, 0.0 if case.joined else -case.temperature * math.log(2.0)


def _max_logit_of_labels(case: Case) -> Ends:
    return -math.inf, math.inf if case.joined else 0.0


def _gen_of_labels(case: Case) -> Ends:
    return 0.0, 2.0 * 0.25 ** case.parameters.get("gamma", 0.1)


_NEGATIVE_SHARE, _NEVER_POSITIVE = fixed(-1.0, 0.0), fixed(-math.inf, 0.0)
_LOG_2 = math.log(2.0)

SOFTMAX = Range(lambda case: (-1.0, 0.0 - 1.0 / case.n_classes), fixed(-1.0, -0.5))
ENTROPY = Range(lambda case: (0.0, math.log(case.n_classes)), fixed(0.0, _LOG_2))
ENERGY = Range(fixed(-math.inf, math.inf), _energy_of_labels)
MARGIN = Range(_NEVER_POSITIVE, _NEVER_POSITIVE)
NEGATIVE_SHARE = Range(_NEGATIVE_SHARE, _NEGATIVE_SHARE)
MAX_LOGIT = Range(fixed(-math.inf, math.inf), _max_logit_of_labels)
GEN = Range(_gen, _gen_of_labels)
GINI = Range(lambda case: (0.0, 1.0 - 1.0 / case.n_classes), fixed(0.0, 0.5))
DOCTOR = Range(lambda case: (0.0, case.n_classes - 1.0), fixed(0.0, 1.0))
MUTUAL_INFORMATION = Range(
    lambda case: (0.0, math.log(min(case.members, case.n_classes))),
    lambda case: (0.0, min(math.log(case.members), _LOG_2)),
)
VARIANCE = Range(
    lambda case: (0.0, 1.0 - 1.0 / min(case.members, case.n_classes)), fixed(0.0, 0.25)
)
