"""OpenVINO."""

from collections.abc import Sequence
from importlib import metadata
from typing import Any

import numpy as np

from logitconf.scores.bands import Sums
from logitconf_export.onnx_files.types import Array
from logitconf_export.runtimes.protocol import Answer, Gap, Job
from logitconf_export.runtimes.targets.in_process import each, imported


class OpenVino:
    """OpenVINO on the CPU, told to compute in float32: its own default there is bfloat16."""

    name = "openvino"
    gaps: tuple[Gap, ...] = (
        Gap("finite score", "OpenVINO 2026.4 loses NaN in maxima and where it selects"),
    )
    sums: Sums = "any order"
    threads: int | None = None
    kept: dict[bytes, Any] | None = None

    def load(self) -> str:
        """Its version."""
        imported("openvino", "openvino")
        return metadata.version("openvino")

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        """Runs every job."""
        openvino = imported("openvino", "openvino")
        core = openvino.Core()

        def load(model: bytes) -> Any:
            hints: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32"}
            if self.threads is not None:
                hints["INFERENCE_NUM_THREADS"] = self.threads
            return core.compile_model(core.read_model(model, b""), "CPU", hints)

        def run(compiled: Any, job: Job) -> Sequence[Array]:
            results = compiled(dict(job.feeds))
            return [np.array(results[name]) for name in job.outputs]

        return each(jobs, load, run, (RuntimeError, ValueError), self.kept)
