"""Rows that a head must get right: ties, extremes, not-finite values, neighbours of the threshold.

Rows are made as (N, K) and laid out for a head of any rank by :func:`arranged`. NumPy alone.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from logitconf.card.score_card import HeadForm
from logitconf.errors import LogitconfError
from logitconf_export.decisions.ulps import from_ordinals, ordinals
from logitconf_export.onnx_files.types import Array

Accepts: TypeAlias = Callable[[Array], Array]
"""Rows (N, K) to whether each is accepted, (N,) bool."""

LOGITS_DTYPES = ("float16", "bfloat16", "float32", "float64")
_FREE_CLASSES = 10
_LARGEST_SEARCH = 4_000_000


def columns_of(form: HeadForm) -> int:
    """Columns of the rows made for a head: its own, or 10 where they are free, of all members."""
    n_classes = _FREE_CLASSES if form.n_classes is None else form.n_classes
    return n_classes * (form.members or 1)


def hard_rows(n_classes: int, *, dtype: str = "float32", seed: int = 0) -> Array:
    """Rows (N, K) that have broken runtimes: ties, huge, tiny, masked, infinite and NaN.

    Args:
        n_classes: K, at least 1.
        dtype: ``"float16"``, ``"float32"`` or ``"float64"``; huge and tiny are its own.
        seed: for the ordinary rows that the hard values are put into.

    Example:
        >>> rows = hard_rows(3)
        >>> rows.shape[1], bool(np.isnan(rows).any()), bool(np.isposinf(rows).any())
        (3, True, True)
    """
    if n_classes < 1:
        raise LogitconfError(f"rows need at least one column, got {n_classes}")
    limits = np.finfo(np.dtype(dtype))
    random = np.random.default_rng(seed)
    base = 3.0 * random.standard_normal(n_classes)
    rows = [np.full(n_classes, value) for value in (0.0, -0.0, 1.0, -88.0, 1e4)]
    rows += [base, -base, 30.0 * base, 1e-3 * base, base.round()]
    largest, tiny = float(limits.max), float(limits.smallest_subnormal)
    places = sorted({0, n_classes // 2, n_classes - 1})
    for place in places:
        for value in (largest, -largest, largest / 2, 1e4, -1e4, 15.9, -16.0, 88.8, -104.0):
            rows += [_put(base, value, place), _put(np.zeros(n_classes), value, place)]
        for value in (tiny, -tiny, float(limits.smallest_normal)):
            rows.append(_put(np.zeros(n_classes), value, place))
        for value in (math.inf, -math.inf, math.nan):
            rows += [_put(base, value, place), _put(np.full(n_classes, -math.inf), value, place)]
        rows.append(_put(np.full(n_classes, -math.inf), 1.5, place))
        rows.append(_put(np.full(n_classes, largest), math.nan, place))
        rows.append(_put(np.full(n_classes, largest), -math.inf, place))
    rows += [np.full(n_classes, value) for value in (largest, -largest, tiny, 15.0, math.nan)]
    rows += [np.full(n_classes, value) for value in (math.inf, -math.inf)]
    if n_classes > 1:
        rows += _pair_rows(base, largest)
    with np.errstate(over="ignore"):
        return np.stack(rows).astype(dtype)


def _put(row: Array, value: float, place: int) -> Array:
    changed = row.copy()
    changed[place] = value
    return changed


def _pair_rows(base: Array, largest: float) -> list[Array]:
    """Rows whose two largest values tie, nearly tie, or differ in the extreme."""
    ends = (0, len(base) - 1)
    top = float(np.abs(base).max()) + 1.0
    rows = []
    for first, second in (
        (top, top),
        (top, float(np.nextafter(np.float32(top), np.float32(0)))),
        (largest, largest),
        (largest, 0.9 * largest),
        (largest, -largest),
        (math.inf, -math.inf),
        (math.nan, math.inf),
        (math.nan, -math.inf),
        (math.inf, math.inf),
    ):
        for left, right in (ends, ends[::-1]):
            rows.append(_put(_put(base, first, left), second, right))
    half = base.copy()
    half[: len(base) // 2] = -math.inf
    return [*rows, half, half[::-1].copy()]


def random_rows(n_rows: int, n_classes: int, *, dtype: str = "float32", seed: int = 0) -> Array:
    """Finite rows (N, K) from nearly even to far apart, around zero and around other offsets."""
    random = np.random.default_rng(seed)
    scale = 10.0 ** random.uniform(-2.0, 2.0, (n_rows, 1))
    offset = random.choice([0.0, 0.0, 1.0, -1.0], (n_rows, 1)) * 10.0 ** random.uniform(
        -1.0, 3.0, (n_rows, 1)
    )
    rows: Array = (scale * random.standard_normal((n_rows, n_classes)) + offset).astype(dtype)
    return rows


def boundary_pairs(
    accepts: Accepts,
    n_classes: int,
    *,
    pairs: int = 1000,
    candidates: Array | None = None,
    dtype: str = "float32",
    kind: str = "logits",
    family: str = "categorical",
    seed: int = 0,
) -> tuple[Array, Array]:
    """Pairs of rows that differ by one float in one column, one accepted and one rejected.

    Args:
        accepts: the decision that is searched; (N, K) to (N,) bool.
        n_classes: K.
        pairs: how many to look for; fewer are tried for very many columns.
        candidates: further rows (N, K) to start from, such as the user's.
        dtype: floating dtype of the rows.
        kind: what the rows hold, as in :class:`~logitconf.card.score_card.HeadForm`.
        family: ``"categorical"`` or ``"bernoulli"``.
        seed: for the starting rows.

    Returns:
        Accepted and rejected rows, (P, K) each; P = 0 where every row is decided alike.
    """
    pairs = max(16, min(pairs, _LARGEST_SEARCH // max(1, n_classes)))
    start = as_kind(random_rows(4 * pairs, n_classes, dtype=dtype, seed=seed), kind, family)
    if candidates is not None and candidates.size:
        start = np.concatenate([start, candidates[: 4 * pairs].astype(dtype)])
    start = start[np.isfinite(start).all(axis=1)]
    accepted = np.asarray(accepts(start), dtype=bool)
    if not accepted.any() or accepted.all():
        return start[:0], start[:0]
    random = np.random.default_rng(seed + 1)
    inside = start[random.choice(np.flatnonzero(accepted), pairs)]
    outside = start[random.choice(np.flatnonzero(~accepted), pairs)]
    left, right = ordinals(inside), ordinals(outside)
    middle = _halfway(left, right)
    while np.any((middle != left) & (middle != right)):
        taken = np.asarray(accepts(from_ordinals(middle, dtype)), dtype=bool)[:, None]
        left, right = np.where(taken, middle, left), np.where(taken, right, middle)
        middle = _halfway(left, right)
    inside, outside = from_ordinals(left, dtype), from_ordinals(right, dtype)
    return _to_one_column(accepts, inside, outside)


def _halfway(left: Array, right: Array) -> Array:
    """Floor of the mean of two int64, which their sum would overflow."""
    middle: Array = (left & right) + ((left ^ right) >> 1)
    return middle


def _to_one_column(accepts: Accepts, inside: Array, outside: Array) -> tuple[Array, Array]:
    """Rows between the two that differ in one column only: columns left of a cut from outside."""
    columns = np.arange(inside.shape[1])
    low = np.zeros(len(inside), dtype=np.int64)
    high = np.full(len(inside), inside.shape[1], dtype=np.int64)
    while np.any(high - low > 1):
        cut = (low + high) // 2
        taken = np.asarray(accepts(np.where(columns < cut[:, None], outside, inside)), dtype=bool)
        low, high = np.where(taken, cut, low), np.where(taken, high, cut)
    return (
        np.where(columns < low[:, None], outside, inside),
        np.where(columns < high[:, None], outside, inside),
    )


def as_kind(rows: Array, kind: str, family: str) -> Array:
    """The rows as probabilities or log-probabilities, for heads that take those.

    Hard values go through: a NaN, or a row without a finite value, stays NaN.
    """
    if kind == "logits":
        return rows
    wide = rows.astype(np.float64)
    with np.errstate(all="ignore"):
        if family == "categorical":
            largest = wide.max(axis=1, keepdims=True)
            powers = np.exp(wide - largest)
            result = powers / powers.sum(axis=1, keepdims=True)
            logarithms = wide - largest - np.log(powers.sum(axis=1, keepdims=True))
        else:
            result = 1.0 / (1.0 + np.exp(-wide))
            logarithms = -np.logaddexp(0.0, -wide)
        chosen: Array = (result if kind == "probabilities" else logarithms).astype(rows.dtype)
    return chosen


def arranged(rows: Array, form: HeadForm) -> Array:
    """Rows (N, K) laid out as the head takes them, for any rank and class axis.

    With further axes each position holds one row; the last rows are repeated to fill the shape.

    Example:
        >>> arranged(np.zeros((7, 4)), HeadForm(n_classes=4, rank=3, class_axis=1)).shape
        (3, 4, 3)
    """
    rank, axis = form.input_rank, form.class_axis
    if form.members is not None:
        return _arranged_members(rows, form)
    if rank == 1:
        return rows.reshape(-1)
    inner = [3, 2, 1, 1, 1, 1][: rank - 2]
    positions = math.prod(inner)
    missing = -len(rows) % positions
    filled = np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)]) if len(rows) else rows
    outer = len(filled) // positions
    return np.ascontiguousarray(np.moveaxis(filled.reshape(outer, *inner, rows.shape[1]), -1, axis))


def _arranged_members(rows: Array, form: HeadForm) -> Array:
    """Rows (N, K·M), each the K columns of M members, laid out for an ensemble's head."""
    members = form.members or 1
    n_classes = rows.shape[1] // members
    single = _one_member(form)
    laid = [
        arranged(np.ascontiguousarray(rows[:, m * n_classes : (m + 1) * n_classes]), single)
        for m in range(members)
    ]
    return np.stack(laid, axis=-1)


def _one_member(form: HeadForm) -> HeadForm:
    rank = form.input_rank - 1
    return replace(form, members=None, rank=rank, class_axis=min(form.class_axis, rank))


def flattened(logits: Array, form: HeadForm) -> Array:
    """The rows (N, K) in logits of any rank, or (N, K·M): :func:`arranged` undone."""
    if form.members is not None:
        single = _one_member(form)
        return np.concatenate(
            [flattened(logits[..., m], single) for m in range(form.members)], axis=1
        )
    if form.input_rank == 1:
        return logits.reshape(-1, 1)
    moved = np.moveaxis(logits, form.class_axis, -1)
    return moved.reshape(-1, moved.shape[-1])


def hard_batches(
    form: HeadForm, *, family: str, dtype: str = "float32", seed: int = 0
) -> Mapping[str, Array]:
    """Hard and random rows in every batch shape, laid out for the head.

    Free columns are tried at 2, 10 and 1000 classes.
    """
    sizes = [form.n_classes] if form.n_classes is not None else [10, 2, 1000]
    sizes = [size * (form.members or 1) for size in sizes]
    batches: dict[str, Array] = {}
    for size in sizes:
        hard = as_kind(hard_rows(size, dtype=dtype, seed=seed), form.kind, family)
        ordinary = as_kind(random_rows(257, size, dtype=dtype, seed=seed), form.kind, family)
        label = "" if form.n_classes is not None else f", {size} columns"
        batches[f"hard{label}"] = arranged(hard, form)
        batches[f"random, odd batch{label}"] = arranged(ordinary, form)
        batches[f"one row{label}"] = arranged(ordinary[:1], form)
        batches[f"no rows{label}"] = arranged(ordinary[:0], form)
    return batches
