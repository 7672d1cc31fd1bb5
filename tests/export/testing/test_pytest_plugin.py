"""The pytest plugin: a fixture that compares, and a report of what it saw."""

import json

import pytest
from support.report_schema import check_report

pytest_plugins = ["pytester"]

ADDER = """
<ir_version: 8, opset_import: ["" : 17]>
adder (float[N] x, float[N] y) => (float[N] total, bool[N] is_less) {
    total = Add (x, y)
    is_less = Less (x, y)
}
"""


def test_the_plugin_writes_what_every_test_found(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        f"""
        import numpy as np, onnx

        MODEL = onnx.parser.parse_model({ADDER!r})
        FEEDS = {{"x": np.ones(2, np.float32), "y": np.ones(2, np.float32)}}

        def test_right(assert_parity):
            assert_parity(MODEL, lambda x, y: (x + y, x < y), feeds=FEEDS)

        def test_wrong(assert_parity):
            assert_parity(MODEL, lambda x, y: (x - y, x < y), feeds=FEEDS)
        """
    )
    plugin = ["-p", "no:logitconf", "-p", "logitconf_export.testing.pytest_plugin"]
    result = pytester.runpytest_inprocess(*plugin, "--parity-report=parity.json")
    result.assert_outcomes(passed=1, failed=1)
    found = json.loads((pytester.path / "parity.json").read_text())
    check_report(found)
    assert [test["passed"] for test in found["tests"]] == [True, False]
    assert "2 of 2 values differ" in found["tests"][1]["failure"]


def test_a_run_without_the_option_writes_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_nothing(): pass")
    plugin = ["-p", "no:logitconf", "-p", "logitconf_export.testing.pytest_plugin"]
    pytester.runpytest_inprocess(*plugin).assert_outcomes(passed=1)
    assert not list(pytester.path.glob("*.json"))
