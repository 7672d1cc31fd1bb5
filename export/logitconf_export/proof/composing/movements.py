"""Operators that move numbers and compute none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from logitconf_export.proof.composing.places import places_of
from logitconf_export.proof.composing.tensors import (
    CannotProveError,
    Dim,
    Known,
    Tensor,
    Truth,
    Value,
    key_of,
)


def _ints(node: Any, place: int, name: str) -> list[int] | None:
    """Numbers that are an input in some opsets and an attribute in others."""
    if len(node.inputs) > place and node.inputs[place] is not None:
        value = node.inputs[place]
        if not isinstance(value, Known):
            raise CannotProveError("a shape or axis that depends on the rows")
        return [int(v) for v in value.values.ravel()]
    given = node.attributes.get(name)
    if given is None:
        return None
    return [int(v) for v in (given if isinstance(given, list | tuple) else [given])]


def _first(node: Any) -> Value:
    value: Value | None = node.inputs[0]
    if value is None:
        raise CannotProveError(f"{node.operation} of nothing")
    return value


def _changed(value: Any, node: Any, dims: tuple[Dim, ...], members: Any, *details: object) -> Value:
    """A tensor in another shape; what marks the largest places stays as it is, class by class."""
    from dataclasses import replace

    key = key_of(node.operation, [value.key], dims, *details)
    own = None if value.members is None else list(value.members.ravel())
    same = own is None or (members is not None and list(members.ravel()) == own)
    if value.source is not None and not same:
        raise CannotProveError(f"{node.operation} of what marks the largest places")
    changed: Value = replace(value, dims=dims, members=members, key=key)
    return changed


def _identity(node: Any) -> list[Value]:
    return [_first(node)]


def _squeeze(node: Any) -> list[Value]:
    value = _first(node)
    axes = _ints(node, 1, "axes")
    if isinstance(value, Known):
        at = None if axes is None else tuple(axes)
        return [Known(np.squeeze(value.values, axis=at), key_of("Squeeze", [value.key], axes))]
    if axes is None:
        # one row alone would lose its axis
        raise CannotProveError("Squeeze without axes")
    chosen = [a % len(value.dims) for a in axes]
    if any(value.dims[a] != 1 for a in chosen):
        raise CannotProveError("Squeeze of an axis that may be longer than 1")
    dims = tuple(d for i, d in enumerate(value.dims) if i not in chosen)
    members = value.members
    if members is not None:
        members = members.reshape(tuple(d for d in dims if isinstance(d, int)))
    return [_changed(value, node, dims, members)]


def _unsqueeze(node: Any) -> list[Value]:
    value, axes = _first(node), _ints(node, 1, "axes") or []
    if isinstance(value, Known):
        made = np.expand_dims(value.values, tuple(axes))
        return [Known(made, key_of("Unsqueeze", [value.key], axes))]
    dims: list[Dim] = list(value.dims)
    rank = len(dims) + len(axes)
    for axis in sorted(a % rank for a in axes):
        dims.insert(axis, 1)
    members = value.members
    if members is not None:
        members = members.reshape(tuple(d for d in dims if isinstance(d, int)))
    return [_changed(value, node, tuple(dims), members)]


def _reshape(node: Any) -> list[Value]:
    value, shape = _first(node), _ints(node, 1, "shape")
    if shape is None or node.attributes.get("allowzero"):
        raise CannotProveError("Reshape without a shape, or to nothing")
    if isinstance(value, Known):
        sizes = [value.values.shape[i] if s == 0 else s for i, s in enumerate(shape)]
        made = value.values.reshape(sizes)
        return [Known(made, key_of("Reshape", [value.key], shape))]
    return [_reshaped(value, node, shape)]


def _reshaped(value: Any, node: Any, shape: list[int]) -> Value:
    dims: list[Dim | None] = [
        (value.dims[i] if s == 0 else None if s == -1 else s) for i, s in enumerate(shape)
    ]
    size = places_of(value.dims)
    whole = int(np.prod([d for d in dims if isinstance(d, int)]))
    rows = [d for d in value.dims if isinstance(d, str)]
    if None in dims:
        place = dims.index(None)
        named = [d for d in dims if isinstance(d, str)]
        missing = [d for d in rows if d not in named]
        dims[place] = missing[0] if len(missing) == 1 and whole == size else size // max(whole, 1)
    final = tuple(d for d in dims if d is not None)
    if [d for d in final if isinstance(d, str)] != rows:
        raise CannotProveError("a Reshape that mixes rows")
    numbers = tuple(d for d in final if isinstance(d, int))
    # between two kept rows, classes would change their place
    if len(rows) > 1 and _gaps(value.dims) != _gaps(final):
        raise CannotProveError("a Reshape that may mix rows and classes")
    if int(np.prod(numbers)) != size:
        raise CannotProveError("a Reshape to another size")
    if len(rows) == 1 and _gaps(value.dims)[0] != _gaps(final)[0]:
        raise CannotProveError("a Reshape that may mix rows and classes")
    members = None if value.members is None else value.members.reshape(numbers)
    return _changed(value, node, final, members)


def _gaps(dims: tuple[Dim, ...]) -> list[int]:
    """How many numbers lie before the first row axis, between them and behind."""
    sizes = [1]
    for d in dims:
        if isinstance(d, int):
            sizes[-1] *= d
        else:
            sizes.append(1)
    return sizes


def _dropout(node: Any) -> list[Value]:
    """Its input, unless it is told to train."""
    training = node.inputs[2] if len(node.inputs) > 2 else None
    never = training is None or (isinstance(training, Known) and not training.values.any())
    if not never or node.opset < _FIRST_DROPOUT:
        raise CannotProveError("a Dropout that may drop numbers")
    return [_first(node)]


# before, a Dropout trains unless it is told not to
_FIRST_DROPOUT = 7


def _flatten(node: Any) -> list[Value]:
    value = _first(node)
    if isinstance(value, Known) or len(value.dims) != 2 or node.attributes.get("axis", 1) != 1:
        raise CannotProveError("a Flatten of more than two axes")
    return [value]


def _split(node: Any) -> list[Value]:
    value = _first(node)
    if isinstance(value, Known):
        raise CannotProveError("Split of a constant")
    axis = int(node.attributes.get("axis", 0)) % len(value.dims)
    size = value.dims[axis]
    if not isinstance(size, int) or value.members is None:
        raise CannotProveError("Split of rows")
    sizes = _ints(node, 1, "split")
    if sizes is None:
        each = -(-size // node.n_outputs)
        sizes = [min(each, size - each * i) for i in range(node.n_outputs)]
    place = [i for i, d in enumerate(value.dims) if isinstance(d, int)].index(axis)
    pieces, start = [], 0
    for length in sizes:
        at = (slice(None),) * place + (slice(start, start + length),)
        dims = tuple(length if i == axis else d for i, d in enumerate(value.dims))
        pieces.append(_changed(value, node, dims, value.members[at], start))
        start += length
    return pieces


def _gather(node: Any) -> list[Value]:
    value, index = _first(node), node.inputs[1]
    if not isinstance(index, Known):
        raise CannotProveError("Gather by an index that depends on the row")
    if isinstance(value, Known):
        axis = int(node.attributes.get("axis", 0))
        made = np.take(value.values, index.values, axis=axis)
        return [Known(np.asarray(made), key_of("Gather", [value.key, index.key], axis))]
    axis = int(node.attributes.get("axis", 0)) % len(value.dims)
    if not isinstance(value.dims[axis], int) or value.members is None or index.values.ndim > 1:
        raise CannotProveError("Gather of rows")
    place = [i for i, d in enumerate(value.dims) if isinstance(d, int)].index(axis)
    chosen = np.take(value.members, index.values, axis=place)
    taken: tuple[Dim, ...] = tuple(index.values.shape)
    dims = (*value.dims[:axis], *taken, *value.dims[axis + 1 :])
    if not isinstance(chosen, np.ndarray):
        holder = np.empty((), dtype=object)
        holder[()] = chosen
        chosen = holder
    return [_changed(value, node, dims, chosen, index.values.tolist())]


def _slice(node: Any) -> list[Value]:
    value = _first(node)
    starts, ends = _ints(node, 1, "starts"), _ints(node, 2, "ends")
    axes, steps = _ints(node, 3, "axes"), _ints(node, 4, "steps")
    if isinstance(value, Known) or starts is None or ends is None:
        raise CannotProveError("Slice of a constant")
    axes = list(range(len(starts))) if axes is None else [a % len(value.dims) for a in axes]
    dims, members = list(value.dims), value.members
    numbers = [i for i, d in enumerate(value.dims) if isinstance(d, int)]
    for axis, start, end, step in zip(axes, starts, ends, steps or [1] * len(axes), strict=True):
        if axis not in numbers or members is None:
            raise CannotProveError("Slice of rows")
        at = (slice(None),) * numbers.index(axis) + (slice(start, end, step),)
        members = members[at]
        dims[axis] = members.shape[numbers.index(axis)]
    return [_changed(value, node, tuple(dims), members, starts, ends, steps)]


def _concat(node: Any) -> list[Value]:
    values = list(node.inputs)
    if all(isinstance(v, Known) for v in values):
        axis = int(node.attributes["axis"])
        made = np.concatenate([v.values for v in values], axis=axis)
        return [Known(made, key_of("Concat", [v.key for v in values], axis))]
    tensors = [v for v in values if isinstance(v, Tensor) and v.members is not None]
    if len(tensors) != len(values):
        raise CannotProveError("Concat of unlike tensors")
    first = tensors[0]
    axis = int(node.attributes["axis"]) % len(first.dims)
    alike = all(
        t.expression == first.expression
        and t.added == first.added
        and t.source is None
        and t.element == first.element
        and len(t.dims) == len(first.dims)
        and all(
            d == e for i, (d, e) in enumerate(zip(t.dims, first.dims, strict=True)) if i != axis
        )
        for t in tensors
    )
    if not alike or not isinstance(first.dims[axis], int):
        raise CannotProveError("Concat of unlike tensors")
    place = [i for i, d in enumerate(first.dims) if isinstance(d, int)].index(axis)
    parts = [t.members for t in tensors if t.members is not None]
    members = np.concatenate(parts, axis=place)
    dims = tuple(members.shape[place] if i == axis else d for i, d in enumerate(first.dims))
    error = first.error
    for t in tensors[1:]:
        error = np.maximum(error, t.error)
    key = key_of("Concat", [t.key for t in tensors], axis)
    sign = first.sign if all(t.sign == first.sign for t in tensors) else 0
    return [first.having(dims=dims, members=members, error=error, key=key, sign=sign)]


def _transpose(node: Any) -> list[Value]:
    value = _first(node)
    rank = value.values.ndim if isinstance(value, Known) else len(value.dims)
    order = [int(a) for a in node.attributes.get("perm", range(rank - 1, -1, -1))]
    if isinstance(value, Known):
        return [Known(value.values.transpose(order), key_of("Transpose", [value.key], order))]
    dims = tuple(value.dims[a] for a in order)
    rows = [d for d in value.dims if isinstance(d, str)]
    if [d for d in dims if isinstance(d, str)] != rows:
        raise CannotProveError("a Transpose of rows")
    numbers = [i for i, d in enumerate(value.dims) if isinstance(d, int)]
    kept = [numbers.index(a) for a in order if a in numbers]
    members = None if value.members is None else value.members.transpose(kept)
    return [_changed(value, node, dims, members, order)]


MOVEMENTS: Mapping[str, Callable[[Any], list[Value]]] = {
    "Concat": _concat,
    "Dropout": _dropout,
    "Flatten": _flatten,
    "Gather": _gather,
    "Identity": _identity,
    "Reshape": _reshape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}

__all__ = ["MOVEMENTS", "Truth"]
