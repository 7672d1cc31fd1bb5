"""OpenCV."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from logitconf.errors import MissingExtraError
from logitconf.scores.bands import Sums
from logitconf_export.onnx_files.types import Array
from logitconf_export.runtimes.protocol import Answer, Gap, Job
from logitconf_export.runtimes.targets.in_process import INSTALL, each, imported


class OpenCv:
    """OpenCV's dnn module with its new engine."""

    name = "opencv"
    gaps: tuple[Gap, ...] = (Gap("empty batch", "OpenCV 5.0 refuses inputs without elements"),)
    sums: Sums = "any order"

    def load(self) -> str:
        """Its version.

        Raises:
            MissingExtraError: without OpenCV, or with one before the new engine.
        """
        opencv = imported("cv2", "opencv-python-headless")
        if not hasattr(opencv.dnn, "ENGINE_NEW"):
            raise MissingExtraError(f"OpenCV 5 is needed, got {opencv.__version__}; {INSTALL}")
        return str(opencv.__version__)

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        """Runs every job."""
        opencv = imported("cv2", "opencv-python-headless")

        def load(model: bytes) -> Any:
            data = np.frombuffer(model, dtype=np.uint8)
            return opencv.dnn.readNetFromONNX(data, engine=opencv.dnn.ENGINE_NEW)

        def run(net: Any, job: Job) -> Sequence[Array]:
            for name, value in job.feeds.items():
                net.setInput(np.ascontiguousarray(value), name)
            return [np.array(value) for value in net.forward(list(job.outputs))]

        return each(jobs, load, run, (opencv.error, ValueError))
