"""What fitting a map minimises: mean NLL plus λ times squares, with gradient and curvature.

The logits u are those over the temperature T₀ that fits best alone, so that every map starts at 0:
z = u + v ⊙ u + β, or z = u + V u + β, and a penalty on v, V and β means the same whatever the units
of the logits are. All of this is linear in the parameters, so that the sum is convex.

Source: Guo et al. 2017, "On calibration of modern neural networks", section 4.2 (vector and matrix
scaling); Platt 1999; Berta, Holzmüller, Jordan & Bach 2026, "Structured matrix scaling for
multi-class calibration" (logits over T₀, ridge penalties in K / N and K (K − 1) / N). Departures:
the logits themselves, not the logarithms of probabilities, and other constants beside these rates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from logitconf.tasks import Family

Vector: TypeAlias = npt.NDArray[np.float64]
# of any number type
Labels: TypeAlias = npt.NDArray[Any]
MapKind: TypeAlias = Literal["vector", "matrix", "platt"]

# Stands for a masked class: its probability is 0 at any scale, and 0 times it is 0.
MASKED = -1e30
# blocks of rows, with all that belongs to them, stay in a level-2 cache
_BLOCK_ELEMENTS = 1 << 15


@dataclass(frozen=True, slots=True)
class Sums:
    """Value, gradient and curvature at some parameters.

    Attributes:
        value: mean NLL in nats and the penalty.
        gradient: (P,).
        curvature: (P, P), None unless asked for.
    """

    value: float
    gradient: Vector
    curvature: Vector | None


class Objective(Protocol):
    """A convex function of P parameters, 0 where only the temperature acts."""

    @property
    def size(self) -> int:
        """How many parameters."""

    def sums(self, parameters: Vector, *, curvature: bool) -> Sums:
        """The value and its derivatives at these parameters."""


@dataclass(frozen=True, slots=True)
class ByClass:
    """Each class or label has features of its own: its logit, for a scale, and 1, for a bias.

    Attributes:
        logits: (N, K) over T₀, without NaN or +inf; masked ones are `MASKED`.
        labels: (N,) int64, or (N, L) in [0, 1].
        family: whether the columns compete.
        penalties: λ by ``"scale"`` and ``"bias"``; a part that is not here stays 0.
    """

    logits: Vector
    labels: Labels
    family: Family
    penalties: Mapping[str, float]

    @property
    def parts(self) -> list[str]:
        """Which parts have parameters, in their order."""
        return [name for name in ("scale", "bias") if name in self.penalties]

    @property
    def size(self) -> int:
        """How many parameters."""
        return len(self.parts) * int(self.logits.shape[1])

    def sums(self, parameters: Vector, *, curvature: bool) -> Sums:
        """The value and its derivatives; the parameters are (parts, K), laid out in a row."""
        rows, n_classes = self.logits.shape
        given = dict(zip(self.parts, parameters.reshape(-1, n_classes), strict=True))
        ridge = np.repeat([self.penalties[name] for name in self.parts], n_classes)
        value, gradient = 0.0, np.zeros(self.size)
        hessian = np.zeros((self.size, self.size)) if curvature else None
        for block in _blocks(rows, n_classes):
            u = self.logits[block]
            z = u * (1.0 + given["scale"]) if "scale" in given else u
            z = z + given["bias"] if "bias" in given else z
            loss, share, rest = _terms(z, self.labels[block], self.family)
            features = {"scale": u, "bias": np.ones_like(u)}
            value += loss
            gradient += np.concatenate([(rest * features[p]).sum(axis=0) for p in self.parts])
            if hessian is not None:
                hessian += _curvature_by_class(
                    share, [features[p] for p in self.parts], self.family
                )
        return _penalised(value / rows, gradient / rows, _over(hessian, rows), parameters, ridge)


@dataclass(frozen=True, slots=True)
class Mixing:
    """Every class sees the logits of all classes, and 1 for its bias.

    Attributes:
        logits: (N, K) over T₀, finite.
        labels: (N,) int64.
        penalties: λ by ``"scale"`` (the diagonal), ``"mixing"`` (the rest) and ``"bias"``.
    """

    logits: Vector
    labels: Labels
    penalties: Mapping[str, float]

    @property
    def size(self) -> int:
        """How many parameters."""
        n_classes = int(self.logits.shape[1])
        return n_classes * (n_classes + 1)

    @property
    def ridge(self) -> Vector:
        """λ of each parameter, (K, K + 1): a row for each class, its bias last."""
        n_classes = self.logits.shape[1]
        ridge = np.full((n_classes, n_classes + 1), self.penalties["mixing"])
        np.fill_diagonal(ridge, self.penalties["scale"])
        ridge[:, -1] = self.penalties["bias"]
        return ridge

    def sums(self, parameters: Vector, *, curvature: bool) -> Sums:
        """The value and its derivatives; the parameters are (K, K + 1), laid out in a row."""
        rows, n_classes = self.logits.shape
        weights = parameters.reshape(n_classes, n_classes + 1)
        value, gradient = 0.0, np.zeros(weights.shape)
        hessian = np.zeros((self.size, self.size)) if curvature else None
        for block in _blocks(rows, self.size if curvature else n_classes):
            features = np.column_stack([self.logits[block], np.ones(block.stop - block.start)])
            z = self.logits[block] + features @ weights.T
            loss, share, rest = _terms(z, self.labels[block], "categorical")
            value += loss
            gradient += rest.T @ features
            if hessian is not None:
                hessian += _curvature_of_mixing(share, features)
        return _penalised(
            value / rows, gradient.ravel() / rows, _over(hessian, rows), parameters,
            self.ridge.ravel(),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class OneScale:
    """All classes share one scale and have a bias each: Platt's map, for two logits.

    Attributes:
        by_class: the same with a scale for each class, whose penalty does not count.
    """

    by_class: ByClass

    @property
    def size(self) -> int:
        """How many parameters."""
        return 1 + int(self.by_class.logits.shape[1])

    def sums(self, parameters: Vector, *, curvature: bool) -> Sums:
        """The value and its derivatives; the scale comes first."""
        n_classes = self.by_class.logits.shape[1]
        spread = np.concatenate([np.full(n_classes, parameters[0]), parameters[1:]])
        inner = self.by_class.sums(spread, curvature=curvature)
        tie = np.zeros((self.size, 2 * n_classes))
        tie[0, :n_classes] = 1.0
        tie[1:, n_classes:] = np.eye(n_classes)
        bent = None if inner.curvature is None else tie @ inner.curvature @ tie.T
        return Sums(inner.value, tie @ inner.gradient, bent)


def _terms(z: Vector, labels: Labels, family: Family) -> tuple[float, Vector, Vector]:
    """Summed NLL, the probabilities and these less the labels, (n, K) each."""
    if family == "bernoulli":
        size = np.abs(z)
        tail = np.exp(-size)
        share = np.where(z >= 0.0, 1.0, tail) / (1.0 + tail)
        # softplus(z) - y z, with what is not 0 for a certain and right answer alone
        loss = np.log1p(tail) + np.maximum(z, 0.0) - labels * z
        return float(loss.sum()), share, share - labels
    places = np.arange(len(z)), labels
    shifted = z - z.max(axis=1, keepdims=True)
    own = shifted[places].sum()
    powers = np.exp(shifted)
    total = powers.sum(axis=1, keepdims=True)
    share = powers / total
    rest = share.copy()
    rest[places] -= 1.0
    return float(np.log(total).sum() - own), share, rest


def _curvature_by_class(share: Vector, features: list[Vector], family: Family) -> Vector:
    """Sum over rows of the second derivatives, (P, P), parts outside and classes inside."""
    n_classes = share.shape[1]
    own = share * (1.0 - share) if family == "bernoulli" else share
    parts: npt.NDArray[Any] = np.zeros((len(features), n_classes, len(features), n_classes))
    diagonal = np.arange(n_classes)
    for i, one in enumerate(features):
        for j, other in enumerate(features):
            parts[i, diagonal, j, diagonal] = (own * one * other).sum(axis=0)
    bent: Vector = parts.reshape(len(features) * n_classes, -1)
    if family == "categorical":
        weighted = np.concatenate([share * one for one in features], axis=1)
        bent = bent - weighted.T @ weighted
    return bent


def _curvature_of_mixing(share: Vector, features: Vector) -> Vector:
    rows, n_classes = share.shape
    count = features.shape[1]
    weighted = (share[:, :, None] * features[:, None, :]).reshape(rows, -1)
    bent = -(weighted.T @ weighted)
    for k in range(n_classes):
        part = slice(k * count, (k + 1) * count)
        bent[part, part] += (features * share[:, k : k + 1]).T @ features
    return bent


def _penalised(
    value: float, gradient: Vector, hessian: Vector | None, parameters: Vector, ridge: Vector
) -> Sums:
    if hessian is not None:
        hessian = hessian + np.diag(2.0 * ridge)
    return Sums(
        value + float(ridge @ (parameters * parameters)),
        gradient + 2.0 * ridge * parameters,
        hessian,
    )


def _over(hessian: Vector | None, rows: int) -> Vector | None:
    return None if hessian is None else hessian / rows


def _blocks(rows: int, columns: int) -> Iterator[slice]:
    step = max(64, _BLOCK_ELEMENTS // columns)
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))
