"""Every head on the CUDA provider, and on the CPU beside it; needs a GPU but for the last test."""

import head_models
import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper, parser

from logitconf.card import HeadForm
from logitconf.head import ConfidenceHead
from logitconf_export.attachment import attach
from logitconf_export.conversion import to_onnx
from logitconf_export.eager import Reference
from logitconf_export.inputs import hard_rows, random_rows
from logitconf_export.sessions import ProviderError, Session
from logitconf_export.verification import verify

PRECISIONS = ("float32", "float64")
SHAPES = (
    HeadForm(5, rank=3, class_axis=2),
    HeadForm(5, rank=3, class_axis=1),
    HeadForm(5, rank=4, class_axis=1),
    HeadForm(None),
    HeadForm(5, runtime="onnxruntime"),
)


@pytest.fixture(scope="module")
def cuda() -> str:
    """The provider's name; without the provider the tests are skipped for its own reason."""
    try:
        with Session(to_onnx(head_models.make_head()), provider="cuda"):
            return "cuda"
    except ProviderError as error:
        pytest.skip(str(error))


def made(score: str, task: str, columns: int, precision: str) -> ConfidenceHead:
    form = HeadForm(columns, precision=precision)
    return head_models.make_head(score, task, columns, form=form)


def attached(head: ConfidenceHead, columns: int) -> onnx.ModelProto:
    host = parser.parse_model(
        f"""<ir_version: 8, opset_import: ["" : 17]>
        host (float[N, 8] pixels) => (float[N, {columns}] logits) {{
            logits = MatMul (pixels, weight)
        }}"""
    )
    weight = np.random.default_rng(0).standard_normal((8, columns)).astype(np.float32)
    host.graph.initializer.append(numpy_helper.from_array(weight, "weight"))
    return attach(host, head, logits="logits", kind="logits")


def check_both(head: ConfidenceHead, columns: int, providers: tuple[str, ...]) -> None:
    """Alone and in a host: hard rows, one row, none, and rows beside the threshold."""
    alone = verify(to_onnx(head), providers=providers, pairs=200)
    assert alone.passed, alone.failures
    pixels = head_models.make_pixels(257)
    host = verify(attached(head, columns), feeds={"pixels": pixels}, providers=providers, pairs=200)
    # the user's own rows may flip inside the band, where no gap was looked for
    outside = [run for run in host.runs if run.eager.flips_outside or run.eager.beyond_rounding]
    assert outside == []
    for report in (alone, host):
        assert {run.provider for run in report.runs} == set(providers)
        assert all(not list(record.failures()) for record in report.placements)


@pytest.mark.cuda
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(("score", "task", "columns"), head_models.HEADS)
def test_every_score_task_and_precision_decides_alike_on_cuda(
    score: str, task: str, columns: int, precision: str, cuda: str
) -> None:
    check_both(made(score, task, columns, precision), columns, ("cpu", cuda))


@pytest.mark.cuda
@pytest.mark.parametrize("form", SHAPES, ids=str)
def test_every_shape_decides_alike_on_cuda(form: HeadForm, cuda: str) -> None:
    report = verify(to_onnx(head_models.make_head(form=form)), providers=["cpu", cuda], pairs=200)
    assert report.passed, report.failures


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch has no CUDA device")
@pytest.mark.parametrize(("score", "task", "columns"), head_models.HEADS)
def test_torch_decides_alike_on_the_gpu(score: str, task: str, columns: int) -> None:
    rows = np.concatenate([hard_rows(columns), random_rows(2000, columns, seed=3)])
    here = Reference(made(score, task, columns, "float32"))
    there = Reference(made(score, task, columns, "float32").to("cuda"))
    expected, found = here.decisions(rows), there.decisions(rows)
    limit = here.thresholds(rows)
    clear = np.abs(expected.score - limit) > here.allowed(limit)
    differ = (expected.mask != found.mask) & (clear | ~np.isfinite(expected.score))
    assert np.flatnonzero(differ).tolist() == []


def test_the_checks_of_this_file_run_on_the_cpu() -> None:
    check_both(made("margin", "multiclass", 5, "float64"), 5, ("cpu",))
