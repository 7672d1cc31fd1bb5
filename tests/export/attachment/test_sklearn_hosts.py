"""Calibrations fitted by other libraries say the same through ONNX as in their own code."""

import functools
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from support import fitted_peers

from logitconf import LogitconfError, LogitScore, from_fitted
from logitconf_export import attach, ship_sklearn, verify, with_source_logits
from logitconf_export.heads.metadata import read_metadata

Array = NDArray[Any]

SAME = 1e-6
"""What the project promises."""
needs_skl2onnx = pytest.mark.skipif(
    importlib.util.find_spec("skl2onnx") is None, reason="skl2onnx is not installed"
)
LINEAR: dict[str, Callable[[], Any]] = {
    "logistic": lambda: LogisticRegression(C=0.1, max_iter=3000),
    "margins": lambda: LinearSVC(C=0.01),
    "ridge": RidgeClassifier,
}
CONVERTED: dict[str, Callable[[], Any]] = {
    **LINEAR,
    "discriminant": LinearDiscriminantAnalysis,
    "naive Bayes": GaussianNB,
}


@functools.cache
def calibrated(base: str, classes: int, method: str) -> tuple[Any, Array]:
    """A calibrated classifier, and rows that it has not seen."""
    pixels, labels = load_digits(return_X_y=True)
    kept = labels < classes
    rows = pixels[kept] / 16.0 + np.random.default_rng(0).normal(0, 0.4, pixels[kept].shape)
    rows = rows.astype(np.float32)
    half, third = len(rows) // 2, len(rows) * 2 // 3
    fitted = CONVERTED[base]().fit(rows[:half], labels[kept][:half])
    model = CalibratedClassifierCV(FrozenEstimator(fitted), method=method)
    model.fit(rows[half:third], labels[kept][half:third])
    return model, rows[third:]


def host_of(model: Any, dtype: str) -> onnx.ModelProto:
    """A linear base estimator as a Gemm; two classes have one value."""
    base = model.calibrated_classifiers_[0].estimator
    weight = np.atleast_2d(base.coef_)
    name, element = ("float", np.float32) if dtype == "float32" else ("double", np.float64)
    host = onnx.parser.parse_model(f"""<ir_version: 8, opset_import: ["": 17]>
    base ({name}[N, 64] inputs) => ({name}[N, {len(weight)}] values) {{
      values = Gemm(inputs, weight, bias)
    }}""")
    for key, array in (("weight", weight.T), ("bias", np.atleast_1d(base.intercept_))):
        host.graph.initializer.append(numpy_helper.from_array(array.astype(element), key))
    return host


def probabilities_of(shipped: onnx.ModelProto, feeds: dict[str, Array]) -> Array:
    attached = read_metadata(shipped).attached
    assert attached is not None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(shipped.SerializeToString(), options)
    found: Array = session.run([attached.probabilities], feeds)[0]
    return found


def score_for(source: Any, task: str | None = None) -> LogitScore:
    score = from_fitted(source, task=task)
    if score.threshold is None:
        score.set_threshold(value=-0.8)
    return score


def largest_difference(found: Array, expected: Array) -> float:
    expected = expected[:, 1:] if found.shape[1] == 1 and expected.shape[1] == 2 else expected
    assert found.shape == expected.shape
    return float(np.abs(found - expected).max())


@pytest.mark.parametrize("method", ["temperature", "sigmoid"])
@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("base", LINEAR)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_calibrated_linear_model_gives_predict_proba(
    base: str, classes: int, method: str, dtype: str
) -> None:
    model, rows = calibrated(base, classes, method)
    host, logits = with_source_logits(host_of(model, dtype), model, "values")
    head = score_for(model).compile(probabilities=True, precision=dtype)
    shipped = attach(host, head, logits=logits, kind="logits")
    onnx.checker.check_model(shipped, full_check=True)
    found = probabilities_of(shipped, {"inputs": rows.astype(dtype)})
    assert largest_difference(found, model.predict_proba(rows.astype(np.float64))) <= SAME


def test_a_shipped_calibration_verifies() -> None:
    model, rows = calibrated("logistic", 4, "sigmoid")
    host, logits = with_source_logits(host_of(model, "float32"), model, "values")
    shipped = attach(host, score_for(model).compile(), logits=logits, kind="logits")
    report = verify(shipped, rows, rows_as="inputs", pairs=50)
    assert report.passed, report.failures


@pytest.mark.parametrize(
    "case", [case for case in fitted_peers.cases() if not case.startswith("seapig")]
)
def test_a_recorded_scaler_says_the_same_through_onnx(case: str) -> None:
    values, expected = fitted_peers.recorded(case)
    task = "binary" if "uncertainty" in case and values.shape[1] == 1 else None
    if "binary_flat" in case:
        # netcal takes one probability, a model gives those of both classes
        values, expected = np.stack([1.0 - values, values], 1), expected.reshape(-1, 1)
        expected = np.concatenate([1.0 - expected, expected], 1)
    source = fitted_peers.stand_in(case)
    host = onnx.parser.parse_model(f"""<ir_version: 8, opset_import: ["": 17]>
    base (double[N, {values.shape[1]}] x) => (double[N, {values.shape[1]}] y) {{
      y = Identity(x)
    }}""")
    host, logits = with_source_logits(host, source, "y", task=task)
    columns = values.shape[1]
    head = score_for(source, task).compile(
        n_classes=columns, probabilities=True, precision="float64"
    )
    shipped = attach(host, head, logits=logits, kind="logits")
    found = probabilities_of(shipped, {"x": values})
    assert largest_difference(found, expected.reshape(len(values), -1)) <= SAME


SEAPIG_LAYOUTS = ("multiclass", "binary_one", "binary_two", "multilabel")
SEAPIG_SCORES = ("SoftmaxScore", "EntropyScore", "EnergyScore", "MarginScore")
SEAPIG_CASES = [
    f"seapig {release} {name} {layout}"
    for release, layouts in (
        ("0.1.0", SEAPIG_LAYOUTS),
        # it computes as 0.1.0 does; tests/peers compares every layout
        ("0.2.0", ("multiclass", "multilabel")),
        ("0.3.0", SEAPIG_LAYOUTS),
    )
    for name in SEAPIG_SCORES
    for layout in layouts
] + [
    f"seapig 0.3.0 {name} {layout}_members"
    for name in (*SEAPIG_SCORES, "MutualInformationScore", "PredictiveVarianceScore")
    for layout in SEAPIG_LAYOUTS
]
# its energy of one logit keeps the sign, ours does not; from_fitted refuses it
KEEPS_SIGN = {f"seapig 0.3.0 EnergyScore binary_one{members}" for members in ("", "_members")}


@pytest.mark.parametrize("case", [case for case in SEAPIG_CASES if case not in KEEPS_SIGN])
def test_a_recorded_seapig_score_says_the_same_through_onnx(case: str) -> None:
    values, expected = fitted_peers.recorded(case)
    score = from_fitted(fitted_peers.stand_in(case))
    dims = ", ".join(["N", *map(str, values.shape[1:])])
    host = onnx.parser.parse_model(f"""<ir_version: 8, opset_import: ["": 17]>
    base (double[{dims}] x) => (double[{dims}] y) {{ y = Identity(x) }}""")
    head = score.compile(precision="float64")
    shipped = attach(host, head, logits="y", kind="logits", class_axis=1)
    session = onnxruntime.InferenceSession(shipped.SerializeToString())
    found, mask = session.run(["score", "mask"], {"x": values})
    # the scores leave as float32
    np.testing.assert_allclose(found, expected.reshape(-1), rtol=SAME, atol=SAME)
    np.testing.assert_array_equal(mask, found < np.array(score.threshold, dtype=np.float32))


@needs_skl2onnx
@pytest.mark.parametrize("method", ["temperature", "sigmoid"])
@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("base", CONVERTED)
def test_what_skl2onnx_converts_ships_with_its_calibration(
    base: str, classes: int, method: str, tmp_path: Path
) -> None:
    model, rows = calibrated(base, classes, method)
    path = tmp_path / "shipped.onnx"
    # naive Bayes loses digits in float32 by itself
    dtype = "float64"
    shipped = ship_sklearn(model, score_for(model), rows, path, dtype=dtype)
    found = probabilities_of(shipped, {"inputs": rows.astype(dtype)})
    assert largest_difference(found, model.predict_proba(rows.astype(np.float64))) <= SAME
    assert onnx.load(path) == shipped


@needs_skl2onnx
@pytest.mark.parametrize("method", ["temperature", "sigmoid"])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("frozen", [False, True], ids=["ensemble=False", "frozen"])
@pytest.mark.parametrize(
    "base",
    [
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(StandardScaler(), make_pipeline(PCA(8), LogisticRegression())),
        make_pipeline(StandardScaler(), PCA(2), GaussianNB()),
    ],
    ids=["one step before", "a pipeline in a pipeline", "probabilities"],
)
def test_pipelines_and_classes_with_names_ship_with_their_calibration(
    base: Any, frozen: bool, classes: int, method: str
) -> None:
    pixels, labels = load_digits(return_X_y=True)
    kept = labels < classes
    rows = (pixels[kept] + np.random.default_rng(0).normal(0, 4, pixels[kept].shape)) / 16
    rows, names = rows.astype(np.float32), np.array(["three", "one", "two"])[labels[kept]]
    half = len(rows) // 2
    if frozen:
        wrapped = FrozenEstimator(clone(base).fit(rows[:half], names[:half]))
        model = CalibratedClassifierCV(wrapped, method=method)
        model.fit(rows[half:-50], names[half:-50])
    else:
        model = CalibratedClassifierCV(clone(base), method=method, ensemble=False, cv=3)
        model.fit(rows[:half], names[:half])
    exact = rows[-50:].astype(np.float64)  # naive Bayes loses digits in float32 by itself
    shipped = ship_sklearn(model, score_for(model), exact, dtype="float64")
    found = probabilities_of(shipped, {"inputs": exact})
    assert largest_difference(found, model.predict_proba(exact)) <= SAME


@needs_skl2onnx
def test_a_model_that_says_something_else_is_not_shipped() -> None:
    model, rows = calibrated("logistic", 4, "temperature")
    score = score_for(model)
    other = type(score)(2.0 * score.temperature)
    other.set_threshold(value=-0.8)
    with pytest.raises(LogitconfError, match=r"must be those of predict_proba .* but differ by"):
        ship_sklearn(model, other, rows)


@pytest.mark.parametrize(
    ("values", "message"),
    [("nothing", r"no value 'nothing'; its outputs are \['values'\]"), ("inputs", "takes 4 decis")],
)
def test_a_tensor_that_does_not_fit_is_refused(values: str, message: str) -> None:
    model, _ = calibrated("logistic", 4, "sigmoid")
    with pytest.raises(LogitconfError, match=message):
        with_source_logits(host_of(model, "float32"), model, values)


def test_rows_must_be_a_table() -> None:
    model, rows = calibrated("logistic", 4, "temperature")
    with pytest.raises(LogitconfError, match=r"rows must be \(N, F\) with N >= 1, got"):
        ship_sklearn(model, score_for(model), rows[:0])
