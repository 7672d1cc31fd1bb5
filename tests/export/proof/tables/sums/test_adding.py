"""Sums are read from results: of the rows that were given, along their axis."""

import numpy as np
import pytest

from logitconf_export.onnx_files.types import Array
from logitconf_export.proof.tables.evaluators import Evaluator, RefusedError, evaluator_of
from logitconf_export.proof.tables.sums.adding import ADDING, random_terms, signed


@pytest.mark.parametrize("runtime", ["onnxruntime", "torch", "onnx-reference"])
@pytest.mark.parametrize("name", ADDING)
def test_rows_are_added_up_along_their_axis(runtime: str, name: str) -> None:
    adding, evaluator = ADDING[name], evaluator_of(runtime)
    terms = random_terms(name, 7, 20, seed=3)
    given = adding.input(terms).astype(np.float32).astype(np.float64)
    exact = (given if signed(name) or name == "ReduceL1" else np.exp(given)).sum(axis=1)
    for axis in adding.axes:
        for rows in (1, 6, 20):
            results = adding.computed(evaluator, terms, axis, rows=rows)
            sums = results[:, 0] if adding.beyond is None else adding.beyond(results) + 1.0
            assert np.allclose(sums, exact, rtol=1e-6, atol=1e-6)


def test_rows_lie_beside_the_alignment_where_that_is_asked() -> None:
    seen: list[int] = []

    class Looking:
        name, version = "looking", "1"

        def compute(self, _operation: object, jobs: list[tuple[Array, ...]]) -> list[Array]:
            seen.extend(job[0].ctypes.data % 64 for job in jobs)
            return [job[0].sum(axis=1) for job in jobs]

    looking: Evaluator = Looking()  # type: ignore[assignment]
    for offset in (0, 1):
        ADDING["ReduceSum"].computed(looking, np.ones((4, 3)), "last", rows=2, offset=offset)
    assert seen == [0, 0, 4, 4]


def test_a_reduction_of_all_rows_into_one_number_is_refused() -> None:
    """As OpenVINO 2026.4 has it in a ReduceL1."""

    class AllAtOnce:
        name, version = "all at once", "1"

        def compute(self, _operation: object, jobs: list[tuple[Array, ...]]) -> list[Array]:
            return [np.abs(job[0]).sum(keepdims=True) for job in jobs]

    evaluator: Evaluator = AllAtOnce()  # type: ignore[assignment]
    with pytest.raises(RefusedError, match="must give 2 numbers in a ReduceL1 of 2 rows of 3"):
        ADDING["ReduceL1"].computed(evaluator, np.ones((4, 3)), "last", rows=2)
