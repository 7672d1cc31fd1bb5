"""Rows to fit on and rows to certify on: how they are drawn, and whether they are the same."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from logitconf.errors import LogitconfError

Rows: TypeAlias = npt.NDArray[np.int64]
Keys: TypeAlias = npt.NDArray[np.uint64]

# Rows of real numbers that agree in so many columns are the same.
_KEY_COLUMNS = 64


def split_rows(rows: int, holdout: float, seed: int) -> tuple[Rows, Rows]:
    """Rows to fit on and rows held out: a plain random draw, blind to what the rows hold.

    Every set of so many rows is as likely as every other, so if the rows are independent draws, the
    held-out ones are too, and independent of the others: that is what a certificate on them needs.
    A draw that balances the labels lacks it: where labels have one row each, it may be fixed.

    Args:
        rows: how many there are, N.
        holdout: share of the rows to hold out, in (0, 1).
        seed: of the draw; the same seed gives the same rows, and a larger share holds out the rows
            of a smaller one too.

    Returns:
        Two ascending arrays of positions that have no row in common and together all N.

    Raises:
        LogitconfError: for another share, or where one part would have no row.

    >>> fitted, held = split_rows(6, 0.5, seed=0)
    >>> len(fitted), len(held), sorted([*fitted, *held]) == list(range(6))
    (3, 3, True)
    """
    check_holdout(holdout)
    kept = rows - math.floor(rows * holdout + 0.5)
    if not 0 < kept < rows:
        raise LogitconfError(f"a holdout of {holdout:g} leaves one part of {rows} rows empty")
    order = np.random.default_rng(seed).permutation(rows)
    return np.sort(order[:kept]), np.sort(order[kept:])


def check_holdout(holdout: float) -> None:
    """Checks that a part of the rows can be held out.

    Raises:
        LogitconfError: unless the share lies in (0, 1).
    """
    if not 0.0 < holdout < 1.0:
        raise LogitconfError(f"holdout must be a share of the rows in (0, 1), got {holdout}")


def row_keys(logits: Tensor, labels: Tensor) -> Keys:
    """A number for each row of logits (N, K) and labels, the same for the same row, (N,)."""
    flat = logits.detach().reshape(len(logits), -1).cpu()
    columns = np.linspace(0, flat.shape[1] - 1, min(_KEY_COLUMNS, flat.shape[1])).astype(np.int64)
    values = flat[:, torch.from_numpy(columns)].to(torch.float64)
    own = labels.reshape(len(labels), -1).to(torch.float64).mean(dim=1, keepdim=True).cpu()
    bits = torch.cat([values, own], dim=1).numpy().view(np.uint64)
    # high bits, where few-digit floats differ, are folded onto the low ones before they are mixed
    factors = np.random.default_rng(0).integers(1, 1 << 63, bits.shape[1], dtype=np.uint64)
    mixed: Keys = ((bits ^ (bits >> np.uint64(29))) * (factors | np.uint64(1))).sum(
        axis=1, dtype=np.uint64
    )
    return mixed


def shared_rows(fitted: Keys, certifying: Keys) -> int:
    """How many of the certifying rows are among the fitted."""
    return int(np.isin(certifying, fitted).sum())


def overlap_note(shared: int, rows: int) -> str:
    """What to tell a user whose certifying rows were fitted on too."""
    return (
        f"{shared} of the {rows} rows that certify the risk were used to fit too, so "
        "the promise may be too good; fit with holdout=0.5, or calibrate on other rows"
    )


@dataclass(frozen=True, slots=True, eq=False)
class RowsIdentity:
    """What tells rows apart: a digest of all of them, and a key for each if they have labels."""

    sha256: str
    keys: Keys | None


def identity_of(logits: Tensor, labels: Tensor | None) -> RowsIdentity:
    """The identity of checked logits and labels."""
    keys = None if labels is None else row_keys(logits, labels)
    return RowsIdentity(data_digest(logits, labels), keys)


def data_digest(logits: Tensor, labels: Tensor | None) -> str:
    """SHA-256 over dtype, size and content of checked logits and labels; (N,) is (N, 1)."""
    digest = hashlib.sha256()
    for tensor in (logits,) if labels is None else (logits, labels):
        digest.update(f"{tensor.dtype} {len(tensor)} {tensor.numel()}".encode())
        digest.update(tensor_buffer(tensor))
    return digest.hexdigest()


def tensor_buffer(value: Tensor) -> memoryview:
    """The tensor's content, row by row, as bytes of this machine; not copied where it can be."""
    content = value.detach().cpu().contiguous().flatten().view(torch.uint8)
    return content.numpy().data
