"""What is installed and works, and what it comes to."""

import re
import shutil
import subprocess
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from logitconf_export.runtimes.probing import Probe, tiny_head
from logitconf_export.testing import diagnosis as module
from logitconf_export.testing.diagnosis import Diagnosis, Extra, diagnose, extras

CPU = Probe("onnxruntime", "cpu", "works", "1.31")
NO_CUDA = Probe("onnxruntime", "cuda", "missing", "no CUDA; pip install it")
WELL = Diagnosis("", {"numpy": "2"}, (), (CPU, NO_CUDA), (), "no driver")
PROJECT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({}, "WORKS: heads run by onnxruntime on cpu; no GPU is used: no driver"),
        (
            {"gpus": ("H100",), "no_gpu": ""},
            "WORKS: heads run by onnxruntime on cpu; no GPU is used: no CUDA; pip install it",
        ),
        (
            {"probes": (CPU, replace(NO_CUDA, outcome="works"), Probe("tract", None, "works", ""))},
            "WORKS: heads run by onnxruntime on cpu, cuda and on 1 other runtime",
        ),
        (
            {"probes": (replace(CPU, outcome="missing", detail="install it"), NO_CUDA)},
            "PARTLY: scores are fitted and heads attached, but no model can be run by onnxruntime: "
            "install it",
        ),
        ({"fault": "no opset"}, "FAILED: logitconf does not work here: no opset"),
    ],
)
def test_the_verdict_says_what_works(changed: dict[str, object], verdict: str) -> None:
    made = replace(WELL, **changed)  # type: ignore[arg-type]
    assert made.verdict == verdict
    assert made.works == (not made.fault)


def test_the_extras_are_those_of_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    tomllib = pytest.importorskip("tomllib")  # of Python 3.11
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"]
    # as a wheel says it
    lines = [
        f'{line}; extra == "{name}"' if ";" not in line else line
        for name, needed in optional.items()
        for line in needed
    ]
    monkeypatch.setattr(metadata, "requires", lambda _: lines)
    for name, packages in extras():
        needed = [line for line in optional[name] if not line.startswith("logitconf")]
        wanted = [re.sub(r"\[.*\]", "", line) for line in needed]
        assert [f"{package}>={oldest}" for package, oldest in packages] == wanted
    assert {name for name, _ in extras()} == {*optional} - {"docs", "test"}


def test_what_is_missing_or_too_old_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ['numpy>=999; extra == "cpu"', 'no-such-thing>=1; extra == "plot"', 'onnx>=1; x == "y"']
    monkeypatch.setattr(metadata, "requires", lambda _: lines)
    monkeypatch.setattr(module, "probe_all", lambda: (CPU,))
    made = diagnose()
    numpy = metadata.version("numpy")
    assert made.extras == (
        Extra("cpu", (f"numpy {numpy}, which is older than 999",)),
        Extra("plot", ("no-such-thing",)),
    )
    assert made.extras[1].install == 'pip install "logitconf[plot]"'
    assert made.packages["numpy"] == numpy
    assert made.works


def test_it_is_no_fault_not_to_be_installed_as_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_: str) -> list[str]:
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(metadata, "requires", absent)
    assert extras() == []


def test_a_head_that_decides_wrongly_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    assert module._fault() == ""
    head, rows = tiny_head()
    monkeypatch.setattr(module, "tiny_head", lambda: (head, rows[::-1]))
    assert module._fault().startswith("NumPy decides wrongly")


@pytest.mark.parametrize(
    ("out", "names", "reason"),
    [
        ("GPU 0: NVIDIA H100 80GB (UUID: GPU-1)\nGPU 1: T4 (UUID: x)\n", 2, ""),
        ("No devices were found\n", 0, "nvidia-smi names none: No devices were found"),
    ],
)
def test_the_driver_names_the_gpus(
    out: str, names: int, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: "nvidia-smi")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=out))
    found, why = module._gpus()
    assert (len(found), why) == (names, reason)
    if names:
        assert found[0] == "NVIDIA H100 80GB"
