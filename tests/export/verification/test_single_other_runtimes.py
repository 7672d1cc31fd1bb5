"""A file's head on other runtimes: it passes where it decides alike, and fails where not."""

import sys
from collections.abc import Callable, Sequence

import numpy as np
import onnx
import onnxruntime
import pytest
from support import head_models
from support.report_schema import check_report

from logitconf.errors import LogitconfError
from logitconf_export.attachment.attaching import attach
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.onnx_files.types import Array
from logitconf_export.runtimes.protocol import Answer, Gap, Job, RunError
from logitconf_export.runtimes.targets.onnxruntime import OnnxRuntime
from logitconf_export.runtimes.targets.table import RuntimeRequest
from logitconf_export.verification.verifying import verify


@pytest.fixture(scope="module")
def model() -> onnx.ModelProto:
    return to_onnx(head_models.make_head("softmax"))


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts onnxruntime with its answers changed in place of tract."""

    def put(change: Callable[[Array, Array], tuple[Array, Array]], *gaps: Gap) -> None:
        class Changed:
            name = "changed"

            def __init__(self) -> None:
                self.gaps, self.sums = gaps, "pinned"
                self._runtime = OnnxRuntime()

            def load(self) -> str:
                return "1.0"

            def run(self, jobs: Sequence[Job]) -> list[Answer]:
                return [
                    answer if isinstance(answer, RunError) else change(*answer)
                    for answer in self._runtime.run(jobs)
                ]

        monkeypatch.setattr(RuntimeRequest, "runtime", lambda _: Changed())

    return put


def test_each_runtime_has_its_rows_in_the_report(model: onnx.ModelProto) -> None:
    version = onnxruntime.__version__
    runtimes = ["onnxruntime", "onnx-reference", f"{sys.executable}=={version}"]
    report = verify(model, runtimes=runtimes, optimisations=["all"], pairs=50)
    assert report.passed, report.failures
    check_report(report.to_dict())
    shown = {row[1] for row in report.table()}
    assert shown == {
        "cpu",
        f"onnx.reference {onnx.__version__}",
        f"onnxruntime of {sys.executable} {version}",
    }


def test_another_runtime_alone_runs_the_head_of_a_host_and_says_that_the_host_did_not_run() -> None:
    host = attach(head_models.make_host(), head_models.make_head(n_classes=5))
    report = verify(host, runtimes=["onnx-reference"], pairs=50)
    assert report.passed, report.failures
    assert {run.part for run in report.runs} == {"head"}
    assert any("the host was not run" in note for note in report.notes)


@pytest.mark.parametrize(
    ("change", "failure"),
    [
        (lambda score, mask: (score, mask | np.isnan(score)), "not what their own score"),
        (lambda score, mask: (score, ~mask), "masks flipped outside"),
        (lambda score, mask: (score + np.float32(1e-3), mask), "more than rounding explains"),
        (lambda score, mask: (np.nan_to_num(score), mask), "are not finite where they should be"),
        (lambda score, mask: (score[:-1], mask[:-1]), "runs must have the same rows"),
        (lambda score, mask: (score, mask.astype(np.float32) * 255), "0 and 1 alone"),
    ],
)
def test_a_runtime_that_decides_otherwise_fails(
    change: Callable[[Array, Array], tuple[Array, Array]],
    failure: str,
    model: onnx.ModelProto,
    stand_in: Callable[..., None],
) -> None:
    stand_in(change)
    report = verify(model, runtimes=["tract"], pairs=50)
    assert not report.passed
    assert any(failure in line for line in report.failures)


def test_any_score_that_is_not_finite_will_do_and_a_declared_gap_if_it_is_rejected(
    model: onnx.ModelProto, stand_in: Callable[..., None]
) -> None:
    stand_in(lambda score, mask: (np.where(np.isnan(score), np.float32(-np.inf), score), mask))
    assert verify(model, runtimes=["tract"], pairs=50).passed
    gap = Gap("finite score", "NaN is lost")
    stand_in(lambda score, mask: (np.nan_to_num(score, nan=-1.0), mask), gap)
    assert verify(model, runtimes=["tract"], pairs=50).passed
    stand_in(lambda score, mask: (np.nan_to_num(score, nan=-1.0), mask | np.isnan(score)), gap)
    assert not verify(model, runtimes=["tract"], pairs=50).passed


def test_an_empty_batch_may_be_refused_where_that_is_declared(
    model: onnx.ModelProto, stand_in: Callable[..., None]
) -> None:
    def refuse(score: Array, mask: Array) -> tuple[Array, Array]:
        return (score, mask) if len(score) else (score.astype(np.float64), mask)

    stand_in(refuse)
    assert not verify(model, runtimes=["tract"], pairs=50).passed
    stand_in(refuse, Gap("empty batch", "it refuses inputs without elements"))
    report = verify(model, runtimes=["tract"], pairs=50)
    assert report.passed, report.failures
    assert any(check.passed is None and "no rows" in check.name for check in report.checks)


@pytest.mark.parametrize(
    ("runtime", "words"),
    [
        ("/no/such/python", "needs an environment at /no/such/python"),
        ("onnx-reference==0.1", "0.1 was asked for"),
        ("onnxruntime==0.1", "0.1 was asked for"),
    ],
)
def test_a_runtime_that_is_missing_or_of_another_version_fails(
    runtime: str, words: str, model: onnx.ModelProto
) -> None:
    report = verify(model, runtimes=[runtime], optimisations=["all"], pairs=50)
    assert not report.passed
    assert any(words in failure for failure in report.failures)


@pytest.mark.parametrize("runtimes", ["onnxruntime", [], ["tvm"]])
def test_runtimes_that_are_none_are_refused(
    runtimes: Sequence[str], model: onnx.ModelProto
) -> None:
    with pytest.raises(LogitconfError, match="runtime"):
        verify(model, runtimes=runtimes)
