"""Every runtime that the tests know, where ``tests/support/install_runtimes`` puts it."""

from pathlib import Path

from logitconf_export.runtimes.protocol import Runtime
from logitconf_export.runtimes.targets.node import NodeRuntime
from logitconf_export.runtimes.targets.other_python import OtherPython
from logitconf_export.runtimes.targets.table import RUNTIMES, RuntimeRequest
from logitconf_export.runtimes.targets.web import WebRuntime

HOME = Path(__file__).resolve().parents[2] / ".runtimes"
MODULES = HOME / "node_modules"
"""Where npm puts packages."""


def all_runtimes() -> list[Runtime]:
    """The runtimes, whether they are installed or not."""
    elsewhere: dict[str, Runtime] = {
        "onnxruntime-node": NodeRuntime(MODULES),
        "onnxruntime-web": WebRuntime(MODULES),
    }
    old = OtherPython("onnxruntime 1.15", HOME / "onnxruntime-1.15" / "bin" / "python")
    here = [elsewhere.get(name) or RuntimeRequest(name).runtime() for name in RUNTIMES]
    return [*here, old]
