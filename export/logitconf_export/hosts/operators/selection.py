"""Chosen, joined and repeated parts of tensors, and their sizes."""

from dataclasses import replace

import onnx
from onnx import TensorProto

from logitconf_export.hosts.graph.axes import axis_after, normalised
from logitconf_export.hosts.graph.facts import Dimension
from logitconf_export.hosts.graph.scope import Scope, Shape, first_input
from logitconf_export.hosts.graph.shapes import input_shape, wanted_sizes
from logitconf_export.hosts.reader import OperatorRow, Reading, Result, Site, Unread

_MOST_JOINED = 64


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


def _gathered(scope: Scope, node: onnx.NodeProto, axis: int) -> int | None:
    """A single index removes its axis; several keep it."""
    rank = scope.fact(node.input[0]).rank
    picked = normalised(scope.integer(node, "axis", 0), rank)
    indices = scope.fact(node.input[1]).rank if len(node.input) > 1 else None
    array = scope.array(node.input[1]) if len(node.input) > 1 else None
    indices = array.ndim if array is not None else indices
    if indices is None or picked == axis or picked < 0 or axis < 0:
        return axis if indices == 1 and picked != axis else None
    return axis + (indices - 1 if picked < axis else 0)


def _selected(site: Site) -> Result | None:
    """Gather, Slice or Split of probabilities: chosen classes, or chosen positions.

    Chosen classes leave the logits where they are; chosen positions make the chosen part the only
    place with as many rows as the output. A Gather from a constant table is a lookup of labels.
    """
    scope, node, name = site.scope, site.node, site.name
    if node.op_type == "Gather" and scope.is_constant(node.input[0]):
        inner = site.read(node.input[1])
        return inner if isinstance(inner, Unread) else inner.indirect("looked up in a table")
    inner = site.read(node.input[0])
    if isinstance(inner, Unread):
        return inner
    if inner.kind == "logits":
        return None
    rank = scope.fact(node.input[0]).rank
    if node.op_type == "Slice":
        axes = scope.integers(node, "axes", position=3) or []
    else:
        axes = [scope.integer(node, "axis", 0)]
    chosen = {normalised(a, rank) for a in axes}
    if inner.axis is None or not chosen:
        return inner.indirect(f"{node.op_type} takes a part of it").doubted("which is not known")
    if inner.axis in chosen:
        return inner.indirect(f"{node.op_type} takes some of its classes")
    axis = axis_after(scope, node, inner.axis)
    return replace(inner, axis=axis, reason=f"{inner.reason}, of chosen positions").at_value(name)


def _joined(site: Site) -> Result | None:
    """Concat: columns 1 - p and p of one sigmoid, labels, members, or a detector's output."""
    scope, node, name = site.scope, site.node, site.name
    parts = list(node.input)[:_MOST_JOINED]
    axis = normalised(scope.integer(node, "axis", 0), scope.fact(name).rank)
    readings = [site.read(n) for n in parts]
    activated = [r for r in readings if isinstance(r, Reading) and r.kind != "logits"]
    if not activated:
        return Unread("it comes from a Concat, which joins several values")
    if len(activated) < len(parts):
        return Unread("it joins probabilities with other values, as a detector's boxes and classes")
    base = _complemented(scope, parts)
    if base is not None and all(r.tensor == activated[base].tensor for r in activated):
        first = activated[base]
        return replace(first, axis=axis, reason=f"two columns, 1 - p and p, of a {first.reason}")
    first = activated[0]
    alike = all((r.kind, r.family, r.axis) == (first.kind, first.family, first.axis)
                for r in activated)  # fmt: skip
    if alike and first.direct and first.axis not in (None, axis):
        return replace(first, reason=f"several stacked: {first.reason}").at_value(name)
    if not all(_is_column(scope, n, r, axis) for n, r in zip(parts, activated, strict=True)):
        return Unread("it joins the softmax outputs of several heads")
    n_classes = scope.fact(name).size(axis)
    reason = f"several joined: {first.reason}"
    joined = replace(
        first, family="bernoulli", axis=axis, n_classes=n_classes, direct=True, reason=reason
    ).at_value(name)
    return joined.doubted("whether they are labels or positions cannot be told")


def _is_column(scope: Scope, name: str, reading: Reading, axis: int) -> bool:
    """Whether a part stands for itself: a sigmoid, or one column taken from a classifier."""
    if reading.kind != "probabilities":
        return False
    return reading.family == "bernoulli" or (
        not reading.direct and scope.fact(name).size(axis) == 1
    )


def _complemented(scope: Scope, parts: list[str]) -> int | None:
    """The place of p among two values of which the other is 1 - p; None if they are not."""
    if len(parts) != 2:
        return None
    for place, (one, other) in enumerate((parts, parts[::-1])):
        node = scope.standard(other)
        subtracted = node is not None and node.op_type == "Sub"
        if node is not None and subtracted and node.input[1] == one:
            return place if scope.scalar(node.input[0]) == 1.0 else None
    return None


def _fill_type(scope: Scope, node: onnx.NodeProto) -> int:
    """The type of the value that ConstantOfShape fills in, float by default."""
    value = scope.tensor(node, "value")
    return TensorProto.FLOAT if value is None else value.data_type


ROWS = (
    OperatorRow(
        name="Gather", inputs=2, shape=_gather, axis=_gathered, follows=first_input, picks=True,
        read=_selected,
    ),
    OperatorRow(
        name="Slice", inputs=1, shape=_slice, follows=first_input, picks=True, read=_selected,
    ),
    OperatorRow(name="Split", inputs=1, shape=_split, shaped=None, read=_selected),
    OperatorRow(
        name="Concat", inputs=1, shape=_concat, read=_joined, hint="which joins several values",
    ),
    *(OperatorRow(name=name, shape=_resized) for name in ("Resize", "Upsample", "Pad", "Tile")),
    OperatorRow(name="Shape", shape=_shape_of, dtype=TensorProto.INT64, sizes=True),
    OperatorRow(name="Size", sizes=True),
    OperatorRow(name="ConstantOfShape", shape=_filled, dtype=_fill_type),
)  # fmt: skip
"""Operators that take, join or repeat parts of tensors, or tell their sizes."""
