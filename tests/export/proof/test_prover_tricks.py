"""Heads whose graph decides otherwise than their card, each in a way that was once proved."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from support.head_edits import Editor, results_of
from support.proofs import THRESHOLDS
from support.proved_forms import measured

from logitconf.calibration.maps.calibration_map import CalibrationMap
from logitconf.card.score_card import ScoreCard
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.heads.metadata import read_metadata
from logitconf_export.proof.composing.arithmetic import Measured
from logitconf_export.proof.prover import Question, prove

Change = Callable[[Editor], None]
MAP = CalibrationMap("vector", scale=(1.0, 1.125, 0.875), bias=(0.25, -0.5, 0.375))


@dataclass(frozen=True, slots=True)
class Trick:
    """A head and what is done to it.

    Attributes:
        change: as a function of the head.
        score: of the head.
        n: how many classes.
        form: of its graph.
        mapping: of its card.
    """

    change: Change
    score: str = "softmax"
    n: int = 3
    form: str = "any"
    mapping: CalibrationMap | None = None

    def head(self) -> onnx.ModelProto:
        """The head as it was."""
        card = ScoreCard(
            self.score,
            "multiclass",
            temperature=1.5,
            threshold=THRESHOLDS.get(self.score, 0.3),
            n_classes=self.n,
            calibration_map=self.mapping,
        )
        return to_onnx(card, n_classes=self.n, runtime=self.form)


def ints(e: Editor, *values: int) -> str:
    return e.number(values, np.int64)


def clipped_to_infinity(e: Editor) -> None:
    shifted = e.made_by("Mul").output[0]
    e.instead(shifted, e.node("Clip", shifted, "", e.number(-np.inf)))


def clipped_from_the_largest_float(e: Editor) -> None:
    e.instead("logits", e.node("Clip", "logits", e.number(np.finfo(np.float32).max)))


def largest_of_each_column(e: Editor) -> None:
    largest = e.node("TopK", "logits", ints(e, 1), outputs=2, axis=0)
    values = e.graph.node[-1].output[0]
    assert largest != values
    e.instead(e.made_by("ReduceMax").output[0], values)


def two_largest_in_any_order(e: Editor) -> None:
    e.made_by("TopK").attribute.append(onnx.helper.make_attribute("sorted", 0))


def each_row_less_the_largest_of_every_row(e: Editor) -> None:
    squeezed = e.made_by("Squeeze")
    e.instead(squeezed.output[0], squeezed.input[0])


def a_guard_of_each_row_for_every_row(e: Editor) -> None:
    score = e.inner("score")
    e.instead(score, e.node("Unsqueeze", score, ints(e, 1)), e.made_by("Less", 1))


def a_choice_of_each_row_for_every_row(e: Editor) -> None:
    choice = e.made_by("Where")
    e.instead(choice.input[1], e.node("Unsqueeze", choice.input[1], ints(e, 1)), choice)


def a_guard_of_three_numbers(e: Editor) -> None:
    guard = e.made_by("Less", 1)
    e.instead(guard.input[0], e.number([[-1.5]] * 3), guard)


def marks_of_the_next_class(e: Editor) -> None:
    choice = e.made_by("Where")
    n = e.graph.input[0].type.tensor_type.shape.dim[1].dim_value
    turned = e.node("Gather", choice.input[0], ints(e, *np.roll(np.arange(n), 1)), axis=1)
    e.instead(choice.input[0], turned, choice)


def logits_of_the_next_class_are_mapped(e: Editor) -> None:
    e.instead("logits", e.node("Gather", "logits", ints(e, 1, 2, 0), axis=1))


def marks_counted_one_by_one(e: Editor) -> None:
    summed = e.made_by("ReduceSum")
    apart = e.node("Unsqueeze", summed.input[0], ints(e, 2))
    each = e.node("ReduceSum", apart, ints(e, 2), keepdims=0)
    e.instead(summed.output[0], e.node("ReduceMax", each, axes=[1], keepdims=0))


def the_largest_taken_out_beforehand(e: Editor) -> None:
    e.instead("logits", e.node("Min", "logits", e.made_by("Where").output[0]))


def two_classes_exchanged_where_one_is_nan(e: Editor) -> None:
    turned = e.node("Gather", "logits", ints(e, 1, 0), axis=1)
    e.instead("logits", e.node("Where", e.node("IsNaN", "logits"), turned, "logits"))


def four_classes_turned_where_one_is_nan(e: Editor) -> None:
    square = e.node("Reshape", "logits", ints(e, 0, 2, 2))
    turned = e.node("Transpose", square, perm=[0, 2, 1])
    chosen = e.node("Where", e.node("IsNaN", square), turned, square)
    e.instead("logits", e.node("Reshape", chosen, ints(e, 0, 4)))


def a_guard_of_sizes(e: Editor) -> None:
    wide = e.node("Unsqueeze", e.inner("score"), ints(e, 1))
    e.made_by("Less", 2).input[1] = e.node("ReduceL1", wide, axes=[1], keepdims=0)


def some_dropped(e: Editor) -> None:
    shifted = e.made_by("Mul").output[0]
    e.instead(shifted, e.node("Dropout", shifted, e.number(0.5), e.number(True, bool)))


def a_guard_of_no_product(e: Editor) -> None:
    e.made_by("Gemm").attribute.append(onnx.helper.make_attribute("alpha", 0.0))


TRICKS: Mapping[str, Trick] = {
    made.change.__name__: made
    for made in (
        Trick(clipped_to_infinity),
        Trick(clipped_from_the_largest_float, form="onnxruntime"),
        Trick(largest_of_each_column, form="cuda"),
        Trick(two_largest_in_any_order, "margin", form="cuda"),
        Trick(each_row_less_the_largest_of_every_row, "energy"),
        Trick(a_guard_of_each_row_for_every_row),
        Trick(a_choice_of_each_row_for_every_row, form="onnxruntime"),
        Trick(a_guard_of_three_numbers),
        Trick(marks_of_the_next_class, "margin", 40),
        Trick(logits_of_the_next_class_are_mapped, mapping=MAP),
        Trick(marks_counted_one_by_one, "margin", 40),
        Trick(the_largest_taken_out_beforehand, "margin", 40),
        Trick(two_classes_exchanged_where_one_is_nan, n=2),
        Trick(four_classes_turned_where_one_is_nan, n=4),
        Trick(a_guard_of_sizes, "margin"),
        Trick(some_dropped),
        Trick(a_guard_of_no_product, "margin", form="onnxruntime"),
    )
}


def rows_for(n: int) -> NDArray[np.float32]:
    """Rows with ties, masked classes, NaN and infinities, and close ones."""
    random, inf, nan = np.random.default_rng(0), np.inf, np.nan
    close = np.full((2, n), 1.0, dtype=np.float32)
    close[:, 1:] -= np.float32(1e-6)
    tiny = np.full((1, n), 1e-45, dtype=np.float32)
    tiny[:, 0] = 0.0
    special = [
        [first, second, *[rest] * (n - 2)]
        for first, second, rest in (
            *((1.0, 1.0, 1.0), (5.0, 5.0, -3.0), (5.0, -inf, -inf), (5.0, 3.0, -inf)),
            *((1.0, nan, 50.0), (50.0, nan, 1.0), (nan, 50.0, 1.0), (nan, 1.0, nan)),
            *((inf, 1.0, 2.0), (-inf, -inf, -inf), (inf, inf, 1.0), (3e38, -3e38, 1.0)),
        )
    ]
    parts = [5.0 * random.normal(size=(30, n)), np.array(special), close, tiny]
    return np.concatenate(parts).astype(np.float32)


@pytest.fixture(scope="module")
def runtime() -> Measured:
    return measured()


def differ(one: NDArray[Any], other: NDArray[Any]) -> bool:
    same = one.shape == other.shape
    return not same or not np.allclose(one, other, rtol=1e-3, equal_nan=True)


@pytest.mark.parametrize("name", sorted(TRICKS))
def test_a_trick_changes_the_head_and_is_not_proved(name: str, runtime: Measured) -> None:
    trick = TRICKS[name]
    editor = Editor(trick.head())
    trick.change(editor)
    changed, rows = editor.ready(), rows_for(trick.n)
    before, after = results_of(trick.head(), rows), results_of(changed, rows)
    assert any(differ(a, b) for a, b in zip(before, after, strict=True))
    assert prove(Question(changed, read_metadata(changed)), runtime).verdict != "PROVED"
