"""From members' probabilities to their score, node by node: each must be the next one of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from logitconf_export.proof.composing.arithmetic import sum_factor, unit
from logitconf_export.proof.composing.composition import Composition
from logitconf_export.proof.composing.finite_rows import Curve
from logitconf_export.proof.composing.formulas import score_of_members
from logitconf_export.proof.composing.nodes import Node
from logitconf_export.proof.composing.tensors import (
    MEMBERS,
    CannotProveError,
    Dim,
    Known,
    Tensor,
    Value,
    key_of,
)
from logitconf_export.proof.exact.intervals import Interval, above
from logitconf_export.proof.members.disagreement import ERRORS, Roundings, largest, together
from logitconf_export.proof.members.shares import Shares

_MOST = 1000
_SCORES = {"squares": "predictive_variance", "terms": "mutual_information"}
# with what is computed of a probability of 1
_ONE = 1.1


@dataclass(frozen=True, slots=True)
class Stage:
    """What a tensor is between the probabilities and the score.

    Attributes:
        name: of the step.
        shares: the probabilities.
        made: the roundings up to here.
        score: which one it becomes, once that is known.
    """

    name: str
    shares: Shares
    made: Roundings
    score: str = ""


@dataclass(slots=True)
class Members:
    """What the composition asks beside its own steps, for heads over members.

    Attributes:
        n_members: how many; 0 where there are none.
        curves: bounds on the errors of scores, by the keys of their tensors.
    """

    n_members: int
    curves: dict[str, Curve]

    def step(self, steps: Composition, node: Node) -> list[Value] | None:
        """What a node makes of members; None if it is none of these steps.

        Raises:
            CannotProveError: where members are compared in another way.
        """
        if not self.n_members:
            return None
        at = [i for i, v in enumerate(node.inputs) if _stage(v) is not None]
        over = _reduced_members(node)
        if not at and not over:
            return None
        if over and not at:
            first = node.inputs[0]
            if isinstance(first, Known):
                if np.any(first.values != 0):
                    raise CannotProveError(f"{node.operation} of a number over members")
                return None
            if node.operation != "ReduceSum" or not isinstance(first, Tensor):
                raise CannotProveError(f"{node.operation} over members")
            return [self._mean_begun(steps, first, node)]
        return [self._next(steps, node, at[0])]

    def _mean_begun(self, steps: Composition, t: Tensor, node: Node) -> Tensor:
        if t.members is None or t.element != "float32" or not 1 < self.n_members <= _MOST:
            raise CannotProveError("a sum over members of something other than probabilities")
        shares = Shares.of(steps, t, self.n_members)
        made = Roundings(mean=self._sum(steps, t, node, self.n_members))
        return _tensor(t, node, Stage("sum", shares, made))

    def _next(self, steps: Composition, node: Node, place: int) -> Tensor:
        given = node.inputs[place]
        stage = _stage(given)
        assert isinstance(given, Tensor)
        assert stage is not None
        step = _STEPS.get((stage.name, node.operation))
        if step is None:
            raise CannotProveError(f"{node.operation} of the {stage.name} of members")
        return step(self, steps, node, given, stage)

    def _sum(self, steps: Composition, t: Tensor, node: Node, terms: int) -> float:
        """The rounding of a sum, as a share of the sizes of its terms."""
        axes = node.axes(len(t.dims)) or ()
        last = axes == (len(t.dims) - 1,)
        depth = steps.arithmetic.depth("ReduceSum", terms, last=last, element=t.element)
        return sum_factor(depth, t.element)

    def _by_count(self, steps: Composition, node: Node, high: float) -> float:
        """The rounding of a product with 1 / M, and of that number."""
        constant = next((v for v in node.inputs if isinstance(v, Known)), None)
        if constant is None or constant.values.size != 1 or constant.values.dtype != np.float32:
            raise CannotProveError("members whose mean is divided by no number")
        if constant.values.ndim > 1:
            raise CannotProveError("a mean of members that has further axes")
        value = float(constant.values.ravel()[0])
        off = float(above(float(abs(Fraction(value) * self.n_members - 1))))
        if not off <= unit("float32"):
            raise CannotProveError(f"a mean over {self.n_members} members that is times {value!r}")
        if np.frexp(value)[0] == 0.5:
            return off
        share = _share(steps, "Mul", Interval.of([[-high]], [[high]]), value)
        return together(off, share)

    def _mean(self, steps: Composition, node: Node, t: Tensor, stage: Stage) -> Tensor:
        share = together(stage.made.mean, self._by_count(steps, node, _ONE * self.n_members))
        return _tensor(t, node, replace(stage, name="mean", made=replace(stage.made, mean=share)))

    def _difference(self, steps: Composition, node: Node, t: Tensor, stage: Stage) -> Tensor:
        first, second = node.inputs
        own = stage.shares.tensor
        if second is not t or first is None or first.key != own.key or t.dims != _alone(own):
            raise CannotProveError("a difference other than that from the mean of members")
        made = replace(stage.made, difference=_share(steps, "Sub", _between(-_ONE, _ONE)))
        return _tensor(own, node, replace(stage, name="differences", made=made))

    def _square(self, steps: Composition, node: Node, t: Tensor, stage: Stage) -> Tensor:
        if any(v is None or v.key != t.key for v in node.inputs):
            raise CannotProveError("a product other than the square of a difference")
        made = replace(stage.made, term=_share(steps, "Mul", _between(-_ONE, _ONE)))
        return _tensor(t, node, replace(stage, name="squares", made=made))

    def _kept(self, steps: Composition, node: Node, t: Tensor, stage: Stage) -> Tensor:
        """At least a number so small that it changes nothing that counts."""
        del steps
        # a third input, or an attribute, limits from above
        others = [v for v in node.inputs if v is not t]
        value = _number(others[0]) if len(others) == 1 else node.attributes.get("min")
        free = len(others) <= 1 and "max" not in node.attributes
        if value is None or not 2.0**-124 <= value <= 1e-30 or not free:
            raise CannotProveError(f"a limit of the {stage.name} of members")
        return _tensor(t, node, replace(stage, name=f"kept {stage.name}"))

    def _inverse(self, steps: Composition, node: Node, t: Tensor, stage: Stage) -> Tensor:
        share = _share(steps, "Reciprocal", _between(2.0**-125, _ONE))
        return _tensor(t, node, replace(stage, name="inverse", made=_with(stage, inverse=share)))

    def _ratio(self, steps: Composition, node: Node, t: Tensor, stage: Stage) -> Tensor:
        own = stage.shares.tensor
        if _other(node, t) != own.key or t.dims != _alone(own):
            raise CannotProveError("a product other than that of probabilities with their mean's")
        made = _with(stage, ratio=_share(steps, "Mul", _between(0.0, 2.0**125)))
        return _tensor(own, node, replace(stage, name="ratio", made=made))

    def _logarithm(self, steps: Composition, node: Node, t: Tensor, stage: Stage) -> Tensor:
        operand = _between(2.0**-125, _ONE * self.n_members)
        made = _with(stage, logarithm=_share(steps, "Log", operand))
        return _tensor(t, node, replace(stage, name="logarithms", made=made))

    def _term(self, steps: Composition, node: Node, t: Tensor, stage: Stage) -> Tensor:
        if _other(node, t) != stage.shares.tensor.key:
            raise CannotProveError("a product other than that of probabilities and logarithms")
        made = _with(stage, term=_share(steps, "Mul", _between(-90.0, 90.0)))
        return _tensor(t, node, replace(stage, name="terms", made=made))

    def _over_classes(self, steps: Composition, node: Node, t: Tensor, stage: Stage) -> Tensor:
        if node.axes(len(t.dims)) != tuple(i for i, d in enumerate(t.dims) if isinstance(d, int)):
            raise CannotProveError("a sum of members other than over all classes")
        made = _with(stage, classes=self._sum(steps, t, node, stage.shares.n_classes))
        return _tensor(t, node, Stage("sums", stage.shares, made, _SCORES[stage.name]))

    def _scaled(self, steps: Composition, node: Node, t: Tensor, stage: Stage) -> Tensor:
        share = self._by_count(steps, node, 100.0)
        return _tensor(t, node, replace(stage, name="scaled sums", made=_with(stage, whole=share)))

    def _whole(self, steps: Composition, node: Node, t: Tensor, stage: Stage) -> Tensor:
        if not _reduced_members(node):
            raise CannotProveError("a sum of members over something else")
        share = together(stage.made.whole, self._sum(steps, t, node, self.n_members))
        n = stage.shares.n_classes
        made, high = _with(stage, whole=share), largest(stage.score, self.n_members, n)
        edges = np.concatenate([[0.0], np.geomspace(1e-9, high, 300)])
        error = ERRORS[stage.score](edges[1:], stage.shares, made)
        made_of = stage.shares.tensor.expression
        expression = score_of_members(stage.score, made_of, self.n_members)
        steps.rows.know(expression, _between(0.0, high))
        whole = _tensor(t, node, None)
        self.curves[whole.key] = Curve(Interval(edges[:-1], edges[1:]), error)
        return whole.having(expression=expression, error=np.full((1, 1), error.max()))


_Step = Callable[[Members, Composition, Node, Tensor, Stage], Tensor]
_STEPS: Mapping[tuple[str, str], _Step] = {
    ("sum", "Mul"): Members._mean,
    ("mean", "Sub"): Members._difference,
    ("differences", "Mul"): Members._square,
    ("squares", "ReduceSum"): Members._over_classes,
    **{(name, op): Members._kept for name in ("mean", "ratio") for op in ("Clip", "Max")},
    ("kept mean", "Reciprocal"): Members._inverse,
    ("inverse", "Mul"): Members._ratio,
    ("kept ratio", "Log"): Members._logarithm,
    ("logarithms", "Mul"): Members._term,
    ("terms", "ReduceSum"): Members._over_classes,
    ("sums", "Mul"): Members._scaled,
    ("scaled sums", "ReduceSum"): Members._whole,
}


def _stage(value: Value | None) -> Stage | None:
    source = value.source if isinstance(value, Tensor) else None
    return source[1] if source is not None and source[0] == MEMBERS else None


def _with(stage: Stage, **shares: float) -> Roundings:
    return replace(stage.made, **shares)


def _between(low: float, high: float) -> Interval:
    return Interval.of([[low]], [[high]])


def _number(value: Value | None) -> float | None:
    if not isinstance(value, Known) or value.values.size != 1 or value.values.ndim > 1:
        return None
    return float(value.values.ravel()[0]) if value.values.dtype.kind == "f" else None


def _other(node: Node, t: Tensor) -> str | None:
    """The key of what a tensor is multiplied by."""
    others = [v for v in node.inputs if v is not t]
    return others[0].key if len(others) == 1 and others[0] is not None else None


def _alone(t: Tensor) -> tuple[Dim, ...]:
    """The shape of what is the same for all members."""
    return tuple(1 if d == MEMBERS else d for d in t.dims)


def _share(
    steps: Composition, operation: str, operand: Interval, constant: float | None = None
) -> float:
    """The largest rounding of an operation, as a share of its result."""
    units = steps.arithmetic.units(operation, operand, "float32", constant)
    return float(above(units * unit("float32")).max())


def _reduced_members(node: Node) -> bool:
    """Whether a node reduces over members."""
    first = node.inputs[0] if node.inputs else None
    if not node.operation.startswith("Reduce") or not isinstance(first, Tensor | Known):
        return False
    if isinstance(first, Known):
        return True
    axes = node.axes(len(first.dims))
    return axes is None or any(first.dims[a] == MEMBERS for a in axes)


def _tensor(t: Tensor, node: Node, stage: Stage | None) -> Tensor:
    """What a node makes of a tensor: between the steps, no more is known of it than its stage."""
    dims: tuple[Dim, ...] = t.dims
    if node.operation.startswith("Reduce"):
        axes = node.axes(len(dims)) or tuple(range(len(dims)))
        if len(axes) != 1:
            raise CannotProveError(f"{node.operation} over several axes of members")
        if node.attributes.get("keepdims", 1):
            dims = tuple(1 if i in axes else d for i, d in enumerate(dims))
        else:
            dims = tuple(d for i, d in enumerate(dims) if i not in axes)
    key = key_of(node.operation, [v.key for v in node.inputs if v is not None], dims)
    source = None if stage is None else (MEMBERS, stage)
    infinite = np.full((1, 1), np.inf)
    return Tensor(t.expression, infinite, dims, t.element, key, None, source=source)
