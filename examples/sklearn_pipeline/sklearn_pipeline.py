"""Ship a scikit-learn pipeline whose probabilities scikit-learn itself calibrated.

Run it with: python examples/sklearn_pipeline/sklearn_pipeline.py
"""

import numpy as np
import onnxruntime
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import logitconf


def main() -> None:
    """Train, calibrate by scikit-learn, choose a threshold, convert, compare."""
    pixels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    pixels, labels = pixels[order].astype(np.float32), labels[order]
    training, calibration, test = np.split(np.arange(len(labels)), [500, 1100])

    pipeline = make_pipeline(StandardScaler(), PCA(30), LogisticRegression(C=10.0, max_iter=5000))
    pipeline.fit(pixels[training], labels[training])
    calibrated = CalibratedClassifierCV(FrozenEstimator(pipeline), method="temperature")
    calibrated.fit(pixels[calibration], labels[calibration])

    # the temperature is scikit-learn's; the threshold is chosen on the same rows
    score = logitconf.from_fitted(calibrated)
    score.calibrate(pipeline.decision_function(pixels[calibration]), labels[calibration])
    score.set_threshold(coverage=0.9)

    model = logitconf.ship_sklearn(calibrated, score, pixels[calibration])
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    outputs = [output.name for output in session.get_outputs()]
    values = dict(zip(outputs, session.run(outputs, {"inputs": pixels[test]}), strict=True))

    print(f"outputs of the model: {', '.join(outputs)}")
    # `probabilities` are those of the pipeline itself, which were too sure
    expected = calibrated.predict_proba(pixels[test])
    difference = np.abs(values["logitconf/probabilities"] - expected).max()
    print(f"calibrated probabilities as in scikit-learn: {difference < 1e-5}")
    right, mask = values["label"] == labels[test], values["mask"]
    print(f"accepted: {mask.mean():.1%} of {len(test)}")
    print(f"accuracy of all: {right.mean():.2%}")
    print(f"accuracy of accepted: {right[mask].mean():.2%}")


if __name__ == "__main__":
    main()
