"""Random changes of a head: harmless ones, others, and some that only look like one of both."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, shape_inference
from support.head_edits import Editor

Random = np.random.Generator
_KINDS = {TensorProto.FLOAT: np.float32, TensorProto.DOUBLE: np.float64}
_NUMBERS = (0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 1e-30, 1e30, -1e30, 3.4028235e38, -3.4028235e38)
_SPECIAL = (np.inf, -np.inf, np.nan)
_FUNCTIONS = (
    *("Relu", "Abs", "Neg", "Sqrt", "Floor", "Round", "Sign", "Exp", "Log", "Reciprocal"),
    *("Sigmoid", "Softplus", "Tanh"),
)
_REDUCTIONS = ("ReduceMax", "ReduceMin", "ReduceMean", "ReduceL1", "ReduceSumSquare")


@dataclass(frozen=True, slots=True)
class Place:
    """A value of the graph that is a number.

    Attributes:
        name: of the value.
        kind: element type in NumPy.
        shape: sizes, None for rows.
    """

    name: str
    kind: Any
    shape: tuple[int | None, ...]

    @property
    def rank(self) -> int:
        """How many axes."""
        return len(self.shape)


def places_of(editor: Editor) -> list[Place]:
    """Numbers that nodes make, and what the head reads."""
    inferred = shape_inference.infer_shapes(editor.ready())
    made = {name for node in inferred.graph.node for name in node.output} | {"logits"}
    places = []
    for value in (*inferred.graph.value_info, *inferred.graph.input, *inferred.graph.output):
        own = value.type.tensor_type
        if value.name in made and own.elem_type in _KINDS and own.HasField("shape"):
            shape = tuple(d.dim_value if d.HasField("dim_value") else None for d in own.shape.dim)
            places.append(Place(value.name, _KINDS[own.elem_type], shape))
    return places


def _ints(e: Editor, *values: int) -> str:
    return e.number(values, np.int64)


def _same(e: Editor, p: Place, value: float) -> str:
    return e.number(value, p.kind)


def _order(e: Editor, p: Place, r: Random, *, kept: bool = False) -> str | None:
    """Some of the classes in some order."""
    if p.rank < 2 or not p.shape[-1]:
        return None
    n = p.shape[-1]
    order = np.arange(n) if kept else r.integers(0, n, n) if r.random() < 0.3 else r.permutation(n)
    return e.node("Gather", p.name, _ints(e, *order), axis=int(r.choice([-1, p.rank - 1])))


def _apart(e: Editor, p: Place, r: Random) -> str | None:
    """In pieces and together again."""
    if p.rank < 2 or not p.shape[-1] or p.shape[-1] < 2:
        return None
    cut = int(r.integers(1, p.shape[-1]))
    e.node("Split", p.name, _ints(e, cut, p.shape[-1] - cut), outputs=2, axis=p.rank - 1)
    parts = list(e.graph.node[-1].output)
    if r.random() < 0.3:
        parts.reverse()
    return e.node("Concat", *parts, axis=p.rank - 1)


def _turned(e: Editor, p: Place, r: Random) -> str:
    order = [int(a) for a in r.permutation(p.rank)]
    back = list(np.argsort(order)) if r.random() < 0.8 else order
    there = e.node("Transpose", p.name, perm=order)
    return e.node("Transpose", there, perm=[int(a) for a in back])


def _wider(e: Editor, p: Place, r: Random) -> str:
    axis = int(r.integers(0, p.rank + 1))
    there = e.node("Unsqueeze", p.name, _ints(e, axis))
    match r.integers(0, 5):
        case 0:
            return e.node("ReduceMax", there, axes=[axis], keepdims=0)
        case 1:
            return e.node("ReduceSum", there, _ints(e, axis), keepdims=0)
        case 2:
            return there
        case 3:
            return e.node("Squeeze", there)
    return e.node("Squeeze", there, _ints(e, axis))


def _cast(e: Editor, p: Place, r: Random) -> str:
    there = int(r.choice([TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.FLOAT, 6, 9]))
    back = helper.np_dtype_to_tensor_dtype(np.dtype(p.kind))
    return e.node("Cast", e.node("Cast", p.name, to=there), to=back)


def _limit(e: Editor, p: Place, r: Random) -> str:
    number = float(r.choice([*_NUMBERS, *_SPECIAL, -100.0, 100.0, -50.0, 3.0]))
    match r.integers(0, 4):
        case 0:
            return e.node("Clip", p.name, _same(e, p, number))
        case 1:
            return e.node("Clip", p.name, "", _same(e, p, number))
        case 2:
            return e.node("Max", p.name, _same(e, p, number))
    return e.node("Min", p.name, _same(e, p, number))


def _arithmetic(e: Editor, p: Place, r: Random) -> str:
    number = _same(e, p, float(r.choice([*_NUMBERS, *_SPECIAL, 1e-45, 1 + 2**-23])))
    operation = str(r.choice(["Add", "Sub", "Mul", "Div", "Max", "Min", "Pow"]))
    sides = (p.name, number) if r.random() < 0.7 else (number, p.name)
    return e.node(operation, *sides)


def _there_and_back(e: Editor, p: Place, r: Random) -> str:
    number = _same(e, p, float(r.choice([1.0, 2.0, 1e10, 1e30, 0.5, 1e-30, 3.0])))
    one, other = (("Add", "Sub"), ("Mul", "Div"), ("Sub", "Add"), ("Div", "Mul"))[r.integers(0, 4)]
    return e.node(other, e.node(one, p.name, number), number)


def _alone(e: Editor, p: Place, r: Random) -> str:
    operation = str(r.choice(_FUNCTIONS))
    made = e.node(operation, p.name)
    return e.node(operation, made) if r.random() < 0.4 else made


def _with_itself(e: Editor, p: Place, r: Random) -> str:
    match r.integers(0, 6):
        case 0:
            return e.node("Sqrt", e.node("Mul", p.name, p.name))
        case 1:
            return e.node("Sub", p.name, e.node("Sub", p.name, p.name))
        case 2:
            return e.node("Mul", p.name, e.node("Div", p.name, p.name))
        case 3:
            return e.node("Add", p.name, e.node("Mul", p.name, _same(e, p, 0.0)))
        case 4:
            return e.node("Log", e.node("Exp", p.name))
    return e.node(str(r.choice(["Max", "Min"])), p.name, p.name)


def _asked(e: Editor, p: Place, r: Random, other: str) -> str:
    """A comparison of a value."""
    match r.integers(0, 7):
        case 0 | 1:
            made = e.node("IsNaN", other)
        case 2:
            one_sided = r.random() < 0.5
            parts = {f"detect_{r.choice(['positive', 'negative'])}": 0} if one_sided else {}
            made = e.node("IsInf", e.node("Cast", other, to=1), **parts)
        case 3:
            made = e.node("Less", other, _same(e, p, float(r.choice([np.inf, 1e30, 101.0, 1e-30]))))
        case 4:
            made = e.node("Less", _same(e, p, float(r.choice([-np.inf, -1e30, -101.0]))), other)
        case 5:
            made = e.node("Greater", other, _same(e, p, float(r.choice([1e30, 1e3, -1e30]))))
        case _:
            made = e.node("Equal", other, _same(e, p, float(r.choice([1e30, 0.0, np.inf]))))
    return e.node("Not", made) if r.random() < 0.3 else made


def _chosen(e: Editor, p: Place, r: Random, others: list[Place]) -> str:
    alike = [o for o in others if o.kind == p.kind and o.rank == p.rank]
    asked = alike[r.integers(0, len(alike))] if r.random() < 0.5 else p
    condition = _asked(e, p, r, asked.name)
    number = _same(e, p, float(r.choice([*_NUMBERS, *_SPECIAL])))
    instead = number if r.random() < 0.6 else alike[r.integers(0, len(alike))].name
    if r.random() < 0.3 and p.rank > 1:
        turned = _order(e, p, r)
        instead = turned or instead
    sides = (p.name, instead) if r.random() < 0.5 else (instead, p.name)
    return e.node("Where", condition, *sides)


def _without_largest(e: Editor, p: Place, r: Random) -> str | None:
    if p.rank < 2:
        return None
    largest = e.node("ReduceMax", p.name, axes=[p.rank - 1], keepdims=int(r.random() < 0.9))
    marks = e.node(str(r.choice(["Equal", "Less"])), p.name, largest)
    instead = _same(e, p, float(r.choice([-np.inf, 0.0, -1e30])))
    sides = (instead, p.name) if r.random() < 0.7 else (p.name, instead)
    rest = e.node("Where", marks, *sides)
    if r.random() < 0.5:
        return e.node(str(r.choice(["Max", "Min"])), p.name, rest)
    return rest if r.random() < 0.5 else e.node("Max", rest, largest)


def _reduced(e: Editor, p: Place, r: Random) -> str | None:
    if not p.rank:
        return None
    axes, keep = [int(r.integers(0, p.rank))], int(r.random() < 0.8)
    return e.node(str(r.choice(_REDUCTIONS)), p.name, axes=axes, keepdims=keep)


def _best(e: Editor, p: Place, r: Random) -> str | None:
    if not p.rank:
        return None
    parts = {name: int(r.random() < 0.7) for name in ("largest", "sorted")}
    parts["axis"] = int(r.integers(0, p.rank))
    e.node("TopK", p.name, _ints(e, int(r.integers(1, 3))), outputs=2, **parts)
    return str(e.graph.node[-1].output[0])


def _dropped(e: Editor, p: Place, r: Random) -> str:
    return e.node("Dropout", p.name, e.number(0.5), e.number(r.random() < 0.5, bool))


def _shares(e: Editor, p: Place, r: Random) -> str | None:
    if not p.rank:
        return None
    operation = str(r.choice(["Softmax", "LogSoftmax"]))
    return e.node(operation, p.name, axis=int(r.integers(-1, p.rank)))


def _as_it_is(e: Editor, p: Place, r: Random) -> str:
    match r.integers(0, 5):
        case 0:
            return e.node("Identity", p.name)
        case 1:
            return e.node("Add", p.name, _same(e, p, 0.0))
        case 2:
            return e.node("Neg", e.node("Neg", p.name))
        case 3:
            return e.node("Reshape", p.name, _ints(e, *[0] * p.rank))
    return e.node("Mod", p.name, _same(e, p, np.inf), fmod=1)


def _joined(e: Editor, p: Place, r: Random, others: list[Place]) -> str:
    """With another value of the graph that happens to fit."""
    alike = [o for o in others if o.kind == p.kind]
    other = alike[r.integers(0, len(alike))]
    operation = str(r.choice(["Add", "Sub", "Mul", "Max", "Min"]))
    made = e.node(operation, p.name, other.name)
    if operation in ("Add", "Mul") and r.random() < 0.5:
        return e.node({"Add": "Sub", "Mul": "Div"}[operation], made, other.name)
    return made


ALONE: Mapping[str, Callable[[Editor, Place, Random], str | None]] = {
    "as it is": _as_it_is,
    "in an order": _order,
    "in pieces": _apart,
    "turned": _turned,
    "wider": _wider,
    "cast": _cast,
    "limited": _limit,
    "with a number": _arithmetic,
    "there and back": _there_and_back,
    "by itself": _alone,
    "with itself": _with_itself,
    "without the largest": _without_largest,
    "reduced": _reduced,
    "the best": _best,
    "dropped": _dropped,
    "as shares": _shares,
}
BESIDE: Mapping[str, Callable[[Editor, Place, Random, list[Place]], str]] = {
    "chosen": _chosen,
    "joined": _joined,
}
_OTHERS = {
    **{"Add": "Sub", "Sub": "Add", "Mul": "Div", "Div": "Mul", "And": "Or", "Or": "And"},
    **{"Max": "Min", "Min": "Max", "Less": "Greater", "Greater": "Less", "Exp": "Sigmoid"},
    **{"ReduceMax": "ReduceMin", "ReduceMin": "ReduceMax", "Softmax": "LogSoftmax"},
    **{"ReduceSum": "ReduceMax", "Abs": "Relu", "Neg": "Abs", "Log": "Sqrt"},
}


def _attributes(r: Random, node: onnx.NodeProto) -> bool:
    """An attribute of a node becomes another."""
    choices = {
        "axis": [0, 1, -1],
        "keepdims": [0, 1],
        "fmod": [0],
        "transB": [0],
        "largest": [0],
    }
    own = [a for a in node.attribute if a.name in choices]
    added = {
        "TopK": ("sorted", 0),
        "Gemm": ("alpha", float(r.choice([0.0, -1.0, 2.0]))),
        "ReduceSum": ("noop_with_empty_axes", 1),
        "ReduceMax": ("keepdims", int(r.integers(0, 2))),
    }
    if own and r.random() < 0.7:
        changed = own[r.integers(0, len(own))]
        changed.i = int(r.choice(choices[changed.name]))
        return True
    axes = [a for a in node.attribute if a.name == "axes"]
    if axes and r.random() < 0.5:
        axes[0].ints[:] = [int(r.choice([0, 1, -1]))]
        return True
    if node.op_type in added:
        name, value = added[node.op_type]
        if name not in {a.name for a in node.attribute}:
            node.attribute.append(helper.make_attribute(name, value))
            return True
    return False


def _constant(e: Editor, r: Random) -> bool:
    """A number of the head becomes another."""
    own = ("/temperature", "/threshold")
    tensors = [t for t in e.graph.initializer if not t.name.endswith(own)]
    if not tensors:
        return False
    tensor = tensors[r.integers(0, len(tensors))]
    values = numpy_helper.to_array(tensor).copy()
    if values.dtype.kind == "f":
        one = values.dtype.type
        ways = (
            *(np.nextafter(values, one(np.inf)), -values, values * one(0.5), values * one(0.0)),
            *(values * one(np.nan), np.full_like(values, np.inf)),
            *(np.resize(values, (3, 1)), np.resize(values, (1, 1))),
        )
        values = np.asarray(ways[r.integers(0, len(ways))])
    else:
        values = (values + int(r.choice([-1, 1]))).astype(values.dtype)
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return True


def _connection(e: Editor, r: Random, places: list[Place]) -> bool:
    """A node reads another value."""
    nodes = [n for n in e.graph.node if n.input]
    node = nodes[r.integers(0, len(nodes))]
    if r.random() < 0.4 and len(node.input) > 1:
        node.input[:] = [*node.input[1:], node.input[0]]
        return True
    other = places[r.integers(0, len(places))].name
    if node.output[0] in e.before(other):
        return False
    node.input[int(r.integers(0, len(node.input)))] = other
    return True


def _value(e: Editor, r: Random, places: list[Place]) -> str:
    """What is read as a value becomes another, for all that read it or for one of them."""
    names = [*ALONE, *BESIDE, "chosen"]
    name, place = names[r.integers(0, len(names))], places[r.integers(0, len(places))]
    if place.name in ("score", "mask"):
        inner = Place(e.inner(place.name), place.kind, place.shape)
        places = [inner if p is place else p for p in places]
        place = inner
    free = [p for p in places if place.name not in e.before(p.name) or p is place]
    made = ALONE[name](e, place, r) if name in ALONE else BESIDE[name](e, place, r, free)
    if made is None:
        return ""
    behind = e.before(made)
    readers = [n for n in e.graph.node if place.name in n.input and n.output[0] not in behind]
    if not readers:
        return ""
    one = r.random() < 0.35
    e.instead(place.name, made, *([readers[r.integers(0, len(readers))]] if one else readers))
    return f"{place.name} {name}{' for one' if one else ''}"


def _operation(node: onnx.NodeProto) -> bool:
    """A node becomes one of another operation."""
    if node.op_type not in _OTHERS:
        return False
    node.op_type = _OTHERS[node.op_type]
    return True


def change(e: Editor, r: Random) -> str:
    """Makes one random change; what it is, empty if nothing came of it."""
    places = places_of(e)
    kind = r.random()
    if kind < 0.7 and places:
        return _value(e, r, places)
    node = e.graph.node[r.integers(0, len(e.graph.node))]
    if kind < 0.8:
        return f"attribute of {node.output[0]}" if _attributes(r, node) else ""
    if kind < 0.86:
        return f"{node.output[0]} by another operation" if _operation(node) else ""
    if kind < 0.92:
        return "a constant" if _constant(e, r) else ""
    return "a connection" if places and _connection(e, r, places) else ""
