"""Every head on the CUDA provider, and on the CPU beside it; needs a GPU but for the last tests."""

import copy

import numpy as np
import onnx
import pytest
import torch
from benchmarks import gpu
from onnx import numpy_helper, parser
from support import head_models

from logitconf.card.score_card import HeadForm
from logitconf.head import ConfidenceHead
from logitconf_export.attachment.attaching import attach
from logitconf_export.decisions.comparison import Decisions, compare
from logitconf_export.decisions.hard_rows import arranged, hard_rows, random_rows
from logitconf_export.decisions.reference import Reference
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.proof.tables.evaluators import evaluator_of
from logitconf_export.proof.tables.measuring import measure
from logitconf_export.proof.tables.sums.batches import measure_sums
from logitconf_export.runtimes.sessions import ProviderError, Session
from logitconf_export.verification.verifying import verify

PRECISIONS = ("float32", "float64")
SHAPES = (
    HeadForm(5, rank=2, class_axis=0),
    HeadForm(5, rank=3, class_axis=2),
    HeadForm(5, rank=3, class_axis=1),
    HeadForm(5, rank=4, class_axis=1),
    HeadForm(None),
    HeadForm(5, runtime="onnxruntime"),
    HeadForm(1000, runtime="onnxruntime"),
    HeadForm(5, runtime="cuda"),
    HeadForm(1000, runtime="cuda"),
    HeadForm(5, mask_type="uint8"),
    HeadForm(5, mask_type="float32"),
    HeadForm(5, outputs=("probabilities",)),
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
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(("score", "task", "columns"), head_models.MEMBER_HEADS)
def test_every_score_that_compares_members_decides_alike_on_cuda(
    score: str, task: str, columns: int, precision: str, cuda: str
) -> None:
    head = head_models.make_ensemble_head(score, task, columns, precision=precision)
    report = verify(to_onnx(head), providers=["cpu", cuda], pairs=200)
    assert report.passed, report.failures


@pytest.mark.cuda
@pytest.mark.parametrize("score", head_models.CLASS_SCORES)
@pytest.mark.parametrize("form", SHAPES, ids=str)
def test_every_shape_decides_alike_on_cuda(form: HeadForm, score: str, cuda: str) -> None:
    head = head_models.make_head(score, "multiclass", form.n_classes, form=form)
    report = verify(to_onnx(head), providers=["cpu", cuda], pairs=200)
    assert report.passed, report.failures


def check_against_torch(
    head: ConfidenceHead, columns: int, devices: tuple[str, ...], providers: tuple[str, ...]
) -> None:
    """Eager torch on each device against each provider, row by row, and against each other."""
    form = head.form
    width = columns * (form.members or 1)
    rows = arranged(np.concatenate([hard_rows(width), random_rows(2000, width, seed=3)]), form)
    here = Reference(head)
    threshold, ours = here.thresholds(rows), []
    for provider in providers:
        with Session(to_onnx(head), provider=provider) as session:
            ours.append((provider, Decisions.of(*session.run({"logits": rows}))))
            assert set(session.ran().values()) == {session.provider}
    for device in devices:
        there = Reference(copy.deepcopy(head).to(device)).decisions(rows)
        for name, found in [*ours, ("torch on the CPU", here.decisions(rows))]:
            # a row of -inf has the score -inf on CUDA, and no score elsewhere
            alike = name in ("cpu", "torch on the CPU")
            result = compare(
                there, found, threshold=threshold, allowed=here.allowed, same_not_finite=alike
            )
            where = f"torch on {device} against {name}"
            assert result.rows == len(threshold), where
            faults = (result.flips_outside, result.not_finite, result.beyond_rounding)
            assert faults == (0, 0, 0), where


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch has no CUDA device")
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(("score", "task", "columns"), head_models.HEADS)
def test_torch_on_both_devices_decides_as_both_providers(
    score: str, task: str, columns: int, precision: str, cuda: str
) -> None:
    head = made(score, task, columns, precision)
    check_against_torch(head, columns, ("cpu", "cuda"), ("cpu", cuda))


@pytest.mark.cuda
@pytest.mark.parametrize("score", ["softmax", "margin"])
def test_a_host_whose_products_are_rounded_to_tf32_decides_on_what_it_computes(
    score: str, cuda: str
) -> None:
    """TF32 moves the logits; the head must decide right on those that it is given."""
    check_both(made(score, "multiclass", 5, "float32"), 5, (cuda, "cuda-tf32"))


@pytest.mark.cuda
def test_values_that_stay_on_the_device_give_the_same_decisions(cuda: str) -> None:
    rows = {"logits": random_rows(500, 10, seed=4)}
    with Session(to_onnx(head_models.make_head()), provider=cuda) as session:
        plain = session.run(rows)
        for value, expected in zip(session.bound(rows)(), plain, strict=True):
            np.testing.assert_array_equal(value.numpy(), expected)


@pytest.mark.cuda
def test_the_benchmark_runs_on_the_gpu(cuda: str) -> None:
    measured = list(gpu.costs(gpu.small_host(), "softmax", cuda, seconds=0.1))
    assert [cost.way for cost in measured] == ["cuda", "cuda-tf32", "CUDA graph"]
    assert all(cost.refused == "" and cost.moved < 0.01 for cost in measured)


def test_the_checks_of_this_file_run_on_the_cpu() -> None:
    check_both(made("margin", "multiclass", 5, "float64"), 5, ("cpu",))
    check_against_torch(made("margin", "multiclass", 5, "float64"), 5, ("cpu",), ("cpu",))


def test_torch_that_decides_otherwise_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    head = made("softmax", "multiclass", 5, "float32")
    other = to_onnx(head_models.make_head(threshold=-0.9, form=HeadForm(5)))
    monkeypatch.setitem(globals(), "to_onnx", lambda _: other)
    with pytest.raises(AssertionError, match="torch on cpu against cpu"):
        check_against_torch(head, 5, ("cpu",), ("cpu",))


def test_the_benchmarks_body_runs_on_the_cpu() -> None:
    (cost,) = gpu.costs(gpu.small_host(), "entropy", "cpu", seconds=0.02)
    assert cost.way == "cpu"
    assert cost.moved < 1e-6
    assert set(cost.together) == set(cost.nodes) == set(gpu.FORMS)
    assert min(cost.nodes.values()) > 3
    assert 0.0 < cost.alone < min(cost.together.values())


def test_the_benchmark_says_that_it_measured_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main(["--provider", "coreml"]) == gpu.NOT_MEASURED
    assert "nothing was measured: coreml was asked for" in capsys.readouterr().out


@pytest.mark.cuda
def test_operations_are_measured_on_cuda(cuda: str) -> None:
    evaluator = evaluator_of("onnxruntime", cuda)
    tables = measure(evaluator, seconds=1.0, only=("Add", "TopK", "Mod"))
    assert tables.environment.provider == cuda
    assert tables.error("Add", 1.0, 2.0).most >= 0.5
    assert max(table.depth for table in measure_sums(evaluator, 100, "last")) < 99
