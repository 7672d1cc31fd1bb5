"""Sums of the negative log-likelihood and of its derivatives in the inverse temperature.

With b = 1/T and x the logits, a categorical row costs f = log sum exp(b x) - b x_y nats. Its
derivatives in b are cumulants of x under p = softmax(b x): f' = E[x] - x_y, f'' = Var[x], and f'''
is the third central moment. A Bernoulli label y in [0, 1] costs f = softplus(b x) - y b x. All are
sums over rows, so chunks and machines add up.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from logitconf.tasks import Family

Vector: TypeAlias = npt.NDArray[np.float64]

# Machines exchange sums alone, so "one class only" is read off the added-up bits of the labels.
_LABEL_BITS = 32
# 2^17 float32 logits with their exponentials stay in a 2 MiB level-2 cache (best of 2^16 to 2^20).
_CACHED = 1 << 17
_FEW_COLUMNS = 40


@dataclass(frozen=True, slots=True)
class _Point:
    """Where the sums are taken.

    Attributes:
        b: the inverse temperature.
        initial: inverse of the initial temperature in the first pass, else None.
        masked: whether a logit may be -inf.
    """

    b: float
    initial: float | None
    masked: bool


# from parts of some rows and room for work to six sums a row, along an axis
_Measure: TypeAlias = Callable[[list[Tensor], _Point, Tensor, Tensor, int], None]


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
        label_bits: for each bit of the label, how many terms have it set (Bernoulli: the number of
            terms times the middle of the labels' range, in the first place); 0 but in the first
            pass.
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
        """The sums in a vector of `chunk_sums`, after adding up over chunks and machines."""
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


@torch.inference_mode()
def chunk_sums(
    logits: Tensor,
    labels: Tensor,
    weights: Tensor | None,
    *,
    family: Family,
    inverse_temperature: float,
    initial: float | None,
) -> Tensor:
    """One chunk's sums in the order of `LikelihoodSums`, float64, shape (42,).

    Rows with a NaN, a +inf, no finite value, or a label whose own probability is 0 (its logit is
    -inf) are left out and counted; any other -inf is a masked class or a certain negative.

    Args:
        logits: (N, K) or (N, L), floating; float16 and bfloat16 are computed in float32.
        labels: (N,) integers below K, or (N, L) in [0, 1]; on the device of `logits`.
        weights: (N,) non-negative, or None for ones; on the device of `logits`.
        family: whether the columns compete.
        inverse_temperature: b >= 0.
        initial: inverse of the initial temperature when this is the first pass, else None.
    """
    if logits.dtype in (torch.float16, torch.bfloat16):
        logits = logits.float()
    measure = _categorical_terms if family == "categorical" else _bernoulli_terms
    total = logits.shape[0]
    # Most chunks are finite, and then need no further look: all else shows in the sums.
    at = _Point(inverse_temperature, initial, masked=False)
    summed = _weighed(measure(logits, labels, at), weights)
    if not bool(torch.isfinite(summed).all()):
        usable = _usable_rows(logits, labels, family)
        logits, labels = logits[usable], labels[usable]
        weights = None if weights is None else weights[usable]
        at = replace(at, masked=True)
        summed = _weighed(measure(logits, labels, at), weights)
        if not bool(torch.isfinite(summed).all()):
            # The third power of logits beyond 1e12 leaves float32.
            wide = _exact(logits)
            summed = _weighed(measure(wide, labels.to(wide.device), at), weights)
    columns = 1 if family == "categorical" else logits.shape[1]
    used = logits.shape[0]
    mass = float(used) if weights is None else float(_exact(weights).sum())
    counts = [float(used), float(total - used), mass * columns, float(used * columns)]
    bits = [0.0] * _LABEL_BITS
    if initial is not None and used > 0:
        bits = _label_bits(labels, family, logits.shape[1])
    ends = [torch.tensor(end, dtype=torch.float64, device=summed.device) for end in (counts, bits)]
    return torch.cat([ends[0], summed, ends[1]])


def _weighed(terms: Tensor, weights: Tensor | None) -> Tensor:
    """The sums over rows, (6,), of terms (6, N)."""
    return terms.sum(1) if weights is None else terms @ _exact(weights)


def _label_bits(labels: Tensor, family: Family, n_classes: int) -> list[float]:
    """The `label_bits` of `LikelihoodSums` for labels (N,) or (N, L), at least one."""
    bits = [0.0] * _LABEL_BITS
    if family == "bernoulli":
        bits[0] = labels.numel() * (float(labels.min()) + float(labels.max())) / 2.0
        return bits
    for bit in range(n_classes.bit_length()):
        bits[bit] = float(torch.count_nonzero(labels & (1 << bit)))
    return bits


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


def _categorical_terms(logits: Tensor, labels: Tensor, at: _Point) -> Tensor:
    """Gap, initial NLL, NLL and its three derivatives, (6, N) float64, for labels (N,)."""
    sums = _in_slices(_exponential_sums, (logits,), at)
    largest, initial_total, total, *moments = sums.unbind()
    gap = largest - _exact(logits.gather(1, labels[:, None])).squeeze(1)
    first, second, cubic = (moment.div_(total) for moment in moments)
    return torch.stack(
        [
            gap,
            torch.zeros_like(gap) if at.initial is None else initial_total.log() + at.initial * gap,
            total.log() + at.b * gap,
            first + gap,
            second - first * first,
            cubic - first * (3.0 * second - 2.0 * first * first),
        ]
    )


def _bernoulli_terms(logits: Tensor, labels: Tensor, at: _Point) -> Tensor:
    """Gap, initial NLL, NLL and its three derivatives, summed over labels, (6, N) float64.

    With a = abs x and g = max(x, 0) - y x: f = b g + log(1 + exp(-b a)).
    """
    sums = _in_slices(_tail_sums, (logits, labels), at)
    gap, initial_nll, nll, first, _, third = sums.unbind()
    if at.initial is not None:
        initial_nll += at.initial * gap
    nll += at.b * gap
    torch.sub(gap, first, out=first)
    third.neg_()
    return sums


def _in_slices(measure: _Measure, parts: tuple[Tensor, ...], at: _Point) -> Tensor:
    """What `measure` gives for each row, (6, N) float64, computed within the cache."""
    logits = parts[0]
    rows, columns = logits.shape
    found = torch.zeros(6, rows, dtype=logits.dtype, device=logits.device)
    on_cpu = logits.device.type == "cpu"
    step = max(1, min(rows, _CACHED // columns) if on_cpu else rows)
    # The CPU reduces along a short last axis several times more slowly than along the first.
    turned = on_cpu and columns <= _FEW_COLUMNS
    spare = torch.empty(3, step * columns, dtype=logits.dtype, device=logits.device)
    for start in range(0, rows, step):
        slices = [part[start : start + step] for part in parts]
        if turned:
            slices = [part.t().contiguous() for part in slices]
        room = spare[:, : slices[0].numel()].view(3, *slices[0].shape)
        sums = found[:, start : start + step]
        measure(slices, at, room, sums, 0 if turned else 1)
    return _exact(found)


def _exponential_sums(
    parts: list[Tensor], at: _Point, room: Tensor, sums: Tensor, dim: int
) -> None:
    """Largest logit; sums of exp(initial d), and of exp(b d) times 1, d, d^2, d^3; d below it."""
    logits, (shifted, power, _) = parts[0], room
    torch.amax(logits, dim, out=sums[0])
    torch.sub(logits, sums[0].unsqueeze(dim), out=shifted)
    if at.masked:
        # Makes 0 * (-inf), a masked class's share of a moment, 0 instead of NaN.
        shifted.clamp_(min=torch.finfo(logits.dtype).min)
    if at.b > 0.0:
        torch.mul(shifted, at.b, out=power).exp_()
    else:
        power.copy_(torch.isfinite(logits))
    torch.sum(power, dim, out=sums[2])
    for order in (3, 4, 5):
        torch.sum(power.mul_(shifted), dim, out=sums[order])
    if at.initial is not None:
        torch.sum(shifted.mul_(at.initial).exp_(), dim, out=sums[1])


def _tail_sums(parts: list[Tensor], at: _Point, room: Tensor, sums: Tensor, dim: int) -> None:
    """Gap; log(1 + exp(-initial a)), and the same for b; the sums of w a and its cumulants.

    w = sigmoid(-b a) is the probability of the less likely answer.
    """
    logits, (size, tail, other) = parts[0], room
    if at.masked:
        # A certain negative adds nothing: far below zero its terms vanish, at b = 0 those of zero
        # do.
        certain = torch.finfo(logits.dtype).min if at.b > 0.0 else 0.0
        logits = logits.masked_fill(torch.isneginf(logits), certain)
    torch.clamp(logits, min=0.0, out=tail).addcmul_(logits, parts[1].to(tail.dtype), value=-1.0)
    torch.sum(tail, dim, out=sums[0])
    torch.abs(logits, out=size)
    if at.initial is not None:
        torch.sum(torch.mul(size, -at.initial, out=tail).exp_().log1p_(), dim, out=sums[1])
    torch.mul(size, -at.b, out=tail).exp_()
    torch.sum(torch.log1p(tail, out=other), dim, out=sums[2])
    moment = tail.div_(torch.add(tail, 1.0, out=other)).mul_(size)
    torch.sum(moment, dim, out=sums[3])
    # with w a in `moment`: (1 - w) a, then (1 - 2 w) a
    product = torch.mul(moment, size.sub_(moment), out=other)
    torch.sum(product, dim, out=sums[4])
    torch.sum(product.mul_(size.sub_(moment)), dim, out=sums[5])
