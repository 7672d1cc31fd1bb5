"""The four scores against the float64 reference, and the identities that hold for all logits."""

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from support import reference
from support.score_cases import (
    CASES,
    assert_close,
    make,
    names,
    names_and_cases,
    names_and_tasks,
    names_for_all_cases,
)
from support.score_rows import SCORE_TESTS

from logitconf.scores.rounding import Rounding

Float32 = NDArray[np.float32]

temperatures = pytest.mark.parametrize("temperature", [1.0, 2.5, 0.375])

LARGEST = float(np.finfo(np.float32).max)
steady = settings(derandomize=True, deadline=None, max_examples=100)


def rows_of_float32(columns: int, bound: float = 80.0) -> st.SearchStrategy[Float32]:
    """A few rows of float32 logits up to `bound` in size, repeated values and zeros among them."""
    return arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 4), st.just(columns)),
        elements=st.floats(-bound, bound, width=32),
    )


def scored(
    name: str, logits: NDArray[np.generic], temperature: float = 1.0, task: str = "multiclass"
) -> torch.Tensor:
    rows = torch.from_numpy(np.ascontiguousarray(logits))
    scores: torch.Tensor = make(name, task, temperature).score(rows)
    return scores


@names_and_cases
@temperatures
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_each_score_equals_the_reference_for_every_layout_and_dtype(
    name: str, case: str, temperature: float, dtype: torch.dtype
) -> None:
    layout = CASES[case]
    logits = torch.from_numpy(layout.logits(40)).to(dtype)
    found = make(name, layout.task, temperature).score(logits)
    assert found.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert_close(found, name, logits.double().numpy(), temperature, layout.task)


@names_and_cases
@pytest.mark.parametrize("offset", [1e4, -1e4])
def test_an_offset_of_all_logits_costs_no_digits(name: str, case: str, offset: float) -> None:
    layout = CASES[case]
    logits = layout.logits(20) + np.float32(offset)
    assert_close(
        scored(name, logits, 3.1, layout.task), name, logits, float(np.float32(3.1)), layout.task
    )


@names_and_cases
@pytest.mark.parametrize("scale", [0.01, 30.0, 1000.0])
def test_flat_and_saturated_rows_equal_the_reference(name: str, case: str, scale: float) -> None:
    layout = CASES[case]
    logits = layout.logits(20, scale=scale)
    assert_close(scored(name, logits, 1.0, layout.task), name, logits, 1.0, layout.task)


@names_and_cases
def test_an_empty_batch_has_scores_of_shape_zero(name: str, case: str) -> None:
    layout = CASES[case]
    assert scored(name, layout.logits(0), task=layout.task).shape == (0,)


@names_and_cases
def test_a_score_that_was_never_fitted_has_temperature_one(name: str, case: str) -> None:
    layout = CASES[case]
    logits = torch.from_numpy(layout.logits(20))
    unset = make(name, layout.task).score(logits)
    assert torch.equal(unset, make(name, layout.task, 1.0).score(logits))


@names
def test_a_numpy_array_scores_like_the_tensor(name: str) -> None:
    logits = CASES["ten classes"].logits(20)
    for values in (logits, logits.astype(np.float64), logits.astype(np.float16)):
        found = np.asarray(make(name).score(values))
        expected = scored(name, values).numpy()
        assert found.dtype == expected.dtype
        # torch and NumPy round exponentials and logarithms each their own way
        precision = "float64" if found.dtype == np.float64 else "float32"
        bands = Rounding(name, 10, precision).bands(expected) if precision == "float32" else 1e-12
        assert (np.abs(found - expected) <= bands).all()


@names
def test_scoring_changes_neither_the_logits_nor_the_score(name: str) -> None:
    logits = torch.from_numpy(CASES["ten classes"].logits(20))
    before = logits.clone()
    score = make(name, temperature=1.5)
    first, second = score.score(logits), score.score(logits)
    assert torch.equal(logits, before)
    assert torch.equal(first, second)


@names_and_cases
def test_rows_do_not_influence_each_other(name: str, case: str) -> None:
    layout = CASES[case]
    logits = layout.logits(12)
    alone = [scored(name, logits[i : i + 1], 1.5, layout.task) for i in range(len(logits))]
    together = scored(name, logits, 1.5, layout.task)
    unit = float(np.finfo(np.float32).eps)
    torch.testing.assert_close(torch.cat(alone), together, rtol=16 * unit, atol=8 * unit)


@steady
@given(logits=rows_of_float32(7), temperature=st.floats(0.125, 20.0, width=32))
@names
def test_classes_equal_the_reference_for_all_finite_logits(
    name: str, logits: Float32, temperature: float
) -> None:
    assert_close(scored(name, logits, temperature), name, logits, temperature)


@steady
@given(logits=rows_of_float32(5), temperature=st.floats(0.125, 20.0, width=32))
@names_for_all_cases
def test_labels_equal_the_reference_for_all_finite_logits(
    name: str, logits: Float32, temperature: float
) -> None:
    found = scored(name, logits, temperature, "multilabel")
    assert_close(found, name, logits, temperature, "multilabel")


@steady
@given(
    logits=rows_of_float32(3, LARGEST),
    temperature=st.sampled_from([0.5, 1.0, 2.5]),
)
@names_and_tasks
def test_no_finite_row_is_too_large_to_score(
    name: str, logits: Float32, temperature: float, task: str
) -> None:
    exact = reference.score(name, logits, temperature, task)
    # within a rounding of the largest float32 either side is right
    fits = np.abs(exact) < 0.999 * LARGEST
    # the largest float is what some runtimes make of an infinite minimum
    fits &= np.abs(logits).min(axis=1) < LARGEST
    if name == "max_logit_norm":
        # and the lowest that of a masked class, wherever it stands
        fits &= logits.min(axis=1) > -LARGEST
    found = scored(name, logits, temperature, task)[torch.from_numpy(fits)]
    assert_close(found, name, logits[fits], temperature, task)


@steady
@given(
    logits=rows_of_float32(6),
    shift=st.integers(-4096, 4096),
    temperature=st.floats(0.25, 8.0, width=32),
)
@pytest.mark.parametrize("name", ["softmax", "entropy", "margin"])
def test_a_shift_of_all_classes_changes_nothing(
    name: str, logits: Float32, shift: int, temperature: float
) -> None:
    exact = logits.astype(np.float64)
    found = scored(name, exact + shift, temperature)
    # a shift by 4096 costs the logits 12 bits of float64
    torch.testing.assert_close(found, scored(name, exact, temperature), rtol=1e-9, atol=1e-10)


@steady
@given(
    logits=rows_of_float32(6),
    shift=st.integers(-4096, 4096),
    temperature=st.floats(0.25, 8.0, width=32),
)
def test_a_shift_of_all_classes_lowers_the_energy_by_it(
    logits: Float32, shift: int, temperature: float
) -> None:
    exact = logits.astype(np.float64)
    found = scored("energy", exact + shift, temperature)
    torch.testing.assert_close(
        found, scored("energy", exact, temperature) - shift, rtol=1e-12, atol=1e-11
    )


@steady
@given(logits=rows_of_float32(6), order=st.permutations(range(6)))
@names_and_tasks
def test_the_order_of_classes_and_labels_does_not_matter(
    name: str, task: str, logits: Float32, order: list[int]
) -> None:
    exact = logits.astype(np.float64)
    found = scored(name, exact[:, order], 1.5, task)
    torch.testing.assert_close(found, scored(name, exact, 1.5, task), rtol=1e-13, atol=1e-13)


@steady
@given(logits=rows_of_float32(1), temperature=st.floats(0.25, 8.0, width=32))
@pytest.mark.parametrize("name", ["softmax", "entropy", "margin"])
def test_one_logit_is_the_pair_of_zero_and_it(
    name: str, logits: Float32, temperature: float
) -> None:
    exact = logits.astype(np.float64)
    pair = np.concatenate([np.zeros_like(exact), exact], axis=1)
    expected = scored(name, pair, temperature, "binary")
    for one in (exact, exact[:, 0]):
        found = scored(name, one, temperature, "binary")
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-13)


@steady
@given(logits=rows_of_float32(1), temperature=st.floats(0.25, 8.0, width=32))
def test_one_logit_energy_is_that_of_the_pair_of_zero_and_its_size(
    logits: Float32, temperature: float
) -> None:
    exact = logits.astype(np.float64)
    pair = np.concatenate([np.zeros_like(exact), np.abs(exact)], axis=1)
    torch.testing.assert_close(
        scored("energy", exact, temperature, "binary"),
        scored("energy", pair, temperature, "binary"),
        rtol=1e-12,
        atol=1e-13,
    )


@steady
@given(logits=rows_of_float32(2), temperature=st.floats(0.25, 8.0, width=32))
@pytest.mark.parametrize("name", ["softmax", "entropy", "margin"])
def test_two_logits_score_like_the_sigmoid_of_their_difference(
    name: str, logits: Float32, temperature: float
) -> None:
    exact = logits.astype(np.float64)
    torch.testing.assert_close(
        scored(name, exact, temperature, "binary"),
        scored(name, exact[:, 1] - exact[:, 0], temperature, "binary"),
        rtol=1e-11,
        atol=1e-13,
    )


@steady
@given(logits=rows_of_float32(2))
@names_for_all_cases
def test_two_logits_of_a_binary_task_are_two_classes(name: str, logits: Float32) -> None:
    assert torch.equal(scored(name, logits, 1.5, "binary"), scored(name, logits, 1.5))


@steady
@given(logits=rows_of_float32(1))
@pytest.mark.parametrize("name", ["softmax", "entropy", "margin"])
def test_one_label_scores_like_one_logit(name: str, logits: Float32) -> None:
    label = scored(name, logits, 1.5, "multilabel")
    assert torch.equal(label, scored(name, logits, 1.5, "binary"))


@steady
@given(logits=rows_of_float32(5), temperature=st.floats(0.125, 20.0, width=32))
@names_and_tasks
def test_a_temperature_divides_the_logits(
    name: str, task: str, logits: Float32, temperature: float
) -> None:
    exact = logits.astype(np.float64)
    factor = temperature if name == "energy" else 1.0
    found = scored(name, exact, temperature, task)
    expected = factor * scored(name, exact / temperature, 1.0, task)
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("case", ["two classes", "ten classes", "thousand classes"])
def test_a_margin_at_temperature_one_is_the_rounded_difference(case: str) -> None:
    logits = CASES[case].logits(200)
    expected = reference.score("margin", logits).astype(np.float32)
    assert not reference.ulp_distance(scored("margin", logits).numpy(), expected).any()


@names_for_all_cases
def test_ties_are_scored_like_any_row(name: str) -> None:
    logits = np.array([[2, 2, 2], [2, 2, 0], [0, 0, -1], [-3, -3, -3]], dtype=np.float32)
    for task in ("multiclass", "multilabel"):
        assert_close(scored(name, logits, 1.5, task), name, logits, 1.5, task)


def test_even_odds_have_the_scores_that_algebra_gives() -> None:
    logits = np.full((1, 8), 5.0)
    found = {name: scored(name, logits, 2.0).item() for name in reference.SCORE_NAMES}
    expected = {name: row.even for name, row in SCORE_TESTS.items()}
    assert found == pytest.approx(expected, rel=1e-15)
