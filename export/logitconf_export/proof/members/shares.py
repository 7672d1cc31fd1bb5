"""Members' probabilities of the classes, as a runtime computes them: their errors in norms.

The rows of all members together are no boxes any more, so that of each member only what holds for
every row is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from logitconf_export.proof.composing.composition import Composition
from logitconf_export.proof.composing.tensors import CannotProveError, Tensor
from logitconf_export.proof.exact.abstract_rows import AbstractRows
from logitconf_export.proof.exact.choices import Choice
from logitconf_export.proof.exact.expressions import (
    Expression,
    is_zero,
    number,
    power,
    sum_over_classes,
)
from logitconf_export.proof.exact.intervals import Floats, above

SEEN = 1e-25
"""From computed probabilities of this size on, nothing on the way to a score underflows."""
# errors of smaller probabilities are shares of the first of these that makes them small shares
_LEAST = (SEEN, 1e-20, 1e-17, 1e-14, 1e-12)
_MOST_RELATIVE = 1e-2
_CANDIDATES = 12


@dataclass(frozen=True, slots=True)
class Shares:
    """Bounds on δ = computed − exact probability of the classes of one member, whatever its row.

    Attributes:
        tensor: the probabilities.
        n_classes: how many.
        n_members: of the ensemble.
        absolute: Σ |δ| is no larger.
        root: nor is the root of Σ δ².
        relative: nor |δ| over the probability, or over `least` where that is larger.
        least: see there.
        common: δ is s·p + own error with |s| no larger, the same for all classes of the member,
        own: and the own errors at most r·p but for e, where Σ e·max(log M, −log p) ≤ x: as pairs
            (r, x), each of which holds.
    """

    tensor: Tensor
    n_classes: int
    n_members: int
    absolute: float
    root: float
    relative: float
    least: float
    common: float
    own: tuple[tuple[float, float], ...]

    @classmethod
    def of(cls, steps: Composition, t: Tensor, n_members: int) -> Shares:
        """Those that a tensor holds.

        Raises:
            CannotProveError: if it holds something else, or errors too large for these norms.
        """
        rows, p = steps.rows, t.expression
        _check_shares(rows, t)
        values = rows.range(p)
        low = np.maximum(values.low, 0.0)
        error = t.error
        if t.deviation is not None:
            error = np.minimum(error, t.deviation.bound(rows))
        error = error + np.zeros_like(low)
        for least in _LEAST:
            relative = float(above(error / np.maximum(low, least)).max())
            if relative <= _MOST_RELATIVE:
                break
        else:
            raise CannotProveError(f"probabilities are off by a share of {relative:.2g}")
        common, own = _parted(rows, t, error)
        return cls(
            t,
            rows.n_classes,
            n_members,
            float(rows.sum_above(error).max()),
            float(above(np.sqrt(rows.sum_above(above(error * error)).max()))),
            relative,
            least,
            common,
            _pairs(rows, own, low, n_members),
        )


def _check_shares(rows: AbstractRows, t: Tensor) -> None:
    """Numbers of each class, once, that are at least 0 and 1 together."""
    places = [] if t.members is None else list(t.members.ravel())
    indices = [c.index if isinstance(c, Choice) else None for c in places]
    if t.source is not None or t.added is not None or indices != list(range(rows.n_classes)):
        raise CannotProveError("members are compared in something other than all classes")
    whole = sum_over_classes(t.expression, rows.n_classes) - number(1)
    # outward rounding may bring a 0 just below it
    if t.sign < 1 or not (rows.range(t.expression).low >= -1e-300).all() or not is_zero(whole):
        raise CannotProveError("members are compared in something other than probabilities")


def _parted(rows: AbstractRows, t: Tensor, error: Floats) -> tuple[float, Floats]:
    """What all classes of a member have in common, as a share, and the rest of each."""
    if t.deviation is None:
        return 0.0, error
    common, own = np.zeros((1, 1)), t.deviation.rest + np.zeros_like(error)
    inverse: Expression = power(t.expression, -1)
    for part in t.deviation.parts.values():
        share = part.factor * inverse
        if part.kind == "row" and not share.by_class:
            common = above(common + above(rows.size(share) * part.size))
        elif part.kind == "sum":
            return 0.0, error
        else:
            own = above(own + above(rows.size(part.factor) * part.size))
    return float(common.max()), own


def _pairs(
    rows: AbstractRows, own: Floats, low: Floats, n_members: int
) -> tuple[tuple[float, float], ...]:
    log = np.log(np.maximum(low, SEEN))
    weight = above(np.maximum(np.log(n_members), -log) * (1.0 + 1e-12))
    matters = low > 1e-9
    if not matters.any():
        raise CannotProveError("no probability that matters")
    ratios = own[matters] / low[matters]
    shares = np.quantile(ratios, np.linspace(0.0, 1.0, _CANDIDATES))
    pairs = []
    for share in shares:
        rest = np.maximum(above(own - share * low * (1.0 - 1e-12)), 0.0)
        pairs.append((float(share), float(rows.sum_above(above(rest * weight)).max())))
    return tuple(pairs)
