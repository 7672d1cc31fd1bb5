"""A verification report as JUnit XML, which every CI system shows."""

import re
from xml.etree import ElementTree

from logitconf_export.verification.report import VerificationReport

# XML 1.0, production 2: every other character may stand
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_junit(report: VerificationReport) -> str:
    """One test case for each check, run and placement of the report."""
    cases: list[tuple[str, list[str], bool]] = []
    for check in report.checks:
        failures = [check.detail or check.name] if check.passed is False else []
        cases.append((check.name, failures, check.passed is None))
    for run in report.runs:
        where = f"{run.provider}, optimisation {run.optimisation}" if run.provider else run.runtime
        name = f"{run.part} on {where}: {run.name}"
        cases.append((name, list(run.failures()), False))
    for record in report.placements:
        name = f"{record.part} runs on {record.provider}, optimisation {record.optimisation}"
        cases.append((name, list(record.failures()), False))
    if not report.rows:
        cases.append(("rows were compared", ["no rows were compared"], False))
    suite = ElementTree.Element(
        "testsuite",
        name="logitconf",
        tests=str(len(cases)),
        failures=str(sum(bool(failures) for _, failures, _ in cases)),
        skipped=str(sum(skipped for _, _, skipped in cases)),
    )
    for name, failures, skipped in cases:
        case = ElementTree.SubElement(suite, "testcase", classname="verify", name=_valid(name))
        for failure in failures:
            ElementTree.SubElement(case, "failure", message=_valid(failure))
        if skipped:
            ElementTree.SubElement(case, "skipped")
    ElementTree.indent(suite)
    # as text it would declare the encoding of this machine's locale
    content: bytes = ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)
    return content.decode() + "\n"


def _valid(text: str) -> str:
    """The text with what XML 1.0 cannot hold, such as escapes in names, spelled out."""
    return _NOT_XML.sub(lambda character: character[0].encode("unicode_escape").decode(), text)
