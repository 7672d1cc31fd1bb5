"""onnxruntime in Python, on the CPU."""

from collections.abc import Sequence
from typing import Any

from logitconf.scores.bands import Sums
from logitconf_export.runtimes.protocol import Answer, Gap, Job
from logitconf_export.runtimes.targets.in_process import each_in_session, imported


class OnnxRuntime:
    """onnxruntime in Python, on the CPU."""

    name = "onnxruntime"
    gaps: tuple[Gap, ...] = ()
    sums: Sums = "pinned"
    threads: int | None = None
    kept: dict[bytes, Any] | None = None

    def load(self) -> str:
        """Its version."""
        return str(imported("onnxruntime", "onnxruntime").__version__)

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        """Runs every job."""
        return each_in_session(jobs, self._session, self.kept)

    def _session(self, model: bytes) -> Any:
        return self.open(model, self.settings())

    def settings(self) -> Any:
        """Options that keep it silent."""
        settings = imported("onnxruntime", "onnxruntime").SessionOptions()
        settings.log_severity_level = 4
        if self.threads is not None:
            settings.intra_op_num_threads = self.threads
        return settings

    def open(self, model: bytes, settings: Any) -> Any:
        """A session on a model."""
        runtime = imported("onnxruntime", "onnxruntime")
        return runtime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])
