"""The difference of the two largest classes, however it is found, is that of a sort."""

import numpy as np
import pytest
from numpy.typing import NDArray

from logitconf.scores.reductions import Form
from logitconf.scores.top_two import half_deficit, margin_of_few_nodes

FORMS = [
    Form(n_classes=n_classes, runtime=runtime)
    for n_classes in (2, 3, 20, 48, 60, 101)
    for runtime in ("any", "onnxruntime", "cuda")
] + [Form(n_classes=None)]


def rows_of(form: Form) -> NDArray[np.float32]:
    """Random rows, ties of two and of three, and masked classes, at least two finite."""
    n_classes = form.n_classes or 30
    rows = np.random.default_rng(n_classes).normal(0, 3, (60, n_classes)).astype(np.float32)
    rows[:20, -1] = rows[:20].max(axis=1)
    rows[10:20, : min(3, n_classes)] = 9.0
    rows[30:, 2:][rows[30:, 2:] < 1.0] = -np.inf
    return rows


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_half_the_deficit_is_exact(form: Form) -> None:
    rows = rows_of(form)
    ordered = np.sort(rows, axis=1)
    expected = ordered[:, -2] * 0.5 - ordered[:, -1] * 0.5
    np.testing.assert_array_equal(half_deficit(rows, form), expected)


@pytest.mark.parametrize("form", [form for form in FORMS if form.few_nodes], ids=str)
def test_the_margin_of_few_nodes_is_the_margin(form: Form) -> None:
    rows = rows_of(form)
    ordered = np.sort(rows.astype(np.float64), axis=1)
    expected = (ordered[:, -2] - ordered[:, -1]) / 1.5
    found = margin_of_few_nodes(rows, np.float32(1.5), form)
    np.testing.assert_allclose(found, expected, rtol=2.0**-23)


def test_rows_without_a_margin_of_few_nodes_are_nan() -> None:
    inf, nan = np.inf, np.nan
    lowest = float(np.finfo(np.float32).min)
    rows = [[1, nan, 2], [1, inf, 2], [-inf] * 3, [-inf, 4, -inf], [lowest, 4, -inf], [inf, nan, 0]]
    with np.errstate(all="ignore"):
        found = margin_of_few_nodes(
            np.array(rows, np.float32), np.float32(1.5), Form(n_classes=3, runtime="cuda")
        )
    assert np.isnan(found).all()
