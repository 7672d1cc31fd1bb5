"""The runtimes that a head can be tried on, by the names that ``verify --on`` takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from logitconf.errors import MissingExtraError, not_among

if TYPE_CHECKING:
    from logitconf_export.runtimes.protocol import Runtime

RUNTIMES: Mapping[str, str] = {
    "onnxruntime": "onnxruntime.OnnxRuntime",
    "ort-format": "ort_format.OrtFormat",
    "onnx-reference": "onnx_reference.OnnxReference",
    "openvino": "openvino.OpenVino",
    "tract": "tract.Tract",
    "opencv": "opencv.OpenCv",
    "onnxruntime-node": "node.NodeRuntime",
    "onnxruntime-web": "web.WebRuntime",
    "onnxruntime-c": "c_api.CApi",
}
"""Name, file and class of each; any other onnxruntime goes by the path of its Python."""
_SYNONYMS: Mapping[str, str] = {
    "ort": "onnxruntime",
    "onnxruntime-gpu": "onnxruntime",
    "cpu": "onnxruntime",
    "onnx": "onnx-reference",
    "ov": "openvino",
    "cv2": "opencv",
    "node": "onnxruntime-node",
    "web": "onnxruntime-web",
    "wasm": "onnxruntime-web",
    "c": "onnxruntime-c",
}


@dataclass(frozen=True, slots=True)
class RuntimeRequest:
    """A runtime that was asked for.

    Attributes:
        name: of the table, or the path of a Python that has an onnxruntime.
        version: it must have, or begin with at a dot; any if empty.
    """

    name: str
    version: str = ""

    @classmethod
    def of(cls, text: str) -> RuntimeRequest:
        """The request in ``NAME`` or ``NAME==VERSION``.

        >>> RuntimeRequest.of("openvino==2026.4")
        RuntimeRequest(name='openvino', version='2026.4')

        Raises:
            LogitconfError: for a name that is none.
        """
        name, _, version = text.partition("==")
        if name not in RUNTIMES and Path(name).name == name:
            raise not_among("runtime", name, [*RUNTIMES, "the path of a Python"], _SYNONYMS)
        return cls(name, version)

    @property
    def is_onnxruntime(self) -> bool:
        """Whether it is the one in this process, which has providers."""
        return self.name == "onnxruntime"

    def runtime(self) -> Runtime:
        """The runtime, not looked for yet."""
        if self.name not in RUNTIMES:
            from logitconf_export.runtimes.targets.other_python import OtherPython

            return OtherPython(f"onnxruntime of {self.name}", Path(self.name))
        module, kind = RUNTIMES[self.name].split(".")
        made = getattr(import_module(f"logitconf_export.runtimes.targets.{module}"), kind)()
        runtime: Runtime = made
        return runtime

    def load(self) -> tuple[Runtime, str]:
        """The runtime and its version.

        Raises:
            MissingExtraError: if it is not there, or of another version; with what to install.
        """
        runtime = self.runtime()
        version = runtime.load()
        if self.version and not f"{version}.".startswith(f"{self.version}."):
            raise MissingExtraError(
                f"{runtime.name} {self.version} was asked for, but {version} is installed; "
                f"install {self.version} in its place, or ask for {version}"
            )
        return runtime, version
