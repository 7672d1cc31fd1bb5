"""A stand-in for an onnxruntime that has CUDA, for machines without a GPU."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from logitconf_export.runtimes.sessions import load_onnxruntime


def with_cuda(make_session: Callable[..., Any]) -> SimpleNamespace:
    """The real onnxruntime, but for the providers that it claims and how it makes a session."""
    real = load_onnxruntime()
    return SimpleNamespace(
        __version__=real.__version__,
        SessionOptions=real.SessionOptions,
        GraphOptimizationLevel=real.GraphOptimizationLevel,
        InferenceSession=make_session,
        get_available_providers=lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"],
    )
