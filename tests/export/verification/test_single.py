"""Verifying real files: heads alone, hosts, and every way to ask."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from support import head_models
from support.stand_in_runtime import with_cuda

from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.errors import LogitconfError, MissingExtraError
from logitconf.head import ConfidenceHead
from logitconf_export.attachment.attaching import attach
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.runtimes import sessions
from logitconf_export.verification.verifying import verify

QUICK: dict[str, Any] = {"optimisations": ["all"], "pairs": 100}


@pytest.fixture(scope="module")
def host() -> onnx.ModelProto:
    return attach(head_models.make_host(), head_models.make_head(n_classes=5))


@pytest.mark.parametrize(("score", "task", "columns"), head_models.HEADS)
def test_every_score_and_task_passes_with_a_thousand_pairs(
    score: str, task: str, columns: int
) -> None:
    report = verify(to_onnx(head_models.make_head(score, task, columns)))
    assert report.passed, report.failures
    assert any(run.name == "1000 neighbouring pairs" for run in report.runs)
    assert report.notes == ()


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize(("score", "task", "columns"), head_models.MEMBER_HEADS)
def test_every_score_that_compares_members_passes_with_a_thousand_pairs(
    score: str, task: str, columns: int, precision: str
) -> None:
    report = verify(
        to_onnx(head_models.make_ensemble_head(score, task, columns, precision=precision)),
        optimisations=["all"],
    )
    assert report.passed, report.failures
    assert any(run.name == "1000 neighbouring pairs" for run in report.runs)
    if precision == "float64":
        assert sum(run.eager.flips_inside for run in report.runs) == 0


@pytest.mark.parametrize(
    "form",
    [
        HeadForm(5, rank=3, class_axis=2),
        HeadForm(5, rank=4, class_axis=1),
        HeadForm(None),
        HeadForm(5, mask_type="uint8"),
        HeadForm(5, mask_type="float32"),
        HeadForm(5, kind="probabilities"),
        HeadForm(5, outputs=("probabilities",)),
        HeadForm(5, runtime="onnxruntime"),
    ],
    ids=str,
)
def test_every_form_passes(form: HeadForm) -> None:
    report = verify(to_onnx(head_models.make_head(form=form)), **QUICK)
    assert report.passed, report.failures


@pytest.mark.parametrize("kind", ["probabilities", "log-probabilities"])
@pytest.mark.parametrize("score", ["softmax", "entropy", "margin"])
@pytest.mark.parametrize(
    ("task", "columns"), [("binary", 1), ("multilabel", 4), ("multiclass", 10)]
)
def test_a_head_on_probabilities_passes(task: str, columns: int, score: str, kind: str) -> None:
    form = HeadForm(columns, kind=kind)
    report = verify(to_onnx(head_models.make_head(score, task, columns, form=form)), **QUICK)
    assert report.passed, report.failures


def test_what_a_fast_form_decides_otherwise_is_said_and_fails_on_the_users_rows() -> None:
    """Logits of 1e6 over T = 0.1 become whole numbers; NumPy in double tells them apart."""
    form = HeadForm(32, runtime="onnxruntime")
    head = head_models.make_head(
        "softmax", n_classes=32, temperature=0.1, form=form, threshold=-0.7
    )
    steps = np.round(np.linspace(0.0, 1.0, 64) * 16) / 16
    rows = np.zeros((64, 32), dtype=np.float32)
    rows[:, 0] = 1e6
    rows[:, 1] = 1e6 - steps
    shifted = (rows.astype(np.float64) - 1e6) / np.float64(np.float32(0.1))
    powers = np.exp(shifted)
    accepted = -(powers.max(1) / powers.sum(1)) < -0.7
    report = verify(to_onnx(head), rows, **QUICK)
    check = next(c for c in report.checks if c.name == "your rows decide as in the checkpoint")
    with sessions.Session(to_onnx(head)) as session:
        found = session.run({"logits": rows}, ["mask"])[0]
    assert (found != accepted).any()
    assert check.passed is False
    words = f"{int((found != accepted).sum())} of 64 rows decide otherwise"
    assert words in check.detail


def test_a_head_in_double_flips_nothing_at_all() -> None:
    head = head_models.make_head(form=HeadForm(10, precision="float64"))
    report = verify(to_onnx(head), **QUICK)
    assert report.passed, report.failures
    assert sum(run.eager.flips_inside for run in report.runs) == 0
    assert max(run.eager.largest_ulps for run in report.runs) == 0


@pytest.mark.parametrize("opset", [9, 13, 18, 21])
def test_a_head_passes_at_other_opsets(opset: int) -> None:
    report = verify(to_onnx(head_models.make_head(), opset=opset), **QUICK)
    assert report.passed, report.failures


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_a_head_on_other_dtypes_passes(dtype: str) -> None:
    report = verify(to_onnx(head_models.make_head(), logits_dtype=dtype), **QUICK)
    assert report.passed, report.failures
    assert report.head["logits_dtype"] == dtype


def test_a_threshold_for_each_class_is_compared_with_its_own_class() -> None:
    limits = tuple(np.linspace(-0.9, -0.4, 10).tolist())
    report = verify(to_onnx(head_models.make_head(threshold=limits)), **QUICK)
    assert report.passed, report.failures


def test_a_file_its_bytes_and_a_model_give_the_same_report(tmp_path: Path) -> None:
    model = to_onnx(head_models.make_head())
    path = head_models.save(model, tmp_path / "head.onnx")
    reports = [verify(source, **QUICK) for source in (model, path, str(path), path.read_bytes())]
    assert all(report == reports[0] for report in reports)


def test_a_host_passes_on_its_own_inputs(host: onnx.ModelProto) -> None:
    report = verify(host, head_models.make_pixels(50), **QUICK)
    assert report.passed, report.failures
    assert [run.name for run in report.runs if run.part == "host"] == ["the feeds"]
    assert any("own outputs are the same" in check.name for check in report.checks)


def test_a_host_without_feeds_runs_on_made_up_inputs_and_says_so(host: onnx.ModelProto) -> None:
    report = verify(host, **QUICK)
    assert report.passed, report.failures
    assert any("made-up inputs" in note for note in report.notes)


def test_rows_of_a_host_may_be_logits(host: onnx.ModelProto) -> None:
    report = verify(host, np.random.default_rng(0).standard_normal((20, 5)), **QUICK)
    assert any(run.name == "your rows" and run.part == "head" for run in report.runs)


def test_a_host_whose_head_reads_another_tensor_is_caught(host: onnx.ModelProto) -> None:
    model = onnx.ModelProto()
    model.CopyFrom(host)
    for node in model.graph.node:
        if node.name.startswith("logitconf/"):
            node.input[:] = ["probabilities" if n == "logits" else n for n in node.input]
    report = verify(model, **QUICK)
    assert not report.passed
    assert any("the graph is" in failure for failure in report.failures)


def test_the_checkpoint_with_another_threshold_is_caught() -> None:
    model = to_onnx(head_models.make_head())
    other = head_models.make_head(threshold=-0.71)
    report = verify(model, head=other, **QUICK)
    assert any("the card is the checkpoint's" in failure for failure in report.failures)
    assert any("flipped outside" in failure for failure in report.failures)
    assert verify(model, head=head_models.make_head(), **QUICK).passed


def test_a_flip_of_the_users_own_row_fails_even_inside_the_band() -> None:
    """The threshold is a calibration row's own score, which rounding moves across it."""
    rows = (3 * np.random.default_rng(0).standard_normal((3000, 10))).astype(np.float32)
    scores = _scores_in_onnxruntime(rows)
    eager = _scores_in_torch(rows)
    lower = np.flatnonzero(eager < scores)
    assert len(lower) > 0
    threshold = float(scores[lower[0]])
    report = verify(to_onnx(head_models.make_head(threshold=threshold)), rows, **QUICK)
    assert any("your own rows flipped" in failure for failure in report.failures)


def _scores_in_onnxruntime(rows: Any) -> Any:
    with sessions.Session(to_onnx(head_models.make_head())) as session:
        return session.run({"logits": rows}, ["score"])[0]


def _scores_in_torch(rows: Any) -> Any:
    import torch

    return head_models.make_head()(torch.from_numpy(rows))[0].numpy()


def test_cuda_that_is_not_there_is_a_failure_with_its_reason() -> None:
    available = sessions.load_onnxruntime().get_available_providers()
    if "CUDAExecutionProvider" in available:
        pytest.skip("this onnxruntime has CUDA")
    report = verify(to_onnx(head_models.make_head()), providers=["cpu", "cuda"], **QUICK)
    assert not report.passed
    assert any("cuda was asked for, but this onnxruntime" in f for f in report.failures)
    assert {run.provider for run in report.runs} == {"cpu"}


def test_a_provider_that_is_not_there_is_said_once(host: onnx.ModelProto) -> None:
    """Not again for every optimisation level, nor for head and host."""
    missing = "coreml" if sys.platform != "darwin" else "directml"
    report = verify(host, providers=[missing], optimisations=["off", "basic", "all"], pairs=20)
    reasons = [
        check.detail for check in report.checks if f"{missing} was asked for" in check.detail
    ]
    assert len(reasons) == 1


def test_a_session_that_fell_back_to_the_cpu_is_a_failure(monkeypatch: Any) -> None:
    """A stand-in for onnxruntime that has CUDA but quietly makes a CPU session."""
    real = sessions.load_onnxruntime()

    def quiet(model: bytes, *_: Any, **__: Any) -> Any:
        return real.InferenceSession(model, providers=["CPUExecutionProvider"])

    fake = with_cuda(quiet)
    monkeypatch.setattr(sessions, "load_onnxruntime", lambda: fake)
    report = verify(to_onnx(head_models.make_head()), providers=["cuda"], **QUICK)
    assert any("cuda was asked for, but the session has" in f for f in report.failures)
    assert "no rows were compared" in report.failures


def test_without_onnxruntime_the_error_names_the_extra(monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r'pip install "logitconf\[cpu\]"'):
        verify(to_onnx(head_models.make_head()))


def _no_head() -> onnx.ModelProto:
    return head_models.make_host()


def _head() -> onnx.ModelProto:
    return to_onnx(head_models.make_head())


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        (_no_head, {}, "must have a head"),
        (_head, {"providers": "cpu"}, "sequences of names"),
        (_head, {"providers": []}, "at least one provider"),
        (_head, {"providers": ["gpu"]}, "provider must be one of"),
        (_head, {"optimisations": ["fast"]}, "optimisation must be one of"),
        (_head, {"rows_as": "images"}, "rows_as must be"),
        (_head, {"feeds": {"logits": np.zeros((1, 10))}}, "feeds are for a host"),
        (_head, {"rows": np.zeros((2, 9), dtype=np.float32)}, r"rows must be logits \(N, 10\)"),
    ],
)
def test_misuse_is_one_clear_error(
    model: Callable[[], onnx.ModelProto], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(LogitconfError, match=message):
        verify(model(), **arguments)


def test_feeds_must_name_the_hosts_inputs(host: onnx.ModelProto) -> None:
    with pytest.raises(LogitconfError, match=r"inputs \['pixels'\], got \['images'\]"):
        verify(host, feeds={"images": head_models.make_pixels(2)}, **QUICK)


def test_a_threshold_that_no_row_reaches_is_said() -> None:
    head = ConfidenceHead(ScoreCard("softmax", "multiclass", 1.0, -2.0), HeadForm(4))
    report = verify(to_onnx(head), **QUICK)
    assert any("no row lies near the threshold" in note for note in report.notes)
