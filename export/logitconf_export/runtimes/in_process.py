"""Runtimes that run inside this process."""

import tempfile
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module, metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx

from logitconf.errors import MissingExtraError
from logitconf_export.onnx_files.types import Array
from logitconf_export.runtimes.protocol import Answer, Gap, Job, RunError

_INSTALL = 'install it with pip install "logitconf[runtimes]"'


def _imported(module: str, package: str) -> ModuleType:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return import_module(module)
    except ImportError as error:
        raise MissingExtraError(f"{package} is not installed; {_INSTALL}") from error


def _each(
    jobs: Sequence[Job],
    load: Callable[[bytes], Any],
    run: Callable[[Any, Job], Sequence[Array]],
    errors: tuple[type[Exception], ...],
) -> list[Answer]:
    """Runs jobs one by one; a model that repeats is loaded once."""
    loaded: dict[bytes, Any] = {}
    answers: list[Answer] = []
    for job in jobs:
        try:
            if job.model not in loaded:
                loaded = {job.model: load(job.model)}
            answers.append(tuple(run(loaded[job.model], job)))
        except errors as error:
            answers.append(RunError(f"{type(error).__name__}: {error}"))
    return answers


def _each_in_session(jobs: Sequence[Job], load: Callable[[bytes], Any]) -> list[Answer]:
    """Runs jobs one by one in sessions of onnxruntime."""
    from logitconf_export.runtimes.sessions import session_errors

    return _each(
        jobs,
        load,
        lambda session, job: session.run(list(job.outputs), dict(job.feeds)),
        session_errors(),
    )


class OnnxRuntime:
    """onnxruntime in Python, on the CPU."""

    name = "onnxruntime"
    gaps: tuple[Gap, ...] = ()

    def load(self) -> str:
        """Its version."""
        return str(_imported("onnxruntime", "onnxruntime").__version__)

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        """Runs every job."""
        return _each_in_session(jobs, self._session)

    def _session(self, model: bytes) -> Any:
        return self._open(model, self._settings())

    def _settings(self) -> Any:
        settings = _imported("onnxruntime", "onnxruntime").SessionOptions()
        settings.log_severity_level = 4
        return settings

    def _open(self, model: bytes, settings: Any) -> Any:
        runtime = _imported("onnxruntime", "onnxruntime")
        return runtime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])


class OrtFormat:
    """onnxruntime with the model saved in its own format first, as on phones."""

    name = "onnxruntime .ort"
    gaps: tuple[Gap, ...] = ()

    def __init__(self) -> None:
        self._runtime = OnnxRuntime()

    def load(self) -> str:
        """Version of onnxruntime."""
        return self._runtime.load()

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        """Runs every job."""
        return _each_in_session(jobs, self._session)

    def _session(self, model: bytes) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.ort"
            settings = self._runtime._settings()
            settings.optimized_model_filepath = str(path)
            settings.add_session_config_entry("session.save_model_format", "ORT")
            self._runtime._open(model, settings)
            return self._runtime._open(path.read_bytes(), self._runtime._settings())


class OnnxReference:
    """The evaluator that comes with onnx, in NumPy."""

    name = "onnx.reference"
    gaps: tuple[Gap, ...] = ()

    def load(self) -> str:
        """Version of onnx."""
        return str(onnx.__version__)

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        """Runs every job."""
        from onnx.reference import ReferenceEvaluator

        def run(evaluator: Any, job: Job) -> Sequence[Array]:
            with np.errstate(all="ignore"):
                found = evaluator.run(list(job.outputs), dict(job.feeds))
            return [np.asarray(value) for value in found]

        errors = (RuntimeError, ValueError, TypeError, IndexError)
        return _each(jobs, ReferenceEvaluator, run, errors)


class OpenVino:
    """OpenVINO on the CPU, told to compute in float32: its own default there is bfloat16."""

    name = "openvino"
    gaps: tuple[Gap, ...] = (
        Gap("finite score", "OpenVINO 2026.4 loses NaN in maxima and where it selects"),
    )

    def load(self) -> str:
        """Its version."""
        _imported("openvino", "openvino")
        return metadata.version("openvino")

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        """Runs every job."""
        openvino = _imported("openvino", "openvino")
        core = openvino.Core()

        def load(model: bytes) -> Any:
            hints = {"INFERENCE_PRECISION_HINT": "f32"}
            return core.compile_model(core.read_model(model, b""), "CPU", hints)

        def run(compiled: Any, job: Job) -> Sequence[Array]:
            found = compiled(dict(job.feeds))
            return [np.array(found[name]) for name in job.outputs]

        return _each(jobs, load, run, (RuntimeError, ValueError))


class Tract:
    """tract, in Rust, through its Python package."""

    name = "tract"
    gaps: tuple[Gap, ...] = ()

    def load(self) -> str:
        """Its version."""
        return str(_imported("tract", "tract").version())

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        """Runs every job."""
        tract = _imported("tract", "tract")

        def load(model: bytes) -> Any:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "model.onnx"
                path.write_bytes(model)
                return tract.onnx().load(str(path)).into_model().into_runnable()

        def run(runnable: Any, job: Job) -> Sequence[Array]:
            outputs = onnx.load_model_from_string(job.model).graph.output
            names = [value.name for value in outputs]
            found = runnable.run([np.ascontiguousarray(value) for value in job.feeds.values()])
            return [found[names.index(name)].to_numpy() for name in job.outputs]

        return _each(jobs, load, run, (tract.TractError, ValueError))


class OpenCv:
    """OpenCV's dnn module with its new engine."""

    name = "opencv"
    gaps: tuple[Gap, ...] = (Gap("empty batch", "OpenCV 5.0 refuses inputs without elements"),)

    def load(self) -> str:
        """Its version.

        Raises:
            MissingExtraError: without OpenCV, or with one before the new engine.
        """
        opencv = _imported("cv2", "opencv-python-headless")
        if not hasattr(opencv.dnn, "ENGINE_NEW"):
            raise MissingExtraError(f"OpenCV 5 is needed, got {opencv.__version__}; {_INSTALL}")
        return str(opencv.__version__)

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        """Runs every job."""
        opencv = _imported("cv2", "opencv-python-headless")

        def load(model: bytes) -> Any:
            data = np.frombuffer(model, dtype=np.uint8)
            return opencv.dnn.readNetFromONNX(data, engine=opencv.dnn.ENGINE_NEW)

        def run(net: Any, job: Job) -> Sequence[Array]:
            for name, value in job.feeds.items():
                net.setInput(np.ascontiguousarray(value), name)
            return [np.array(value) for value in net.forward(list(job.outputs))]

        return _each(jobs, load, run, (opencv.error, ValueError))
