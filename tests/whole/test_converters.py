"""Hosts straight from the converters that people use, against what the source library predicts."""

import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnxruntime import quantization
from sklearn.datasets import load_wine
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from support import reference

from logitconf import ConfidenceHead
from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf_export import attach, detach, read_host
from logitconf_export.onnx_files.loading import load_model
from logitconf_export.runtimes.sessions import Session

Array = NDArray[Any]
Estimator = Any

# single-precision trees and layers against double, through a logarithm
CLOSE = 2e-5
TEMPERATURE, THRESHOLD = 1.5, -0.7

MODELS: dict[str, Callable[[], Estimator]] = {
    "logistic": lambda: LogisticRegression(max_iter=200),
    "network": lambda: MLPClassifier((16,), max_iter=60, random_state=0),
    "forest": lambda: RandomForestClassifier(10, random_state=0),
    "extra trees": lambda: ExtraTreesClassifier(10, max_depth=3, random_state=0),
    "boosting": lambda: GradientBoostingClassifier(n_estimators=5, random_state=0),
    "bayes": GaussianNB,
    "pipeline": lambda: make_pipeline(StandardScaler(), LogisticRegression(C=0.1)),
}


@cache
def wine() -> tuple[Array, Array]:
    rows, labels = load_wine(return_X_y=True)
    return ((rows - rows.mean(axis=0)) / rows.std(axis=0)).astype(np.float32), labels


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Converters and old training code warn of their own dependencies."""
    logging.disable(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


def check(
    model: onnx.ModelProto, expected: Array, *, rows: Array, task: str = "multiclass"
) -> None:
    """The attached score is that of the expected probabilities (N, K), and the host unchanged."""
    place = read_host(model).choose(task=task)
    card = ScoreCard("softmax", task, TEMPERATURE, THRESHOLD)
    attached = attach(model, ConfidenceHead(card, HeadForm(n_classes=place.n_classes)))
    assert detach(attached) == model
    own = [value.name for value in model.graph.output]
    with Session(attached, threads=1, profile=False) as session:
        name = next(iter(session.inputs))
        *after, score, mask = session.run({name: rows}, [*own, "score", "mask"])
    with Session(model, threads=1, profile=False) as session:
        before = session.run({name: rows}, own)
    for left, right in zip(after, before, strict=True):
        assert np.array_equal(left, right) if isinstance(left, np.ndarray) else left == right
    with np.errstate(divide="ignore"):
        wanted = reference.score("softmax", np.log(expected), TEMPERATURE, "multiclass")
    np.testing.assert_allclose(score, wanted, rtol=CLOSE, atol=CLOSE)
    clear = np.abs(wanted - THRESHOLD) > CLOSE
    np.testing.assert_array_equal(mask[clear], (wanted < THRESHOLD)[clear])
    assert np.ptp(wanted) > 0.05


@pytest.mark.parametrize("zipmap", [True, False], ids=["zipmap", "tensor"])
@pytest.mark.parametrize("name", MODELS)
def test_scikit_learn_through_skl2onnx(name: str, zipmap: bool) -> None:
    skl2onnx = pytest.importorskip("skl2onnx")
    rows, labels = wine()
    fitted = MODELS[name]().fit(rows, labels)
    last = fitted[-1] if name == "pipeline" else fitted
    model = skl2onnx.to_onnx(
        fitted,
        rows[:1],
        target_opset={"": 17, "ai.onnx.ml": 3},
        options={id(last): {"zipmap": zipmap}},
    )
    check(model, fitted.predict_proba(rows.astype(np.float64)), rows=rows)


@pytest.mark.parametrize("name", ["logistic", "network", "boosting"])
def test_two_classes_through_skl2onnx(name: str) -> None:
    skl2onnx = pytest.importorskip("skl2onnx")
    rows, labels = wine()
    fitted = MODELS[name]().fit(rows, labels > 0)
    model = skl2onnx.to_onnx(
        fitted, rows[:1], target_opset={"": 17, "ai.onnx.ml": 3}, options={"zipmap": False}
    )
    check(model, fitted.predict_proba(rows.astype(np.float64)), rows=rows, task="binary")


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_boosted_trees_through_onnxmltools(library: str, classes: int) -> None:
    module = pytest.importorskip(library)
    onnxmltools = pytest.importorskip("onnxmltools")
    from onnxmltools.convert.common.data_types import FloatTensorType

    rows, labels = wine()
    wanted = labels if classes == 3 else (labels > 0).astype(int)
    if library == "lightgbm":
        fitted = module.LGBMClassifier(n_estimators=8, verbose=-1, n_jobs=1)
        convert = onnxmltools.convert_lightgbm
    else:
        fitted = module.XGBClassifier(n_estimators=8, n_jobs=1)
        convert = onnxmltools.convert_xgboost
    fitted.fit(rows, wanted)
    inputs = [("x", FloatTensorType([None, rows.shape[1]]))]
    model = convert(fitted, initial_types=inputs, target_opset=15)
    task = "multiclass" if classes == 3 else "binary"
    expected = fitted.predict_proba(rows).astype(np.float64)
    check(model, expected, rows=rows, task=task)


class Network(torch.nn.Module):
    def __init__(self, *, softmax: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(13, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3)
        )
        self.softmax = softmax

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = 4.0 * self.layers(x)
        return torch.softmax(logits, dim=1) if self.softmax else logits


@pytest.mark.parametrize("softmax", [True, False], ids=["softmax", "logits"])
@pytest.mark.parametrize("dynamo", [True, False], ids=["dynamo", "legacy"])
def test_torch_through_its_exporters(dynamo: bool, softmax: bool) -> None:
    rows, _ = wine()
    network = Network(softmax=softmax).eval()
    model = exported(network, torch.from_numpy(rows[:4]), dynamo=dynamo)
    with torch.no_grad():
        out = network.double()(torch.from_numpy(rows).double())
    expected = (out if softmax else torch.softmax(out, dim=1)).numpy()
    check(model, expected, rows=rows)


def exported(network: torch.nn.Module, rows: torch.Tensor, *, dynamo: bool) -> onnx.ModelProto:
    options: dict[str, Any] = {"input_names": ["x"], "output_names": ["y"]}
    if dynamo:
        pytest.importorskip("onnxscript")
        free = ({0: "batch"},)
        program = torch.onnx.export(
            network, (rows,), dynamo=True, verbose=False, dynamic_shapes=free, **options
        )
        assert program is not None
        parsed = onnx.ModelProto()
        parsed.ParseFromString(program.model_proto.SerializeToString())
        return parsed
    options |= {"dynamic_axes": {"x": {0: "N"}, "y": {0: "N"}}, "opset_version": 17}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "host.onnx"
        torch.onnx.export(network, (rows,), path, dynamo=False, **options)
        return load_model(path)


@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
def test_int8_hosts_of_scikit_learn(form: str, tmp_path: Path) -> None:
    skl2onnx = pytest.importorskip("skl2onnx")
    rows, labels = wine()
    fitted = MODELS["network"]().fit(rows, labels)
    model = skl2onnx.to_onnx(fitted, rows[:1], target_opset=17, options={"zipmap": False})
    source, target = tmp_path / "float.onnx", tmp_path / "int8.onnx"
    source.write_bytes(model.SerializeToString())

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        left = iter([{model.graph.input[0].name: rows}])

        def get_next(self) -> dict[str, Array] | None:
            return next(self.left, None)

    quantization.quantize_static(
        source, target, Reader(), quant_format=quantization.QuantFormat[form],
        op_types_to_quantize=["MatMul", "Gemm", "Relu"],
    )  # fmt: skip
    quantized = onnx.load(target)
    assert any(
        "Quant" in node.op_type or "QLinear" in node.op_type for node in quantized.graph.node
    )
    with Session(quantized, threads=1, profile=False) as session:
        probabilities = session.run({model.graph.input[0].name: rows}, ["probabilities"])[0]
    assert not np.allclose(probabilities, fitted.predict_proba(rows), atol=1e-5)
    check(quantized, probabilities.astype(np.float64), rows=rows)
