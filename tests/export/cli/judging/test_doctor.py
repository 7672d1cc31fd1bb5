"""The command that says what works here."""

import json
from dataclasses import replace

import pytest
from support.command_line import call

from logitconf_export.cli.judging.doctor import diagnosis_result
from logitconf_export.runtimes.probing import Probe
from logitconf_export.testing import diagnosis as module
from logitconf_export.testing.diagnosis import Diagnosis, Extra

HERE = Diagnosis(
    "",
    {"numpy": "2.0"},
    (Extra("cpu", ()), Extra("plot", ("jinja2",))),
    (
        Probe("onnxruntime", "cpu", "works", "1.31"),
        Probe("tract", None, "fails", "its process ended with signal 11"),
        Probe("openvino", None, "missing", "install it"),
    ),
    (),
    "no driver",
)


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that was looked at before."""
    monkeypatch.setattr(module, "diagnose", lambda: HERE)


def test_what_works_what_fails_and_what_is_not_here_stand_apart(
    capsys: pytest.CaptureFixture[str],
) -> None:
    outcome = call(capsys, "doctor")
    assert (outcome.code, outcome.err) == (0, "")
    verdict, rest = outcome.out.split("\n", 1)
    assert verdict == "WORKS: heads run by onnxruntime on cpu"
    tried, absent = rest.split("Not here")
    assert "onnxruntime on cpu" in tried
    assert "signal 11" in tried
    assert "openvino" in absent
    assert 'missing jinja2; pip install "logitconf[plot]"' in absent
    assert 'pip install "logitconf[torch]"' in absent
    assert "numpy" not in outcome.out
    assert "numpy" in call(capsys, "doctor -v").out
    assert call(capsys, "doctor -q").out == f"{verdict}\n"


def test_a_program_gets_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    values = json.loads(call(capsys, "doctor --json -").out)
    assert values["report"] == "diagnosis"
    assert values["works"] is True
    assert values["packages"] == {"numpy": "2.0"}
    assert [each["outcome"] for each in values["runtimes"]] == ["works", "fails", "missing"]
    assert values["extras"][1]["missing"] == ["jinja2"]


def test_the_exit_code_is_one_where_the_base_does_not_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "diagnose", lambda: replace(HERE, fault="no opset"))
    outcome = call(capsys, "doctor")
    assert outcome.code == 1
    assert outcome.out.startswith("FAILED: logitconf does not work here: no opset")


def test_colours_mean_what_the_verdict_says() -> None:
    partly = replace(HERE, probes=(replace(HERE.probes[0], outcome="missing"),))
    assert [diagnosis_result(each).style for each in (HERE, partly)] == ["good", "caution"]
    assert diagnosis_result(replace(HERE, fault="x")).style == "bad"
