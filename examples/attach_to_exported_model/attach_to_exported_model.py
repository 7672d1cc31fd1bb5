"""Give an ONNX model that you already have the outputs score and mask, and check its decisions.

Run it with: python examples/attach_to_exported_model/attach_to_exported_model.py [NEW_FOLDER]
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import logitconf

# Stands for a model that someone else exported: it ends in a softmax, and its output lies about it.
HOST = """<ir_version: 8, opset_import: ["": 17]>
classifier (float[N, 64] pixels) => (float[N, 10] logits) {
  z = Gemm(pixels, weight, bias)
  logits = Softmax<axis = 1>(z)
}"""


def exported_model(pixels: np.ndarray, labels: np.ndarray) -> onnx.ModelProto:
    """A trained classifier in ONNX."""
    classifier = LogisticRegression(max_iter=5000, C=10.0).fit(pixels, labels)
    model = onnx.parser.parse_model(HOST)
    for name, array in (("weight", classifier.coef_.T), ("bias", classifier.intercept_)):
        model.graph.initializer.append(numpy_helper.from_array(array.astype(np.float32), name))
    return model


def new_folder() -> Path:
    """The folder that was named, which must be new, or one of its own: no file is in the way."""
    if len(sys.argv) == 1:
        return Path(tempfile.mkdtemp(prefix="logitconf-"))
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True)
    return folder


def main() -> None:
    """Fit on the probabilities' logs, attach before the softmax, verify, run."""
    folder = new_folder()
    host, shipped = folder / "host.onnx", folder / "shipped.onnx"
    pixels, labels = load_digits(return_X_y=True)
    pixels = pixels.astype(np.float32)
    order = np.random.default_rng(0).permutation(len(labels))
    pixels, labels = pixels[order], labels[order]
    training, validation, test = np.split(np.arange(len(labels)), [500, 1100])
    onnx.save(exported_model(pixels[training], labels[training]), host)

    session = onnxruntime.InferenceSession(host, providers=["CPUExecutionProvider"])
    (probabilities,) = session.run(None, {"pixels": pixels[validation]})
    # A probability has lost the logits' common offset; softmax, entropy and margin don't need it.
    score = logitconf.SoftmaxScore().fit(np.log(probabilities), labels[validation])
    score.set_threshold(coverage=0.9)

    logitconf.attach(host, score, shipped)
    report = logitconf.verify(shipped, pixels[test], rows_as="inputs")
    print(f"verified: {report.passed}, {report.rows} rows compared")

    session = onnxruntime.InferenceSession(shipped, providers=["CPUExecutionProvider"])
    probabilities, mask = session.run(["logits", "mask"], {"pixels": pixels[test]})
    right = probabilities.argmax(axis=1) == labels[test]
    print(f"accepted: {mask.mean():.1%} of {len(test)}")
    print(f"accuracy of all: {right.mean():.2%}")
    print(f"accuracy of accepted: {right[mask].mean():.2%}")
    print(f"host.onnx and shipped.onnx are in {folder}")


if __name__ == "__main__":
    main()
