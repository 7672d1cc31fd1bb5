"""Every runtime that the tests know, where ``tests/support/install_runtimes`` puts it."""

from pathlib import Path

from logitconf_export.runtimes.in_process import (
    OnnxReference,
    OnnxRuntime,
    OpenCv,
    OpenVino,
    OrtFormat,
    Tract,
)
from logitconf_export.runtimes.other_process import CApi, NodeRuntime, OtherPython, WebRuntime
from logitconf_export.runtimes.protocol import Runtime

_HOME = Path(__file__).resolve().parents[2] / ".runtimes"


def all_runtimes(scratch: Path) -> list[Runtime]:
    """The runtimes, whether they are installed or not; ``scratch`` takes the C program."""
    modules = _HOME / "node_modules"
    old = _HOME / "onnxruntime-1.15" / "bin" / "python"
    return [
        OnnxRuntime(),
        OrtFormat(),
        OnnxReference(),
        CApi(scratch),
        OtherPython("onnxruntime 1.15", old),
        NodeRuntime(modules),
        WebRuntime(modules),
        OpenVino(),
        Tract(),
        OpenCv(),
    ]
