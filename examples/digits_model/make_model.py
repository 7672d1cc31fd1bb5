"""Train a small network on handwritten digits and give it a head: the model of other examples.

Run it with: python examples/digits_model/make_model.py NEW_FOLDER
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

import logitconf

Array = NDArray[Any]
HOST = """<ir_version: 8, opset_import: ["": 17]>
digits (float[N, 64] pixels) => (float[N, 10] logits) {
  a = Gemm(pixels, weight0, bias0)
  b = Relu(a)
  logits = Gemm(b, weight1, bias1)
}"""


def moved(images: Array) -> Array:
    """The images (N, 64) a pixel to the left and to the right, and slanted to both sides."""
    moves = []
    for steps in ([-1] * 8, [1] * 8, [1, 1, 0, 0, 0, 0, -1, -1], [-1, -1, 0, 0, 0, 0, 1, 1]):
        padded = np.pad(images.reshape(-1, 8, 8), ((0, 0), (0, 0), (1, 1)))
        rows = [padded[:, y, 1 - step : 9 - step] for y, step in enumerate(steps)]
        moves.append(np.stack(rows, axis=1).reshape(-1, 64))
    return np.concatenate(moves)


def scribbles(count: int, rng: np.random.Generator) -> Array:
    """Random lines (N, 64) as scikit-learn's digits were made: ink of 32x32 in blocks of 4x4."""
    centres = np.stack(np.meshgrid(np.arange(32), np.arange(32)), axis=-1).reshape(-1, 1, 2) + 0.5
    images = []
    for _ in range(count):
        points = rng.uniform(size=(rng.integers(4, 9), 2))
        middle, size = (points.min(axis=0) + points.max(axis=0)) / 2, np.ptp(points, axis=0).max()
        points = (points - middle) / size * 27 + 16
        start, line = points[:-1], np.diff(points, axis=0)
        along = ((centres - start) * line).sum(axis=-1) / (line**2).sum(axis=-1)
        nearest = start + np.clip(along, 0, 1)[..., None] * line
        ink = np.linalg.norm(centres - nearest, axis=-1).min(axis=1) < 2.5
        images.append(ink.reshape(8, 4, 8, 4).mean(axis=(1, 3)).reshape(64))
    return np.array(images, np.float32)


def trained(images: Array, labels: Array) -> MLPClassifier:
    """A network that knows digits, and is taught to prefer no digit in scribbles."""
    nothing = scribbles(300, np.random.default_rng(1))
    # a scribble is shown with every label, so its ten probabilities are pulled to a tenth each
    rows = np.concatenate([images, moved(images), np.repeat(nothing, 10, axis=0)])
    classes = np.concatenate([np.tile(labels, 5), np.tile(np.arange(10), len(nothing))])
    network = MLPClassifier((96,), alpha=0.3, max_iter=200, tol=1e-3, random_state=0)
    return network.fit(rows, classes)


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

    network = trained(images[training], labels[training])
    hidden = np.maximum(images @ network.coefs_[0] + network.intercepts_[0], 0.0)
    logits = hidden @ network.coefs_[1] + network.intercepts_[1]

    score = logitconf.SoftmaxScore().fit(logits[calibration], labels[calibration])
    score.set_threshold(coverage=0.9)
    logitconf.attach(as_onnx(network), score, folder / "model.onnx")
    score.save(folder / "card.json")
    images[test].astype("<f4").tofile(folder / "pixels.f32")
    labels[test].astype(np.uint8).tofile(folder / "labels.u8")

    print(f"temperature {score.temperature:.4f}, accepted below {score.threshold:.4f}")
    print(f"the model, its card and {len(test)} digits are in {folder}")


if __name__ == "__main__":
    main()
