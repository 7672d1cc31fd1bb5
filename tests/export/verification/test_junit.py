"""The JUnit form of a report counts what the report says."""

from xml.etree import ElementTree

from support import faults, head_models

from logitconf_export.heads.conversion import to_onnx
from logitconf_export.verification.junit import to_junit
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
