"""Quantise a model with a head, see what it decides otherwise, and retune its head.

Run it with: python examples/int8/int8.py MODEL_FOLDER
"""

import logging
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnxruntime import quantization

import logitconf


class Batches(quantization.CalibrationDataReader):  # type: ignore[misc]
    """Hands the calibration rows to onnxruntime, all at once."""

    def __init__(self, pixels: NDArray[np.float32]) -> None:
        self._left = iter([{"pixels": pixels}])

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """The next batch, None after the last."""
        return next(self._left, None)


def quantised(
    model: onnx.ModelProto, pixels: NDArray[np.float32], weights: quantization.QuantType
) -> onnx.ModelProto:
    """The model with few bits for weights, eight for activations; the head stays in float32."""
    logging.getLogger().setLevel(logging.ERROR)  # onnxruntime asks for more preparation
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        onnx.save(model, source)
        quantization.quantize_static(
            source,
            target,
            Batches(pixels),
            weight_type=weights,
            activation_type=quantization.QuantType.QUInt8,
            nodes_to_exclude=list(logitconf.head_nodes(model)),
        )
        return onnx.load(target)


def logits_of(model: onnx.ModelProto, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """The logits that the model computes."""
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (logits,) = session.run(["logits"], {"pixels": pixels})
    return np.asarray(logits)


def report(name: str, drift: logitconf.DriftReport) -> None:
    """What differs from the model in float32."""
    risk = drift.variant.risk
    print(
        f"{name}: accepts {drift.variant.coverage.value:.1%}, "
        f"of which {risk.value if risk else 0.0:.2%} wrong, "
        f"decides {drift.flips.count} of {drift.rows} otherwise"
    )


def main() -> None:
    """Quantise on one half of the rows, compare on the other."""
    folder = Path(sys.argv[1])
    pixels = np.fromfile(folder / "pixels.f32", dtype="<f4").reshape(-1, 64)
    labels = np.fromfile(folder / "labels.u8", dtype=np.uint8).astype(np.int64)
    first, second = slice(0, 250), slice(250, None)
    exact = onnx.load(folder / "model.onnx")

    rows = {"pixels": pixels[second]}
    report("float32", logitconf.drift(exact, exact, rows, labels[second]))
    for name, weights in (
        ("int8", quantization.QuantType.QInt8),
        ("int4", quantization.QuantType.QInt4),
    ):
        # quantisation rewrites what lies around the head; reattach puts the head back as it was
        variant = logitconf.reattach(quantised(exact, pixels[first], weights))
        report(name, logitconf.drift(exact, variant, rows, labels[second]))

    score = logitconf.SoftmaxScore().fit(logits_of(variant, pixels[first]), labels[first])
    score.set_threshold(coverage=0.9)
    tuned = logitconf.retune(variant, temperature=score.temperature, threshold=score.threshold)
    report("int4, retuned", logitconf.drift(exact, tuned, rows, labels[second]))


if __name__ == "__main__":
    main()
