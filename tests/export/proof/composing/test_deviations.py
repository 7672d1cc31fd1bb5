"""First-order errors hold for the worst runtime that they allow, and are met by it."""

from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from support.worst_runtime import allowed_at, composed, largest_errors, part_of

from logitconf_export.proof.composing import deviations
from logitconf_export.proof.composing.deviations import Deviation, Part, Share
from logitconf_export.proof.composing.tensors import Tensor
from logitconf_export.proof.exact.abstract_rows import BELOW, AbstractRows
from logitconf_export.proof.exact.expressions import BESIDE, ONE, exponential, number
from logitconf_export.proof.exact.row_kinds import class_rows
from logitconf_export.proof.exact.spread_rows import spread_rows

SUMS = (
    "m = ReduceMax<axes=[1], keepdims=1>(x) y = Sub(x, m) e = Exp(y) "
    "s = ReduceSum<axes=[1], keepdims=1>(e) "
)
HEADS = {
    "softmax": (SUMS + "score = Reciprocal(s)", {"sum"}),
    "entropy": (
        SUMS + "ey = Mul(e, y) a = ReduceSum<axes=[1], keepdims=1>(ey) r = Reciprocal(s) "
        "q = Mul(a, r) l = Log(s) score = Sub(l, q)",
        {"sum", "entropy"},
    ),
    "doctor": (
        SUMS + "ee = Mul(e, e) a = ReduceSum<axes=[1], keepdims=1>(ee) t = Mul(s, s) "
        "score = Div(t, a)",
        {"sum", "collisions"},
    ),
    "a sum and its reciprocal": (SUMS + "r = Reciprocal(s) score = Sub(s, r)", {"sum"}),
    "a sum by its reciprocal": (SUMS + "r = Reciprocal(s) score = Div(s, r)", {"sum"}),
    "a sum less its negative": (SUMS + "n = Neg(s) score = Sub(s, n)", {"sum"}),
    "a product of sums": (SUMS + "score = Mul(s, s)", {"sum"}),
}


def rows_of(head: str, n: int) -> AbstractRows:
    return class_rows(n, Fraction(1), 20.0, needs=frozenset(HEADS[head][1]))


def logits(n: int) -> npt.NDArray[np.float64]:
    random = np.random.default_rng(0)
    scales = 10.0 ** random.uniform(-1, 1, size=(40, 1))
    x = np.clip(random.normal(size=(40, n)) * scales, -20, 20)
    x[:15] = np.where(np.arange(n) == 0, 0.0, -random.uniform(0, 12, size=(15, 1)))
    return x.astype(np.float32).astype(np.float64)


def worst_share(head: str, n: int) -> float:
    """The largest error of the worst runtime, over what the proof allows there."""
    part, x = part_of(HEADS[head][0], n), logits(n)
    return float((largest_errors(part, x) / allowed_at(composed(part, rows_of(head, n)), x)).max())


@pytest.mark.parametrize("n", [3, 50])
@pytest.mark.parametrize("head", sorted(HEADS))
def test_the_worst_runtime_is_within_the_bound_and_meets_most_of_it(head: str, n: int) -> None:
    assert 0.7 < worst_share(head, n) <= 1.0


def test_what_cancels_is_not_counted() -> None:
    rows = rows_of("softmax", 5)
    part = Part(ONE, np.full((1, 1), 1e-6), "row")
    one = Deviation({"a": part, "b": part}, np.zeros((1, 1)))
    less = deviations.joined([one, Deviation({"a": part}, np.zeros((1, 1))).times(rows, -ONE)])
    assert set(less.parts) == {"b"}
    assert less.bound(rows).max() == pytest.approx(1e-6)


def test_errors_of_the_classes_are_added_up_by_what_is_known_of_their_terms() -> None:
    rows = rows_of("softmax", 1000)
    part = Part(exponential(BELOW), np.full((1, 1), 1e-6), "sum")
    bound = Deviation({"e": part}, np.zeros((1, 1))).bound(rows)[:, 0]
    total = rows.cuts["sum"]
    assert (bound >= 1e-6 * total.low[:, 0]).all()
    assert (bound <= 1.1e-6 * total.high[:, 0]).all()


def test_a_factor_of_boxes_and_cells_is_as_large_as_its_largest_value() -> None:
    rows = rows_of("entropy", 10)
    total = rows.fixed
    assert total is not None
    x = exponential(BELOW) * number(3) - BELOW * number(Fraction(1, 2)) + number(1)
    assert (rows.size(x) >= rows.evaluated(x).size * (1 - 1e-9)).all()
    assert (rows.size(x) <= rows.evaluated(x).size * 1.5).all()


def test_a_sum_beside_the_second_is_off_by_no_larger_share_than_is_said() -> None:
    n, t, off = 20, Fraction(3, 2), 1e-6
    rows = spread_rows(n, t, 100.0)
    inverse = number(1 / t)
    z = rows.range(BESIDE * inverse)
    # off by so much for each unit that a class lies below the second
    share = Share(off * (1.0 + np.maximum(-z.low, 0.0)), 0.0)
    terms = Tensor(
        exponential(BESIDE * inverse), np.zeros((1, 1)), ("N", n), "float32", "e", share=share
    )
    said = deviations.share_of_sum(rows, terms, 0.0)
    assert said is not None
    cut, most = rows.cuts["rest"], 0.0
    random = np.random.default_rng(0)
    for _ in range(300):
        y = -np.sort(random.exponential(size=n) * 10.0 ** random.uniform(-1, 1.5))
        y[0] = 0.0
        beside = np.minimum(y - y[1], 0.0) / float(t)
        worst = (np.exp(beside) * off * (1.0 - beside)).sum() / np.exp(beside).sum()
        rest = np.log(np.exp(y[1:] / float(t)).sum())
        box = int(((cut.low <= rest) & (rest <= cut.high))[:, 0].argmax())
        assert worst <= said.part[box, 0]
        most = max(most, worst / said.part[box, 0])
    assert most > 0.15
    # another sum is off by the share of its worst term
    other = Tensor(exponential(BELOW * inverse), share.part, ("N", n), "float32", "e", share=share)
    whole = deviations.share_of_sum(rows, other, 0.0)
    assert whole is not None
    assert whole.part == pytest.approx(share.part.max(axis=1, keepdims=True), rel=1e-12)
