"""Train a small network on handwritten digits and give it a head: the model of other examples.

Run it with: python examples/digits_model/make_model.py NEW_FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

import logitconf

HOST = """<ir_version: 8, opset_import: ["": 17]>
digits (float[N, 64] pixels) => (float[N, 10] logits) {
  a = Gemm(pixels, weight0, bias0)
  b = Relu(a)
  logits = Gemm(b, weight1, bias1)
}"""


def shifted(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """The images (N, 64) a pixel to the left and to the right: whoever draws does not centre."""
    squares = images.reshape(-1, 8, 8)
    left, right = np.zeros_like(squares), np.zeros_like(squares)
    left[:, :, :-1], right[:, :, 1:] = squares[:, :, 1:], squares[:, :, :-1]
    return np.concatenate([left, right]).reshape(-1, 64)


def as_onnx(network: MLPClassifier) -> onnx.ModelProto:
    """The trained network, written down as a graph."""
    model = onnx.parser.parse_model(HOST)
    for layer, (weight, bias) in enumerate(zip(network.coefs_, network.intercepts_, strict=True)):
        for name, array in ((f"weight{layer}", weight), (f"bias{layer}", bias)):
            model.graph.initializer.append(numpy_helper.from_array(array.astype(np.float32), name))
    return model


def main() -> None:
    """Train, fit, attach, and keep the test rows as plain bytes that any language reads."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: make_model.py NEW_FOLDER")
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True)

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    images, labels = (images[order] / 16.0).astype(np.float32), labels[order]
    training, calibration, test = np.split(np.arange(len(labels)), [800, 1300])

    network = MLPClassifier((64,), alpha=0.1, max_iter=200, tol=1e-3, random_state=0)
    network.fit(
        np.concatenate([images[training], shifted(images[training])]),
        np.tile(labels[training], 3),
    )
    hidden = np.maximum(images @ network.coefs_[0] + network.intercepts_[0], 0.0)
    logits = hidden @ network.coefs_[1] + network.intercepts_[1]

    score = logitconf.SoftmaxScore().fit(logits[calibration], labels[calibration])
    score.set_threshold(coverage=0.9)
    logitconf.attach(as_onnx(network), score, folder / "model.onnx")
    images[test].astype("<f4").tofile(folder / "pixels.f32")
    labels[test].astype(np.uint8).tofile(folder / "labels.u8")

    print(f"temperature {score.temperature:.4f}, accepted below {score.threshold:.4f}")
    print(f"model.onnx, pixels.f32 and labels.u8 of {len(test)} digits are in {folder}")


if __name__ == "__main__":
    main()
