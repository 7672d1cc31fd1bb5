"""A verification report as JUnit XML, which every CI system shows."""

from xml.etree import ElementTree

from logitconf_export.verification.report import VerificationReport


def to_junit(report: VerificationReport) -> str:
    """One test case for each check, run and placement of the report."""
    cases: list[tuple[str, list[str], bool]] = []
    for check in report.checks:
        failures = [check.detail or check.name] if check.passed is False else []
        cases.append((check.name, failures, check.passed is None))
    for run in report.runs:
        name = f"{run.part} on {run.provider}, optimisation {run.optimisation}: {run.name}"
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
        case = ElementTree.SubElement(suite, "testcase", classname="verify", name=name)
        for failure in failures:
            ElementTree.SubElement(case, "failure", message=failure)
        if skipped:
            ElementTree.SubElement(case, "skipped")
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
