"""Sums of the negative log-likelihood and of its derivatives in the inverse temperature.

With b = 1/T and x the logits, a categorical row costs f = log sum exp(b x) - b x_y nats. Its
derivatives in b are cumulants of x under p = softmax(b x): f' = E[x] - x_y, f'' = Var[x], and f'''
is the third central moment. A Bernoulli label y in [0, 1] costs f = softplus(b x) - y b x. All are
sums over rows, so chunks and machines add up.
"""

from dataclasses import dataclass, fields
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from logitconf.tasks import Family

Vector: TypeAlias = npt.NDArray[np.float64]

# Machines exchange sums alone, so "one class only" is read off the added-up bits of the labels.
_LABEL_BITS = 32


@dataclass(frozen=True, slots=True)
class LikelihoodSums:
    """Sums over the rows of one pass at one inverse temperature b; weighted, but for the counts.

    Attributes:
        rows: rows used.
        left_out: rows without a usable score (see `chunk_sums`).
        weight: sum of the weights of the terms (rows; Bernoulli: rows times labels).
        gap: sum of (largest logit - label's logit), the limit of f' as b grows; 0 if no row errs.
        nll_initial: nats, at the initial temperature; 0 but in the first pass.
        nll: nats, at b.
        slope: f' at b.
        curvature: f'' at b.
        third: f''' at b.
        label_bits: for each bit of the label, how many terms have it set (Bernoulli: the sum of
            the labels, in the first place); 0 but in the first pass.
    """

    rows: float
    left_out: float
    weight: float
    terms: float
    gap: float
    nll_initial: float
    nll: float
    slope: float
    curvature: float
    third: float
    label_bits: tuple[float, ...]

    @classmethod
    def from_vector(cls, vector: Vector) -> "LikelihoodSums":
        """The sums in a vector made by `chunk_sums`, after adding up over chunks and machines."""
        values = [float(value) for value in vector]
        scalars = dict(zip(SCALAR_NAMES, values, strict=False))
        return cls(**scalars, label_bits=tuple(values[SCALARS:]))

    @property
    def one_class(self) -> bool:
        """Whether all labels are one class (Bernoulli: all 0 or all 1)."""
        return not any(0.0 < count < self.terms for count in self.label_bits)


SCALAR_NAMES = tuple(field.name for field in fields(LikelihoodSums))[:-1]
SCALARS = len(SCALAR_NAMES)
VECTOR_SIZE = SCALARS + _LABEL_BITS


def label_bits(labels: Tensor, *, family: Family, n_columns: int) -> Tensor:
    """The `label_bits` of `LikelihoodSums`, shape (32,), for labels (N,) or (N, L)."""
    bits = torch.zeros(_LABEL_BITS, dtype=torch.float64)
    if family == "bernoulli":
        bits[0] = labels.to(torch.float64).sum().cpu()
        return bits
    for bit in range(n_columns.bit_length()):
        bits[bit] = ((labels >> bit) & 1).sum().cpu()
    return bits


def chunk_sums(
    logits: Tensor,
    labels: Tensor,
    weights: Tensor | None,
    *,
    family: Family,
    inverse_temperature: float,
    initial: float | None,
) -> Tensor:
    """One chunk's scalar sums in the order of `LikelihoodSums`, float64, shape (10,).

    Rows with a NaN, a +inf, no finite value, or a label whose own probability is 0 (its logit is
    -inf) are left out and counted; any other -inf is a masked class or a certain negative.

    Args:
        logits: (N, K) or (N, L), floating; float16 and bfloat16 are computed in float32.
        labels: (N,) integers below K, or (N, L) floating in [0, 1]; on the device of `logits`.
        weights: (N,) non-negative, or None for ones; on the device of `logits`.
        family: whether the columns compete.
        inverse_temperature: b >= 0.
        initial: inverse of the initial temperature when this is the first pass, else None.
    """
    if logits.dtype in (torch.float16, torch.bfloat16):
        logits = logits.float()
    measure = _categorical_terms if family == "categorical" else _bernoulli_terms
    total = logits.shape[0]
    at = (inverse_temperature, initial)
    # Most chunks are finite, and then need no further look: infinities show in the terms, but for
    # Bernoulli labels, where they may cancel.
    plain = family == "categorical" or not any(bool(torch.isinf(end)) for end in logits.aminmax())
    terms = torch.stack(measure(logits, labels, *at, masked=False)) if plain else None
    if terms is None or not bool(torch.isfinite(terms).all()):
        usable = _usable_rows(logits, labels, family)
        logits, labels = logits[usable], labels[usable]
        weights = None if weights is None else weights[usable]
        terms = torch.stack(measure(logits, labels, *at, masked=True))
        if not bool(torch.isfinite(terms).all()):
            # The third power of logits beyond 1e12 leaves float32.
            wide = _exact(logits)
            terms = torch.stack(measure(wide, labels.to(wide.device), *at, masked=True))
    columns = 1 if family == "categorical" else logits.shape[1]
    used = logits.shape[0]
    if weights is None:
        summed, weight = terms.sum(1), float(used * columns)
    else:
        exact_weights = _exact(weights)
        summed, weight = terms @ exact_weights, float(exact_weights.sum()) * columns
    counts = [float(used), float(total - used), weight, float(used * columns)]
    return torch.cat([torch.tensor(counts, dtype=torch.float64, device=summed.device), summed])


def _exact(values: Tensor) -> Tensor:
    """`values` as float64; on the CPU where the device (Apple's) has no float64."""
    return (values.cpu() if values.device.type == "mps" else values).double()


def _usable_rows(logits: Tensor, labels: Tensor, family: Family) -> Tensor:
    """Which rows, (N,), have a finite likelihood."""
    # amax carries NaN in torch, so the largest logit alone shows NaN, +inf and a row of -inf.
    usable = torch.isfinite(logits.amax(1))
    if family == "categorical":
        return usable & torch.isfinite(logits.gather(1, labels[:, None]).squeeze(1))
    if bool(torch.isneginf(logits.amin(1)).any()):
        usable &= ~(torch.isneginf(logits) & (labels > 0)).any(1)
    return usable


def _categorical_terms(
    logits: Tensor, labels: Tensor, b: float, initial: float | None, *, masked: bool
) -> tuple[Tensor, ...]:
    """Gap, initial NLL, NLL and its three derivatives, each (N,) float64, for labels (N,)."""
    largest = logits.amax(1, keepdim=True)
    gap = (_exact(largest) - _exact(logits.gather(1, labels[:, None]))).squeeze(1)
    shifted = logits - largest
    if masked:
        # Makes 0 * (-inf), a masked class's share of a moment, 0 instead of NaN.
        shifted.clamp_(min=torch.finfo(logits.dtype).min)
    power = torch.mul(shifted, b).exp_() if b > 0.0 else torch.isfinite(logits).to(logits.dtype)
    total = _exact(power.sum(1))
    first = _exact(power.mul_(shifted).sum(1)) / total
    second = _exact(power.mul_(shifted).sum(1)) / total
    cubic = _exact(power.mul_(shifted).sum(1)) / total
    initial_nll = torch.zeros_like(gap)
    if initial is not None:
        initial_nll = _exact(shifted.mul_(initial).exp_().sum(1)).log() + initial * gap
    return (
        gap,
        initial_nll,
        total.log() + b * gap,
        first + gap,
        second - first * first,
        cubic - first * (3.0 * second - 2.0 * first * first),
    )


def _bernoulli_terms(
    logits: Tensor, labels: Tensor, b: float, initial: float | None, *, masked: bool
) -> tuple[Tensor, ...]:
    """Gap, initial NLL, NLL and its three derivatives, summed over labels, each (N,) float64.

    With a = abs x and g = max(x, 0) - y x: f = b g + log(1 + exp(-b a)).
    """
    # A certain negative adds nothing: far below zero its terms vanish, at b = 0 those of zero do.
    bounded = logits
    if masked:
        certain = torch.finfo(logits.dtype).min if b > 0.0 else 0.0
        bounded = logits.masked_fill(torch.isneginf(logits), certain)
    size = bounded.abs()
    gap = _exact(torch.relu(bounded).addcmul_(bounded, labels.to(size.dtype), value=-1.0).sum(1))
    initial_nll = torch.zeros_like(gap)
    if initial is not None:
        initial_tail = torch.mul(size, -initial).exp_()
        initial_nll = _exact(initial_tail.log1p_().sum(1)) + initial * gap
    tail = torch.mul(size, -b).exp_()
    nll = _exact(torch.log1p(tail).sum(1)) + b * gap
    wrong = tail.div_(1.0 + tail)
    right = 1.0 - wrong
    moment = wrong * size
    first = _exact(moment.sum(1))
    second = _exact(moment.mul_(right).mul_(size).sum(1))
    third = _exact(moment.mul_(right.sub_(wrong)).mul_(size).sum(1))
    return gap, initial_nll, nll, gap - first, second, -third
