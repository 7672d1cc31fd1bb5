"""The JUnit form of a report counts what the report says."""

from dataclasses import replace
from xml.etree import ElementTree

from support import faults, head_models

from logitconf_export.heads.conversion import to_onnx
from logitconf_export.verification.junit import to_junit
from logitconf_export.verification.report import Check
from logitconf_export.verification.verifying import verify


def test_a_passing_report_has_no_failures() -> None:
    report = verify(to_onnx(head_models.make_head()), optimisations=["all"], pairs=20)
    suite = ElementTree.fromstring(to_junit(report))
    assert suite.get("failures") == "0"
    assert len(suite) == len(report.checks) + len(report.runs) + len(report.placements)


def test_a_failing_report_names_its_failures() -> None:
    model = to_onnx(head_models.make_head())
    faults.GRAPH_FAULTS["NaN accepted"](model)
    report = verify(model, optimisations=["all"], pairs=20)
    suite = ElementTree.fromstring(to_junit(report))
    messages = [failure.get("message", "") for failure in suite.iter("failure")]
    assert int(suite.get("failures", "0")) >= 2
    assert any("masks flipped outside" in message for message in messages)


def test_names_that_xml_cannot_hold_are_spelled() -> None:
    """Every character that a name can have, and half of a pair, as broken file names have."""
    every = "".join(map(chr, [*range(0x300), 0xD800, 0xFFFE, 0xFFFF, 0x1F600])) + '<&"]]>'
    report = verify(to_onnx(head_models.make_head()), optimisations=["all"], pairs=20)
    failing = replace(report, checks=(Check(every, False, every),))
    case = ElementTree.fromstring(to_junit(failing).encode())[0]
    name = case.get("name", "")
    assert "\\x1b" in name
    assert "\\ud800" in name
    assert name.endswith('\U0001f600<&"]]>')
    assert case[0].get("message") == name


def test_the_encoding_declared_is_that_of_the_bytes() -> None:
    report = verify(to_onnx(head_models.make_head()), optimisations=["all"], pairs=20)
    assert to_junit(report).startswith("<?xml version='1.0' encoding='utf-8'?>")
