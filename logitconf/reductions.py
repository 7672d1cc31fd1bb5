"""Reductions over the class axis that carry what cannot be computed on as NaN.

This is the one place that chooses how a graph is written. The choice looks only at what is static
when a head is exported (:class:`Form`), never at values. ``runtime="any"`` takes forms that are
right on every runtime; ``"onnxruntime"`` the fastest right one there. tests/benchmarks has the
measurements behind each choice.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

Runtime: TypeAlias = Literal["any", "onnxruntime"]

# A sum of finite float32 values times this cannot overflow below 2**100 terms.
_SHRINK = 2.0**-100
# Below every finite difference of logits, yet finite: exp(-inf) * -inf would be NaN.
_LOWEST = -1e30
_INFINITY = float("inf")
_NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Form:
    """What is static about the tensor that is reduced.

    Attributes:
        axis: the class axis, counted from the front.
        last: whether it is the last axis.
        n_classes: its size, None if free.
        runtime: which forms are allowed.
    """

    axis: int = 1
    last: bool = True
    n_classes: int | None = None
    runtime: Runtime = "any"


def exponential_sum(x: Tensor, temperature: Tensor, form: Form) -> tuple[Tensor, Tensor]:
    """The largest logit m and S = Σ exp((x − m) / T), both (N, ...).

    S is in [1, K]; it is NaN for a row with a NaN, a +inf or no finite value. The maximum is
    taken off before the division, so that no finite row overflows.
    """
    largest, shifted = _shifted(x, temperature, form)
    total = torch.sum(torch.exp(shifted), dim=form.axis)
    return torch.squeeze(largest, form.axis), total


def exponential_moments(x: Tensor, temperature: Tensor, form: Form) -> tuple[Tensor, Tensor]:
    """S = Σ e and D = Σ e·d with d = (x − m) / T and e = exp(d), both (N, ...).

    A masked class (−inf) adds 0 to both.
    """
    _, shifted = _shifted(x, temperature, form)
    exponentials = torch.exp(shifted)
    weighted = exponentials * torch.clamp(shifted, min=_LOWEST)
    return torch.sum(exponentials, dim=form.axis), torch.sum(weighted, dim=form.axis)


def _shifted(x: Tensor, temperature: Tensor, form: Form) -> tuple[Tensor, Tensor]:
    largest = torch.amax(x, dim=form.axis, keepdim=True)
    return largest, (x - largest) * torch.reciprocal(temperature)


def half_top_two_gap(x: Tensor, form: Form) -> Tensor:
    """Half of the largest logit minus the second largest, exact, (N, ...); 0 for a tie.

    Half, because the whole of it may lie beyond float32 where the margin, divided by T, does not.
    +inf where only one class is finite; NaN for a row with a NaN, a +inf or no finite value.
    """
    largest = torch.amax(x, dim=form.axis, keepdim=True)
    at_top = x == largest
    runner_up = torch.amax(torch.where(at_top, -_INFINITY, x), dim=form.axis)
    ties = torch.sum(at_top.to(x.dtype), dim=form.axis)
    # runtimes drop a NaN in a maximum, never in a sum; this one only overflows to -inf
    carrier = torch.sum(x - largest, dim=form.axis)
    gap = torch.squeeze(largest, form.axis) * 0.5 - runner_up * 0.5
    return torch.where(carrier < 1.0, torch.where(ties > 1.5, 0.0, gap), _NAN)


def worst_label(x: Tensor, form: Form) -> Tensor:
    """The smallest abs logit over the labels, (N, ...).

    Probability, entropy and margin of a label are monotone in abs x, so the worst label is found
    before any of them is computed. NaN for a row with a NaN, a +inf or no finite value.
    """
    smallest = torch.amin(torch.abs(x), dim=form.axis)
    carrier = torch.sum(x * _SHRINK, dim=form.axis)
    return torch.where((carrier < _INFINITY) & (smallest < _INFINITY), smallest, _NAN)


def softplus_sum(x: Tensor, temperature: Tensor, form: Form) -> Tensor:
    """Σ over labels of T·log(1 + exp(x / T)), (N, ...).

    NaN for a row with a NaN, a +inf or no finite value; −inf, a certain no, adds 0.
    """
    tails = torch.log(1.0 + torch.exp(-torch.abs(x) * torch.reciprocal(temperature)))
    total = torch.sum(torch.relu(x), dim=form.axis) + temperature * torch.sum(tails, dim=form.axis)
    largest = torch.amax(x, dim=form.axis)
    return torch.where(torch.abs(largest) < _INFINITY, total, _NAN)


def value_at_largest(x: Tensor, values: Tensor, form: Form) -> Tensor:
    """``values[k]`` (K,) at the largest class k of each row; the smallest of them for a tie."""
    largest = torch.amax(x, dim=form.axis, keepdim=True)
    shape = [1] * x.ndim
    shape[form.axis] = -1
    return torch.amin(torch.where(x == largest, values.reshape(shape), _INFINITY), dim=form.axis)
