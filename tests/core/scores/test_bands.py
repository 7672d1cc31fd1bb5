"""No score moves further than its bound says where the logits of a row move a little."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from logitconf.scores.evaluation import evaluate
from logitconf.scores.reductions import Form
from logitconf.scores.rounding import MapRounding, Rounding
from logitconf.scores.table import SCORES, check_parameters
from logitconf.tasks import Layout, canonical

MAPPED = [name for name, row in SCORES.items() if row.band.of_shift is not None]
TEMPERATURE = 0.7


def scores(name: str, rows: npt.NDArray[np.float64], layout: Layout) -> Any:
    form = Form(layout.axis, n_classes=layout.n_classes, parameters=check_parameters(name, {}))
    return evaluate(name, canonical(rows, layout), np.asarray(TEMPERATURE), layout, form)


def bound(name: str, values: Any, layout: Layout, moved: float) -> Any:
    """The part of the band that is the map's: less than all of it, where the rest is taken off."""
    joined = layout.task == "multilabel" and SCORES[name].joins_labels
    n_classes = layout.n_classes if joined or layout.family == "categorical" else 1
    # a map of so wide a reach that its rounding is what the logits move by
    made = MapRounding(gain=0.0, offset=1.0)
    reach = MapRounding(gain=0.0, offset=moved / float(made.shift(None)))
    plain = Rounding(name, n_classes, "float32", TEMPERATURE, joined=joined)
    with_map = Rounding(name, n_classes, "float32", TEMPERATURE, joined=joined, mapping=reach)
    return with_map.bands(values) - plain.bands(values)


@pytest.mark.parametrize("name", MAPPED)
@pytest.mark.parametrize("size", [1e-4, 0.03, 0.5])
@pytest.mark.parametrize("layout", [
    Layout("multiclass", 10), Layout("binary", 2), Layout("binary", 1), Layout("multilabel", 5),
    Layout("multiclass", 300),
])  # fmt: skip
def test_logits_that_move_a_little_move_a_score_within_its_bound(
    name: str, size: float, layout: Layout
) -> None:
    random = np.random.default_rng(7)
    columns = int(layout.n_classes or 1)
    spread = random.uniform(0.1, 8.0, size=(4000, 1))
    rows = random.normal(size=(4000, columns)) * spread
    steps = random.choice([-size, size], size=rows.shape)
    # the worst is often that the largest goes one way and all others the other
    worst = np.where(rows == rows.max(axis=1, keepdims=True), size, -size)
    before = scores(name, rows, layout)
    allowed = bound(name, before, layout, size) + 1e-12
    for step in (steps, worst, -worst):
        after = scores(name, rows + step, layout)
        assert (np.abs(after - before) <= allowed).all()


@pytest.mark.parametrize("name", ["softmax", "margin", "entropy", "energy", "gini"])
def test_the_bounds_are_no_wider_than_ten_times_what_happens(name: str) -> None:
    random = np.random.default_rng(3)
    layout = Layout("multiclass", 10)
    rows = random.normal(size=(20000, 10)) * random.uniform(0.1, 4.0, size=(20000, 1))
    worst = np.where(rows == rows.max(axis=1, keepdims=True), 1e-3, -1e-3)
    before = scores(name, rows, layout)
    moved = np.abs(scores(name, rows + worst, layout) - before)
    if name == "energy":
        moved = np.abs(scores(name, rows + 1e-3, layout) - before)
    assert (moved / bound(name, before, layout, 1e-3)).max() > 0.1
