"""The worst runtime that a proof allows: each operation is off by all that it may be.

Numbers are computed in NumPy's longdouble, exact beside errors of float32, and each result is then
moved by its allowance, in directions that a climb chooses so that the score is off the most.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import parser

from logitconf_export.proof.composing.arithmetic import Rounded, ulp
from logitconf_export.proof.composing.finite_rows import Computed, compose
from logitconf_export.proof.composing.head_part import HeadPart
from logitconf_export.proof.composing.tensors import Known
from logitconf_export.proof.exact.abstract_rows import AbstractRows
from logitconf_export.proof.exact.expressions import Expression

Exact = npt.NDArray[np.longdouble]
ROUNDED = Rounded("worst", (("Exp", 2.0), ("Log", 3.0)))
UNIT = 2.0**-24


def part_of(body: str, n: int) -> HeadPart:
    """A head by ONNX's text: reads ``x`` (N, n), makes ``score``."""
    body = body.replace("score =", "column =") + " score = Squeeze<axes=[1]>(column)"
    text = f"part (float[N,{n}] x) => (float[N] score) {{ {body} }}"
    graph = parser.parse_graph(text)
    mask = parser.parse_graph(
        "m (float[N] score, float zero) => (bool[N] mask) { mask = Less(score, zero) }"
    )
    known = {"zero": Known(np.asarray(0.0, dtype=np.float32), "zero")}
    nodes = (*graph.node, *mask.node)
    return HeadPart("x", "score", "mask", nodes, known, 12)


def composed(part: HeadPart, rows: AbstractRows) -> Computed:
    """What the proof says of it."""
    dims = ("N", rows.n_classes)
    kept = frozenset([np.float32(0).tobytes()])
    return compose(part, rows, ROUNDED, dims=dims, element="float32", numbers={}, kept=kept)


def allowance(computed: Computed) -> npt.NDArray[np.float64]:
    """How far a score may be off, by box."""
    return computed.errors(computed.score.expression)[1]


OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "Abs": np.abs,
    "Add": np.add,
    "And": np.logical_and,
    "Cast": lambda a: a.astype(np.longdouble),
    "Clip": lambda a, low, high: np.minimum(np.maximum(a, low), high),
    "Div": np.divide,
    "Equal": np.equal,
    "Exp": np.exp,
    "Less": np.less,
    "Log": np.log,
    "Max": np.maximum,
    "Mul": np.multiply,
    "Neg": np.negative,
    "Reciprocal": lambda a: 1 / a,
    "ReduceMax": lambda a: a.max(axis=1, keepdims=True),
    "ReduceMin": lambda a: a.min(axis=1, keepdims=True),
    "ReduceSum": lambda a: a.sum(axis=1, keepdims=True),
    # numbers of the row keep an axis of one place
    "Squeeze": np.asarray,
    "Sub": np.subtract,
    "Unsqueeze": np.asarray,
    "Where": np.where,
}
_ROUNDING = frozenset({"Add", "Div", "Exp", "Log", "Mul", "Reciprocal", "ReduceSum", "Sub"})


def _share(operation: str, a: list[Exact], result: Exact) -> Exact:
    """How far the result may be off."""
    if operation == "ReduceSum":
        if (a[0] == np.round(a[0])).all():
            # a count
            return np.zeros_like(result)
        share: Exact = np.abs(a[0]).sum(axis=1, keepdims=True) * (a[0].shape[1] - 1) * UNIT
        return share
    units = float(ROUNDED.units(operation, None, "float32")[0, 0])  # type: ignore[arg-type]
    allowed = units * ulp(result.astype(np.float64), "float32")
    return np.where(result == 0, 0, allowed).astype(np.longdouble)


def _signs(way: object, result: Exact) -> Exact:
    if way == "mixed":
        return np.where(np.arange(result.shape[-1]) % 2, 1.0, -1.0).astype(np.longdouble)
    if way == "by size":
        return np.asarray(np.sign(result - np.median(result, axis=-1, keepdims=True)))
    assert isinstance(way, int | float)
    return np.full((1, 1), way, dtype=np.longdouble)


def scores(part: HeadPart, x: npt.NDArray[np.float64], ways: Mapping[str, object]) -> Exact:
    """The scores of rows where each operation errs in its way: 0, ±1 or one a place."""
    values: dict[str, Exact] = {part.tensor: x.astype(np.longdouble)}
    known = {name: v.values for name, v in part.constants.items() if v.values.dtype.kind == "f"}
    values |= {name: np.atleast_2d(v).astype(np.longdouble) for name, v in known.items()}
    for node in part.nodes:
        name = node.output[0]
        if name == part.mask:
            continue
        # axes are those of the classes
        named = [i for i in node.input if "axes" not in i]
        ends = [np.full((1, 1), end, dtype=np.longdouble) for end in (-np.inf, np.inf)]
        given = [values[i] if i else ends[k - 1] for k, i in enumerate(named)]
        given += ends[len(given) - 1 :] if node.op_type == "Clip" else []
        # where a result is not asked for
        with np.errstate(divide="ignore", invalid="ignore"):
            result: Exact = OPERATIONS[node.op_type](*given)
            way = ways.get(name, 0)
            if way and node.op_type in _ROUNDING:
                result = result + _signs(way, result) * _share(node.op_type, given, result)
        values[name] = result
    return values[part.score].reshape(len(x))


def _climbs(part: HeadPart, x: npt.NDArray[np.float64]) -> Iterator[Exact]:
    exact = scores(part, x, {})
    names = [node.output[0] for node in part.nodes if node.op_type in _ROUNDING]
    for side in (1.0, -1.0):
        chosen: dict[str, object] = {}
        worst = np.zeros(len(x), dtype=np.longdouble)
        for _ in range(2):
            for name in names:
                for way in (1.0, -1.0, "mixed", "by size"):
                    off = (scores(part, x, {**chosen, name: way}) - exact) * side
                    if off.sum() > worst.sum():
                        chosen, worst = {**chosen, name: way}, off
        yield worst


def largest_errors(part: HeadPart, x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The largest error of each row that the climbs meet."""
    return np.asarray(np.max([np.abs(off) for off in _climbs(part, x)], axis=0), dtype=np.float64)


def allowed_at(computed: Computed, x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The allowance of each row: the largest of the boxes that it lies in."""
    # temperature 1
    y = x - x.max(axis=1, keepdims=True)
    e, ordered = np.exp(y), np.sort(y, axis=1)
    numbers = {
        "sum": e.sum(1),
        "entropy": np.log(e.sum(1)) - (y * e).sum(1) / e.sum(1),
        "collisions": e.sum(1) ** 2 / (e * e).sum(1),
        "gap": ordered[:, -2],
        "largest": x.max(1),
    }
    error = allowance(computed)
    inside = np.ones((len(x), len(error)), dtype=bool)
    for name, cut in computed.rows.cuts.items():
        value = numbers[name][:, None]
        inside &= (value + 1e-12 >= cut.low.T) & (value - 1e-12 <= cut.high.T)
    assert inside.any(axis=1).all()
    return np.asarray(np.where(inside, error[None], 0.0).max(axis=1))


def allowed_by_size(
    computed: Computed, exact: Expression, truth: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """The allowance of rows with such exact scores: the largest of the boxes that hold them."""
    values, error = computed.errors(exact)
    slack = 1e-7 * np.abs(truth)[:, None] + 1e-30
    inside = (values.low <= truth[:, None] + slack) & (values.high >= truth[:, None] - slack)
    assert inside.any(axis=1).all()
    return np.asarray(np.where(inside, error, 0.0).max(axis=1))
