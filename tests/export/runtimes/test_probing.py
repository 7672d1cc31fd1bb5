"""A tiny head tried on every runtime, each in a process of its own."""

import signal
import subprocess
import sys
from typing import Any

import numpy as np
import onnxruntime
import pytest

from logitconf_export.heads.conversion import to_onnx
from logitconf_export.runtimes import probing
from logitconf_export.runtimes.probing import (
    Probe,
    difference,
    in_process_of_its_own,
    probe,
    probe_all,
    tiny_head,
)
from logitconf_export.runtimes.protocol import RunError
from logitconf_export.runtimes.providers import PROVIDERS
from logitconf_export.runtimes.targets.table import RUNTIMES, RuntimeRequest


def test_the_tiny_head_accepts_sure_rows_alone() -> None:
    head, rows = tiny_head()
    score, mask = head(rows)[:2]
    exact = rows.astype(np.float64) / 1.5
    odds = np.exp(exact - exact.max(axis=1, keepdims=True))
    sure = odds.max(axis=1) / odds.sum(axis=1)
    np.testing.assert_allclose(-score[:-1], sure[:-1], rtol=1e-6)
    assert mask.tolist() == [*(sure[:-1] > 0.6), False]
    # rounding decides nothing
    assert np.abs(sure[:-1] - 0.6).min() > 0.05
    assert mask.any()
    assert not mask.all()


def test_what_works_is_said_with_its_version() -> None:
    version = onnxruntime.__version__
    expected = Probe("onnxruntime", "cpu", "works", version)
    assert probe("onnxruntime", "cpu") == expected
    assert in_process_of_its_own("onnxruntime", "cpu") == expected


def test_what_is_not_installed_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    made = probe("openvino")
    assert made.outcome == "missing"
    assert 'pip install "logitconf[runtimes]"' in made.detail


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (lambda *_: RunError("no kernel"), "no kernel"),
        (lambda score, mask: (score, ~mask), "it decides 6 of 6 rows differently"),
        (lambda score, mask: (score + 1e-3, mask), "its scores are 0.001 apart"),
        (lambda score, mask: (score[:2], mask[:2]), "its answer has the shapes"),
    ],
)
def test_a_runtime_that_answers_wrongly_fails(
    answer: Any, detail: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    head, rows = tiny_head()

    class Wrong:
        name, gaps, sums = "wrong", (), "pinned"

        def load(self) -> str:
            return "1.0"

        def run(self, jobs: Any) -> Any:
            return [answer(*head(rows)[:2]) for _ in jobs]

    monkeypatch.setattr(RuntimeRequest, "runtime", lambda _: Wrong())
    made = probe("onnx-reference")
    assert made.outcome == "fails"
    assert made.detail.startswith(detail)
    assert difference(head, rows, *head(rows)[:2]) == ""


def test_a_runtime_that_takes_its_process_down_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    made = in_process_of_its_own("opencv")
    assert (made.outcome, made.detail) == (
        "fails",
        "its process ended with exit code 1: it said nothing",
    )
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    assert "cannot be started" in in_process_of_its_own("opencv").detail


def test_a_crash_is_told_by_its_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ended:
        returncode, stdout, stderr = -int(signal.SIGSEGV), "", "Segmentation fault\n"

    monkeypatch.setattr(subprocess, "run", lambda *_, **__: Ended())
    assert in_process_of_its_own("tract").detail == (
        f"its process ended with signal {int(signal.SIGSEGV)}: Segmentation fault"
    )


def test_every_runtime_and_provider_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[tuple[str, str | None]] = []

    def record(runtime: str, provider: str | None = None) -> Probe:
        tried.append((runtime, provider))
        return Probe(runtime, provider, "works", "1")

    monkeypatch.setattr(probing, "in_process_of_its_own", record)
    monkeypatch.setattr(probing, "providers_here", lambda: ["CUDAExecutionProvider"])
    probes = probe_all()
    assert [each.runtime for each in probes][: len(RUNTIMES)] == list(RUNTIMES)
    assert {each.provider for each in probes} - {None} == {*PROVIDERS} - {"cuda-tf32"}
    # a provider that the build lacks is not tried, and one that it has is
    assert ("onnxruntime", "cuda") in tried
    assert ("onnxruntime", "coreml") not in tried
    missing = {each.provider: each.detail for each in probes if each.outcome == "missing"}
    assert "this onnxruntime has no CoreMLExecutionProvider" in missing["coreml"]


def test_a_provider_runs_nodes_or_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    model = to_onnx(tiny_head()[0])
    _, _, ran = probing._on_provider(model, tiny_head()[1], "cpu")
    some, _, all_ = ran.partition(" of ")
    assert int(some) == int(all_.split()[0]) > 0
    made = probe("onnxruntime", "directml")
    assert (made.outcome, "DmlExecutionProvider" in made.detail or "directml" in made.detail) == (
        "fails",
        True,
    )
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert probing.providers_here() == []
    assert probe("onnxruntime", "cuda").outcome == "missing"
