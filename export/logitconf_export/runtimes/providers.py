"""onnxruntime's execution providers by the short names that users type; loads nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from logitconf.errors import not_among

if TYPE_CHECKING:
    from logitconf.scores.bands import Sums

PROVIDERS: Mapping[str, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "cuda-tf32": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
}
"""Short names of onnxruntime's execution providers; ``cuda-tf32`` is CUDA as it is by default."""
_SYNONYMS: Mapping[str, str] = {
    # of two short names of one provider, the first
    **{name: short for short, name in reversed([*PROVIDERS.items()])},
    "gpu": "cuda",
    "nvidia": "cuda",
    "tf32": "cuda-tf32",
    "trt": "tensorrt",
    "ov": "openvino",
    "dml": "directml",
    "apple": "coreml",
}


def provider_name(short: str) -> str:
    """The name of a provider in onnxruntime.

    Raises:
        LogitconfError: for a name that is none.
    """
    if short not in PROVIDERS:
        raise not_among("provider", short, PROVIDERS, _SYNONYMS)
    return PROVIDERS[short]


def sums_on(short: str) -> Sums:
    """How a provider adds up the classes of a row: tables pin the CPU's sums alone."""
    return "pinned" if provider_name(short) == PROVIDERS["cpu"] else "any order"
