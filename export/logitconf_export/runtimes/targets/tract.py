"""tract."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from logitconf.scores.bands import Sums
from logitconf_export.onnx_files.types import Array
from logitconf_export.runtimes.protocol import Answer, Gap, Job
from logitconf_export.runtimes.targets.in_process import each, imported


class Tract:
    """tract, in Rust, through its Python package."""

    name = "tract"
    gaps: tuple[Gap, ...] = ()
    kept: dict[bytes, Any] | None = None
    sums: Sums = "any order"

    def load(self) -> str:
        """Its version."""
        return str(imported("tract", "tract").version())

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        """Runs every job."""
        tract = imported("tract", "tract")

        def load(model: bytes) -> Any:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "model.onnx"
                path.write_bytes(model)
                return tract.onnx().load(str(path)).into_model().into_runnable()

        def run(runnable: Any, job: Job) -> Sequence[Array]:
            outputs = onnx.load_model_from_string(job.model).graph.output
            names = [value.name for value in outputs]
            tensors = runnable.run([np.ascontiguousarray(value) for value in job.feeds.values()])
            return [tensors[names.index(name)].to_numpy() for name in job.outputs]

        return each(jobs, load, run, (tract.TractError, ValueError), self.kept)
