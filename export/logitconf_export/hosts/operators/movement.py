"""Copies, reshapes and transpositions: the values stay, their axes may move."""

import math
from collections.abc import Sequence

import onnx

from logitconf_export.hosts.graph.axes import normalised
from logitconf_export.hosts.graph.facts import Dimension
from logitconf_export.hosts.graph.scope import Scope, Shape, first_input
from logitconf_export.hosts.graph.shapes import (
    MOST_AXES,
    broadcast,
    input_shape,
    same_shape,
    wanted_sizes,
)
from logitconf_export.hosts.reader import OperatorRow, Result, Site, Unread
from logitconf_export.onnx_files.element_types import FLOAT_WORDS


def _transpose(scope: Scope, node: onnx.NodeProto) -> Shape | None:
    """Axes in the order of perm, or reversed."""
    before = input_shape(scope, node, 0)
    if before is None:
        return None
    order = scope.integers(node, "perm", position=len(node.input)) or list(range(len(before)))[::-1]
    return tuple(before[k] for k in order) if sorted(order) == list(range(len(before))) else None


def _squeeze(scope: Scope, node: onnx.NodeProto) -> Shape | None:
    """Without the axes named, or those of size 1."""
    before = input_shape(scope, node, 0)
    axes = scope.integers(node, "axes", position=1)
    if before is None or (axes is None and (len(node.input) > 1 or None in before)):
        return None
    if axes is None:
        return tuple(size for size in before if size != 1)
    removed = {normalised(a, len(before)) for a in axes}
    return tuple(size for k, size in enumerate(before) if k not in removed)


def _unsqueeze(scope: Scope, node: onnx.NodeProto) -> Shape | None:
    """With axes of size 1 put in."""
    before = input_shape(scope, node, 0)
    axes = scope.integers(node, "axes", position=1)
    if before is None or axes is None or len(axes) > MOST_AXES:
        return None
    rank = len(before) + len(axes)
    added = {normalised(a, rank) for a in axes}
    if len(added) != len(axes) or not added <= set(range(rank)):
        return None
    rest = iter(before)
    return tuple(1 if k in added else next(rest) for k in range(rank))


def _flatten(scope: Scope, node: onnx.NodeProto) -> Shape | None:
    """The axes before and from ``axis`` on, each joined into one."""
    before = input_shape(scope, node, 0)
    if before is None:
        return (None, None)
    axis = normalised(scope.integer(node, "axis", 1), len(before))
    return _product(before[:axis]), _product(before[axis:])


def _product(sizes: Sequence[Dimension]) -> Dimension:
    rest = [size for size in sizes if size != 1]
    if len(rest) == 1:
        return rest[0]
    numbers = [size for size in rest if isinstance(size, int)]
    return math.prod(numbers) if len(numbers) == len(rest) else None


def _reshape(scope: Scope, node: onnx.NodeProto) -> Shape | None:
    """The sizes asked for; -1 is what is left over, where all else is known."""
    wanted = wanted_sizes(scope, node.input[1]) if len(node.input) > 1 else None
    if wanted is None:
        # Below opset 5 the shape is an attribute.
        wanted = list(scope.integers(node, "shape", position=len(node.input)) or [])
    if not wanted:
        return None
    before = input_shape(scope, node, 0)
    sizes: list[Dimension] = [size if size is not None and size > 0 else None for size in wanted]
    if before is None:
        return tuple(sizes)
    for k, size in enumerate(wanted):
        if size == 0 and k < len(before):
            sizes[k] = before[k]
    if wanted.count(-1) == 1:
        place = wanted.index(-1)
        sizes[place] = _left_over(before, sizes[:place] + sizes[place + 1 :])
    return tuple(sizes)


def _left_over(before: Shape, others: Sequence[Dimension]) -> Dimension:
    rest = list(before)
    for size in others:
        if size is not None and size in rest:
            rest.remove(size)
        elif size != 1:
            numbers = [s for s in before if isinstance(s, int)]
            known = [s for s in others if isinstance(s, int)]
            if len(numbers) < len(before) or len(known) < len(others) or 0 in known:
                return None
            whole, part = math.prod(numbers), math.prod(known)
            return whole // part if whole % part == 0 else None
    return _product(rest)


def _expand(scope: Scope, node: onnx.NodeProto) -> Shape | None:
    """Broadcast to a shape operand."""
    before = input_shape(scope, node, 0)
    wanted = wanted_sizes(scope, node.input[1]) if len(node.input) > 1 else None
    if before is None or wanted is None:
        return None
    return broadcast(before, tuple(size if size and size > 0 else None for size in wanted))


def _transposed(scope: Scope, node: onnx.NodeProto, axis: int) -> int | None:
    """Output axis k holds input axis perm[k]; without perm all axes are reversed."""
    order = scope.integers(node, "perm", position=len(node.input))
    rank = scope.fact(node.input[0]).rank
    if order is None and rank is not None:
        order = list(range(rank))[::-1]
    if order is None:
        return None
    axis = normalised(axis, len(order))
    return order.index(axis) if axis in order else None


def _squeezed(scope: Scope, node: onnx.NodeProto, axis: int) -> int | None:
    """Removed axes before this one move it; a removed axis is lost."""
    rank = scope.fact(node.input[0]).rank
    axes = scope.integers(node, "axes", position=1)
    if axes is None:
        shape = scope.fact(node.input[0]).shape
        if len(node.input) > 1 or shape is None or None in shape:
            return None
        axes = [k for k, size in enumerate(shape) if size == 1]
    if axis < 0:
        # From the back: only axes removed behind it matter, and those are negative too.
        return None if axis in axes or any(a < 0 for a in axes) else axis
    if rank is None and any(a < 0 for a in axes):
        return None
    removed = {normalised(a, rank) for a in axes}
    return None if axis in removed else axis - sum(a < axis for a in removed)


def _unsqueezed(scope: Scope, node: onnx.NodeProto, axis: int) -> int | None:
    """Added axes push the others to the back."""
    axes = scope.integers(node, "axes", position=1)
    rank = scope.fact(node.input[0]).rank
    if axes is None or axis < 0:
        return None
    if rank is None:
        if any(a < 0 for a in axes):
            return None
    else:
        axes = [normalised(a, rank + len(axes)) for a in axes]
    for added in sorted(axes):
        axis += added <= axis
    return axis


def _flattened(scope: Scope, node: onnx.NodeProto, axis: int) -> int | None:
    """Two axes remain; this one survives where all it is joined with have size 1."""
    shape = scope.fact(node.input[0]).shape
    start = scope.integer(node, "axis", 1)
    if shape is None or axis < 0:
        return None
    start = normalised(start, len(shape))
    if not 0 <= start <= len(shape):
        return None
    group = range(start, len(shape)) if axis >= start else range(start)
    if all(k == axis or shape[k] == 1 for k in group):
        return 1 if axis >= start else 0
    return None


def _reshaped(scope: Scope, node: onnx.NodeProto, axis: int) -> int | None:
    """The axis survives where the axes behind it keep their sizes, or those before it do.

    Axes of size 1 are left out on both sides, since they come and go freely.
    """
    before = scope.fact(node.input[0]).shape
    if before is None or axis < 0 or axis >= len(before):
        return None
    after = scope.fact(node.output[0]).shape
    if after is None:
        return None
    size = before[axis]
    if size == 1:
        return _reshaped_single(before, after, axis)
    behind = [d for d in before[axis + 1 :] if d != 1]
    ahead = [d for d in before[:axis] if d != 1]
    matches = []
    for place, other in enumerate(after):
        same_size = other == size or other is None or size is None
        rest = [d for d in after[place + 1 :] if d != 1]
        first = [d for d in after[:place] if d != 1]
        same_behind = rest == behind and None not in behind
        same_ahead = (first == ahead and None not in ahead) or (len(first) == len(ahead) == 1)
        if None in (other, size) and any(isinstance(d, int) and d not in ahead for d in first):
            # (N, 3) to (3, -1): a number that was not ahead before may be the axis itself.
            continue
        if same_size and other != 1 and (same_behind or (same_ahead and not rest and not behind)):
            matches.append(place)
    return matches[0] if len(matches) == 1 else None


def _reshaped_single(
    before: tuple[Dimension, ...], after: tuple[Dimension, ...], axis: int
) -> int | None:
    """A column of size 1 stays where it was if the reshape only touches what lies behind it."""
    if before[: axis + 1] == after[: axis + 1]:
        return axis
    if axis == len(before) - 1 and after and after[-1] == 1:
        return len(after) - 1
    return None


def _cast(site: Site) -> Result | None:
    """Cast to anything but floats: labels. Casts between floats are passed."""
    scope, node = site.scope, site.node
    if scope.integer(node, "to", 0) in FLOAT_WORDS:
        return None
    inner = site.read(node.input[0])
    return inner if isinstance(inner, Unread) else inner.indirect("the output holds whole numbers")


def trains(scope: Scope, node: onnx.NodeProto) -> bool:
    """Whether a Dropout drops values: opset 12 and later have a third input for it."""
    if node.op_type != "Dropout" or len(node.input) < 3 or not node.input[2]:
        return False
    return scope.scalar(node.input[2]) != 0.0


def _undropped(scope: Scope, node: onnx.NodeProto) -> str | None:
    """The input of a Dropout that drops nothing."""
    return None if trains(scope, node) else first_input(scope, node)


def _target_type(scope: Scope, node: onnx.NodeProto) -> int:
    """The type that a Cast names."""
    return scope.integer(node, "to", 0)


def _as_float(scope: Scope, node: onnx.NodeProto) -> str | None:
    """The input of a Cast to floats; whole numbers are labels."""
    return first_input(scope, node) if scope.integer(node, "to", 0) in FLOAT_WORDS else None


ROWS = (
    OperatorRow(
        name="Identity", inputs=1, shape=same_shape, same_shape=first_input, follows=first_input,
        copies=True, alias=True, carries=True,
    ),
    OperatorRow(
        name="Dropout", inputs=1, shape=same_shape, same_shape=first_input, follows=_undropped,
        copies=True,
        hint="which drops values at random in training mode",
    ),
    OperatorRow(
        name="Cast", inputs=1, shape=same_shape, same_shape=first_input, dtype=_target_type,
        follows=_as_float, copies=True, rounds=True, alias=True, carries=True, read=_cast,
    ),
    OperatorRow(
        name="CastLike", shape=same_shape, dtype=0, follows=first_input, copies=True, rounds=True,
    ),
    OperatorRow(
        name="Reshape", inputs=2, shape=_reshape, axis=_reshaped, follows=first_input, copies=True,
        reshapes=True, carries=True,
    ),
    OperatorRow(
        name="Squeeze", inputs=1, shape=_squeeze, axis=_squeezed, follows=first_input, copies=True,
        reshapes=True, carries=True,
    ),
    OperatorRow(
        name="Unsqueeze", inputs=1, shape=_unsqueeze, axis=_unsqueezed, follows=first_input,
        copies=True, reshapes=True, carries=True,
    ),
    OperatorRow(
        name="Flatten", inputs=1, shape=_flatten, axis=_flattened, follows=first_input, copies=True,
    ),
    OperatorRow(
        name="Transpose", inputs=1, shape=_transpose, axis=_transposed, follows=first_input,
        copies=True,
    ),
    OperatorRow(name="Expand", shape=_expand, reshapes=True, carries=True),
)  # fmt: skip
"""Operators that copy or move every value of their first input."""
