"""The evaluator that comes with onnx."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from logitconf.scores.bands import Sums
from logitconf_export.onnx_files.types import Array
from logitconf_export.runtimes.protocol import Answer, Gap, Job
from logitconf_export.runtimes.targets.in_process import each


class OnnxReference:
    """The evaluator that comes with onnx, in NumPy."""

    name = "onnx.reference"
    gaps: tuple[Gap, ...] = ()
    kept: dict[bytes, Any] | None = None
    sums: Sums = "pinned"

    def load(self) -> str:
        """Version of onnx."""
        return str(onnx.__version__)

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        """Runs every job."""
        from onnx.reference import ReferenceEvaluator

        def run(evaluator: Any, job: Job) -> Sequence[Array]:
            with np.errstate(all="ignore"):
                results = evaluator.run(list(job.outputs), dict(job.feeds))
            return [np.asarray(value) for value in results]

        errors = (RuntimeError, ValueError, TypeError, IndexError, DecodeError)
        return each(jobs, ReferenceEvaluator, run, errors, self.kept)
