"""Reject what is none of the digits that the classifier knows, by a threshold chosen for that.

Run it with: python examples/out_of_distribution/out_of_distribution.py
"""

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import numpy_helper
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import logitconf

# the classifier is trained on the digits 0 to 7; 8 and 9 come from elsewhere
KNOWN = 8
HOST = """<ir_version: 8, opset_import: ["": 17]>
classifier (float[N, 64] pixels) => (float[N, 8] logits) { logits = Gemm(pixels, weight, bias) }"""


def as_onnx(classifier: LogisticRegression) -> onnx.ModelProto:
    """The classifier as a graph."""
    model = onnx.parser.parse_model(HOST)
    for name, array in (("weight", classifier.coef_.T), ("bias", classifier.intercept_)):
        model.graph.initializer.append(numpy_helper.from_array(array.astype(np.float32), name))
    return model


def accepted(model: onnx.ModelProto, pixels: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The mask of the model."""
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (mask,) = session.run(["mask"], {"pixels": pixels})
    return np.asarray(mask)


def main() -> None:
    """Fit on known digits, choose thresholds against others, look at digits not used so far."""
    pixels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    pixels, labels = (pixels[order] / 16.0).astype(np.float32), labels[order]
    known, others = np.flatnonzero(labels < KNOWN), np.flatnonzero(labels >= KNOWN)
    training, validation, test = np.split(known, [500, 1000])
    some, rest = np.split(others, [len(others) // 2])

    classifier = LogisticRegression(max_iter=2000).fit(pixels[training], labels[training])
    logits = classifier.decision_function(pixels).astype(np.float32)
    host = as_onnx(classifier)

    print("share accepted of                  known digits   others")
    for make in (logitconf.SoftmaxScore, logitconf.EnergyScore, logitconf.MaxLogitScore):
        score = make().fit(logits[validation], labels[validation])
        for name, policy in (
            ("90% of the known", {"coverage": 0.9}),
            ("5% of the others", {"fpr": 0.05, "ood_logits": logits[some]}),
        ):
            score.set_threshold(**policy)
            model = logitconf.attach(host, score)
            shares = [accepted(model, pixels[rows]).mean() for rows in (test, rest)]
            print(f"{score.name:9} set for {name:18} {shares[0]:9.1%} {shares[1]:11.1%}")


if __name__ == "__main__":
    main()
