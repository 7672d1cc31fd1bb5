"""Infers the shapes that operators give which move, cut, join and reshape values."""

import math
from collections.abc import Callable, Sequence

import onnx

from logitconf_export.hosts.graph.axes import normalised
from logitconf_export.hosts.graph.scope import Dimension, Scope

Shape = tuple[Dimension, ...]
Rule = Callable[[Scope, onnx.NodeProto], Shape | None]
"""The shape of a node's first output, None where nothing is known."""

MOST_AXES = 32


def input_shape(scope: Scope, node: onnx.NodeProto, position: int) -> Shape | None:
    """The shape of one input of a node."""
    if position >= len(node.input) or not node.input[position]:
        return None
    return scope.fact(node.input[position]).shape


def broadcast(first: Shape, second: Shape) -> Shape:
    """The shape of an elementwise result; unknown sizes stay unknown unless the other decides."""
    rank = max(len(first), len(second))
    pairs = zip(
        (1,) * (rank - len(first)) + first, (1,) * (rank - len(second)) + second, strict=True
    )
    return tuple(_joined(a, b) for a, b in pairs)


def _joined(a: Dimension, b: Dimension) -> Dimension:
    if b in (a, 1):
        return a
    if a == 1:
        return b
    if isinstance(a, int):
        return a
    return b if isinstance(b, int) else None


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


def wanted_sizes(scope: Scope, name: str) -> list[int | None] | None:
    """A shape operand: its numbers, and None for those computed while running."""
    array = scope.array(name)
    if array is not None:
        return [int(v) for v in array.ravel()] if array.dtype.kind in "iu" else None
    node = scope.standard(name)
    for _ in range(MOST_AXES):
        if node is not None and node.op_type in ("Cast", "Identity"):
            node = scope.standard(node.input[0])
    if node is None or node.op_type != "Concat" or len(node.input) > MOST_AXES:
        length = scope.fact(name).size(0)
        return [None] * length if length is not None and length <= MOST_AXES else None
    sizes: list[int | None] = []
    for part in node.input:
        numbers = scope.array(part)
        producer = scope.standard(part)
        if numbers is not None and numbers.dtype.kind in "iu":
            sizes += (int(v) for v in numbers.ravel())
        elif scope.fact(part).shape == (1,) or (producer and producer.op_type == "Unsqueeze"):
            sizes.append(None)
        else:
            return None
    return sizes


def _concat(scope: Scope, node: onnx.NodeProto) -> Shape | None:
    """Sizes added along one axis."""
    shapes = [input_shape(scope, node, k) for k in range(len(node.input))]
    known = [s for s in shapes if s is not None]
    if not known or len({len(s) for s in known}) > 1:
        return None
    axis = normalised(scope.integer(node, "axis", 0), len(known[0]))
    if not 0 <= axis < len(known[0]):
        return None
    merged = list(known[0])
    for shape in known[1:]:
        merged = [a if a is not None else b for a, b in zip(merged, shape, strict=True)]
    parts = [s[axis] for s in known]
    numbers = [p for p in parts if isinstance(p, int)]
    merged[axis] = sum(numbers) if len(numbers) == len(shapes) else None
    return tuple(merged)


def _gather(scope: Scope, node: onnx.NodeProto) -> Shape | None:
    """The indices' axes in place of one."""
    before, indices = input_shape(scope, node, 0), input_shape(scope, node, 1)
    if before is None or indices is None:
        return None
    axis = normalised(scope.integer(node, "axis", 0), len(before))
    return (*before[:axis], *indices, *before[axis + 1 :])


def _slice(scope: Scope, node: onnx.NodeProto) -> Shape | None:
    """Other sizes on the sliced axes."""
    before = input_shape(scope, node, 0)
    if before is None:
        return None
    starts = scope.integers(node, "starts", position=1)
    ends = scope.integers(node, "ends", position=2)
    steps = scope.integers(node, "steps", position=4)
    given = len(node.input) > 3 and bool(node.input[3])
    axes = scope.integers(node, "axes", position=3)
    if axes is None:
        axes = list(range(len(starts))) if starts is not None and not given else None
    if axes is None:
        return (None,) * len(before)
    sizes = list(before)
    for k, axis in enumerate(normalised(a, len(before)) for a in axes):
        if not 0 <= axis < len(before):
            return None
        size = before[axis]
        step = steps[k] if steps is not None and k < len(steps) else 1
        known = starts is not None and ends is not None and k < min(len(starts), len(ends))
        if known and isinstance(size, int) and step and (steps is not None or len(node.input) < 5):
            span = range(*slice(starts[k], ends[k], step).indices(size))  # type: ignore[index]
            sizes[axis] = len(span)
        else:
            sizes[axis] = None
    return tuple(sizes)


def _split(scope: Scope, node: onnx.NodeProto) -> Shape | None:
    """Equal parts of one axis; unequal ones are left unknown."""
    before = input_shape(scope, node, 0)
    if before is None:
        return None
    axis = normalised(scope.integer(node, "axis", 0), len(before))
    parts = scope.integers(node, "split", position=1)
    size = before[axis] if 0 <= axis < len(before) else None
    part: Dimension = None
    if parts and len(set(parts)) == 1:
        part = parts[0]
    elif parts is None and isinstance(size, int) and size % len(node.output) == 0:
        part = size // len(node.output)
    return (*before[:axis], part, *before[axis + 1 :])


def _expand(scope: Scope, node: onnx.NodeProto) -> Shape | None:
    """Broadcast to a shape operand."""
    before = input_shape(scope, node, 0)
    wanted = wanted_sizes(scope, node.input[1]) if len(node.input) > 1 else None
    if before is None or wanted is None:
        return None
    return broadcast(before, tuple(size if size and size > 0 else None for size in wanted))


def _shape_of(scope: Scope, node: onnx.NodeProto) -> Shape | None:
    """One number for each axis, or each of those from start to end."""
    before = input_shape(scope, node, 0)
    if before is None:
        return (None,)
    start = scope.integer(node, "start", 0)
    end = scope.integer(node, "end", len(before))
    return (len(before[start:end]),)


def _filled(scope: Scope, node: onnx.NodeProto) -> Shape | None:
    """ConstantOfShape: the sizes asked for."""
    wanted = wanted_sizes(scope, node.input[0])
    if wanted is None:
        return None
    return tuple(size if size is not None and size >= 0 else None for size in wanted)


def _resized(scope: Scope, node: onnx.NodeProto) -> Shape | None:
    """As many axes as before, of unknown sizes."""
    before = input_shape(scope, node, 0)
    return None if before is None else (None,) * len(before)


MOVE_RULES: dict[str, Rule] = {
    **dict.fromkeys(("Resize", "Upsample", "Pad", "Tile"), _resized),
    "Transpose": _transpose,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Concat": _concat,
    "Gather": _gather,
    "Slice": _slice,
    "Split": _split,
    "Expand": _expand,
    "Shape": _shape_of,
    "ConstantOfShape": _filled,
}
"""Operators that move values without computing new ones."""
