"""Every head on every runtime that is installed here accepts the rows that eager torch accepts."""

import functools
from collections.abc import Sequence
from operator import attrgetter

import numpy as np
import onnx
import pytest
from support import installed_runtimes
from support import runtime_matrix as matrix
from support.factors_out import FactorsOut, factors_out
from support.runtime_matrix import Case, RuntimeRecord

from logitconf.errors import LogitconfError, MissingExtraError
from logitconf.scores.bands import Sums
from logitconf_export.runtimes.protocol import Answer, Gap, Job, RunError, as_mask
from logitconf_export.runtimes.targets.onnxruntime import OnnxRuntime

RUNTIMES = {runtime.name: runtime for runtime in installed_runtimes.all_runtimes()}


@functools.cache
def _cases() -> list[Case]:
    return matrix.cases()


@functools.cache
def _record(name: str) -> RuntimeRecord | str:
    try:
        return matrix.try_runtime(RUNTIMES[name], _cases())
    except MissingExtraError as error:
        return str(error)


@pytest.fixture(params=RUNTIMES)
def record(request: pytest.FixtureRequest) -> RuntimeRecord:
    found = _record(request.param)
    if isinstance(found, str):
        pytest.skip(found)
    return found


def test_a_runtime_accepts_no_row_that_torch_rejects(record: RuntimeRecord) -> None:
    assert record.flips.wrongly_accepted == 0


def test_a_runtime_rejects_no_row_that_torch_accepts(record: RuntimeRecord) -> None:
    assert record.flips.wrongly_rejected == 0


def test_a_runtime_computes_scores_within_the_rounding_band(record: RuntimeRecord) -> None:
    assert record.beyond_rounding == 0


def test_a_runtime_gives_the_labels_confidences_and_probabilities_of_torch(
    record: RuntimeRecord,
) -> None:
    assert record.wrong == 0
    assert record.labels > 100_000


def test_a_runtime_runs_every_head(record: RuntimeRecord) -> None:
    assert record.refusals == []
    assert record.heads == len(_cases()) >= 22
    assert record.rows > 3000


def test_the_gaps_that_show_are_the_gaps_declared(record: RuntimeRecord) -> None:
    assert record.gaps == {gap.kind for gap in RUNTIMES[record.name].gaps}


def test_a_factor_that_a_runtime_takes_out_of_a_sum_decides_nothing() -> None:
    """tract 0.23 does so; what keeps finite rows from overflowing must not be a factor."""
    record = matrix.try_runtime(FactorsOut(), _cases())
    assert (record.flips.wrongly_accepted, record.flips.wrongly_rejected) == (0, 0)
    assert (record.wrong, record.gaps, record.refusals) == (0, set(), [])


def test_a_factor_is_taken_out_of_a_sum() -> None:
    model = onnx.parser.parse_model("""
        <ir_version: 8, opset_import: ["" : 17]>
        g (float[N, C] x) => (float[N] y)
            <float small = {7.888609e-31}, int64[1] axes = {1}> {
            m = Mul(x, small)
            y = ReduceSum <keepdims = 0> (m, axes)
        }
    """)
    rows = np.full((1, 2), np.finfo(np.float32).max)
    job = Job(model.SerializeToString(), {"x": rows}, ("y",))
    assert factors_out(model) == 1
    for runtime, overflows in ((OnnxRuntime(), False), (FactorsOut(), True)):
        (answer,) = runtime.run([job])
        assert not isinstance(answer, RunError)
        assert np.isinf(answer[0]) == overflows


class Tampered:
    """onnxruntime with its answers changed, to show that the matrix can fail."""

    name = "tampered"
    gaps: tuple[Gap, ...] = ()
    sums: Sums = "pinned"

    def __init__(self, fault: str) -> None:
        self._fault = fault
        self._runtime = OnnxRuntime()

    def load(self) -> str:
        return self._runtime.load()

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        return [self._changed(answer) for answer in self._runtime.run(jobs)]

    def _changed(self, answer: Answer) -> Answer:
        assert not isinstance(answer, RunError)
        score, mask, label, sure, shares = answer
        off, rest = np.float32(1e-3), (label, sure, shares)
        changed: dict[str, Answer] = {
            "accepts NaN": (score, mask | np.isnan(score), *rest),
            "rejects all": (score, np.zeros_like(mask), *rest),
            "scores off by 1e-3": (score + off, mask, *rest),
            "another label": (score, mask, label * 0, sure, shares),
            "a confidence off by 1e-3": (score, mask, label, sure + off, shares),
            "a probability off by 1e-3": (score, mask, label, sure, shares + off),
            "refuses rows": RunError("no") if len(score) else answer,
            "drops a row": (score[:-1], mask[:-1], *rest),
        }
        return changed[self._fault]


@pytest.mark.parametrize(
    ("fault", "field"),
    [
        ("accepts NaN", "flips.wrongly_accepted"),
        ("rejects all", "flips.wrongly_rejected"),
        ("scores off by 1e-3", "beyond_rounding"),
        ("another label", "wrong"),
        ("a confidence off by 1e-3", "wrong"),
        ("a probability off by 1e-3", "wrong"),
        ("refuses rows", "refusals"),
        ("drops a row", "refusals"),
    ],
)
def test_a_tampered_runtime_does_not_pass(fault: str, field: str) -> None:
    assert attrgetter(field)(matrix.try_runtime(Tampered(fault), _cases()[:4]))


def test_the_table_has_a_line_for_each_runtime() -> None:
    record = RuntimeRecord("some runtime", "1.2", heads=3, rows=7, gaps={"empty batch"})
    assert (
        "| some runtime | 1.2 | 3 | 7 | 0 | 0 | 0 | 0 ulp | 0 | 0 | empty batch |"
        in matrix.markdown([record])
    )


def test_a_mask_of_numbers_must_hold_0_and_1_alone() -> None:
    assert as_mask(np.array([0.0, 1.0])).tolist() == [False, True]
    with pytest.raises(LogitconfError, match="0 and 1 alone"):
        as_mask(np.array([0.0, 255.0]))
