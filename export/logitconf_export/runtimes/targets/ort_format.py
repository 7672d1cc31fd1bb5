"""onnxruntime with a model in its own format, as on phones."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from logitconf.scores.bands import Sums
from logitconf_export.runtimes.protocol import Answer, Gap, Job
from logitconf_export.runtimes.targets.in_process import each_in_session
from logitconf_export.runtimes.targets.onnxruntime import OnnxRuntime


class OrtFormat:
    """onnxruntime with the model saved in its own format first, as on phones."""

    name = "onnxruntime .ort"
    gaps: tuple[Gap, ...] = ()
    sums: Sums = "pinned"

    def __init__(self) -> None:
        self._runtime = OnnxRuntime()

    def load(self) -> str:
        """Version of onnxruntime."""
        return self._runtime.load()

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        """Runs every job."""
        return each_in_session(jobs, self._session)

    def _session(self, model: bytes) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.ort"
            settings = self._runtime.settings()
            settings.optimized_model_filepath = str(path)
            settings.add_session_config_entry("session.save_model_format", "ORT")
            self._runtime.open(model, settings)
            return self._runtime.open(path.read_bytes(), self._runtime.settings())
