"""What classifiers of ai.onnx.ml compute under every post-transform never contradicts a reading."""

import itertools

import numpy as np
import onnxruntime
import pytest
from onnx import parser
from support.hosts.text import ML, host
from support.refuted_readings import refute

from logitconf.errors import LogitconfError
from logitconf_export.hosts.reading import read_host

TRANSFORMS = ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT")
STUMP = (
    "nodes_treeids = [0, 0, 0], nodes_nodeids = [0, 1, 2], nodes_featureids = [0, 0, 0], "
    'nodes_values = [0.5, 0.0, 0.0], nodes_modes = ["BRANCH_LEQ", "LEAF", "LEAF"], '
    "nodes_truenodeids = [1, 0, 0], nodes_falsenodeids = [2, 0, 0]"
)
ROWS = np.random.default_rng(5).normal(size=(50, 4)).astype(np.float32)
LEAVES = {
    "one column of the first class, votes": ((0, 0), (0.2, 0.9), 2),
    "one column of the first class, large": ((0, 0), (2.0, 9.0), 2),
    "one column of the first class, mixed": ((0, 0), (-0.2, 0.9), 2),
    "one column of the second class": ((1, 1), (-0.2, 0.9), 2),
    "one column of the second class, positive": ((1, 1), (0.2, 0.9), 2),
    "two columns, votes": ((0, 1, 0, 1), (0.2, 0.8, 0.6, 0.4), 2),
    "two columns, margins": ((0, 1, 0, 1), (-0.2, 0.8, 0.6, 0.4), 2),
    "three columns, votes": ((0, 1, 2, 0, 1, 2), (0.2, 0.7, 0.1, 0.6, 0.3, 0.1), 3),
    "three columns, margins": ((0, 1, 2, 0, 1, 2), (-0.2, 0.7, 0.1, 0.6, 0.3, 0.1), 3),
    "three columns, some zero": ((0, 1, 2, 0, 1, 2), (0.0, 0.7, 0.1, 0.6, 0.3, 0.0), 3),
}
LINES = {
    "one row": ((1.0, 0.5, 0.0, -1.0), (0.1,), 2),
    "one row, small": ((0.1, 0.05, 0.0, 0.1), (0.5,), 2),
    "two rows, negated": ((-1.0, 0.5, 0.0, 1.0, 1.0, -0.5, 0.0, -1.0), (-0.1, 0.1), 2),
    "two rows": ((-1.0, 0.5, 0.0, 1.0, 1.0, -0.5, 0.5, -1.0), (-0.1, 0.1), 2),
    "three rows": ((1, 2, 3, 4, -1, 0.5, 0.2, 0, 1, 0, 0, 1), (0.1, 0.2, 0.3), 3),
}


def listed(values: tuple[float, ...], kind: type = float) -> str:
    return f"[{', '.join(str(kind(v)) for v in values)}]"


def tree_text(leaves: str, transform: str) -> str:
    ids, weights, classes = LEAVES[leaves]
    half = len(ids) // 2
    body = (
        f"label, z = ai.onnx.ml.TreeEnsembleClassifier<{STUMP}, "
        f"class_treeids = {listed((0,) * len(ids), int)}, "
        f"class_nodeids = {listed((1,) * half + (2,) * half, int)}, "
        f"class_ids = {listed(ids, int)}, class_weights = {listed(weights)}, "
        f"classlabels_int64s = {listed(tuple(range(classes)), int)}, "
        f'post_transform = "{transform}">(x) y = Identity(z)'
    )
    return host(body, imports=ML, outputs="float[N, K] y")


def line_text(lines: str, transform: str) -> str:
    coefficients, intercepts, classes = LINES[lines]
    body = (
        f"label, z = ai.onnx.ml.LinearClassifier<coefficients = {listed(coefficients)}, "
        f"intercepts = {listed(intercepts)}, "
        f"classlabels_ints = {listed(tuple(range(classes)), int)}, "
        f'post_transform = "{transform}">(x) y = Identity(z)'
    )
    return host(body, imports=ML, outputs="float[N, K] y")


TEXTS = {
    **{f"{t}, {n}": tree_text(n, t) for t, n in itertools.product(TRANSFORMS, LEAVES)},
    **{f"{t}, {n}": line_text(n, t) for t, n in itertools.product(TRANSFORMS, LINES)},
}


@pytest.mark.parametrize("name", TEXTS)
def test_what_a_classifier_computes_contradicts_no_certain_reading(name: str) -> None:
    model = parser.parse_model(TEXTS[name])
    reading = read_host(model)
    kept = refute(model, reading, {"x": ROWS}).candidates
    assert [c for c in kept if c.certain] == [c for c in reading.candidates if c.certain]


def test_most_classifiers_have_a_certain_reading() -> None:
    """The test above would pass on no readings at all."""
    certain = [n for n, text in TEXTS.items() if read_host(parser.parse_model(text)).chosen]
    assert len(certain) > len(TEXTS) / 3
    assert not [name for name in certain if name.startswith("PROBIT")]


@pytest.mark.parametrize("transform", ["NONE", "SOFTMAX", "SOFTMAX_ZERO"])
def test_one_margin_written_as_two_columns_is_refused(transform: str) -> None:
    """Its columns are 1 - z and z, so that a softmax of them is off by a constant."""
    reading = read_host(parser.parse_model(line_text("one row", transform)))
    assert reading.candidates == ()
    with pytest.raises(LogitconfError, match="columns 1 - z and z"):
        reading.choose()


def run(text: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """The scores that onnxruntime computes, in float64."""
    session = onnxruntime.InferenceSession(
        parser.parse_model(text).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return np.asarray(session.run(["y"], {"x": ROWS})[0], dtype=np.float64)


def boosted(transform: str, *, base: str = "", second: float = -0.7) -> str:
    """Two leaves that hold (v, -v) as CatBoost writes them: v is -0.7 or 1.2."""
    text = tree_text("two columns, margins", transform)
    text = text.replace("[-0.2, 0.8, 0.6, 0.4]", f"[0.7, {second}, -1.2, 1.2]{base}")
    return text.replace("float[N, K] y", "float[N, 2] y")


def test_a_booster_of_negated_leaves_is_one_logit_in_two_columns() -> None:
    """CatBoost's binary export: sigmoids of -z and z, which sum to 1 as no two labels do."""
    text = boosted("LOGISTIC")
    scores = run(text)
    np.testing.assert_allclose(scores.sum(axis=1), 1.0, rtol=0, atol=1e-6)
    found = read_host(parser.parse_model(text)).choose(task="binary")
    assert (found.kind, found.task, found.n_classes) == ("probabilities", "binary", 2)
    with pytest.raises(LogitconfError, match="classes that compete"):
        read_host(parser.parse_model(text)).choose(task="multilabel")


def test_a_booster_of_other_leaves_has_two_labels() -> None:
    text = boosted("LOGISTIC", second=-0.6)
    assert np.abs(run(text).sum(axis=1) - 1).max() > 0.01
    assert read_host(parser.parse_model(text)).candidates[0].task == "multilabel"


def test_two_base_values_of_two_classes_are_not_certain() -> None:
    """The standard adds them to the leaves (.7, -.7), onnxruntime writes a sum and its negative."""
    text = boosted("LOGISTIC", base=", base_values = [0.25, 0.25]")
    standard = 1 / (1 + np.exp(-np.asarray([0.7 + 0.25, -0.7 + 0.25])))
    assert np.abs(run(text) - standard).max(axis=1).min() > 0.1
    reading = read_host(parser.parse_model(text))
    assert (reading.chosen, "base values" in reading.candidates[0].reason) == (None, True)


def test_a_regressor_of_negated_leaves_is_one_logit_in_two_columns() -> None:
    text = host(
        f"y = ai.onnx.ml.TreeEnsembleRegressor<{STUMP}, n_targets = 2, "
        'post_transform = "LOGISTIC", target_treeids = [0, 0, 0, 0], '
        "target_nodeids = [1, 1, 2, 2], target_ids = [0, 1, 0, 1], "
        "target_weights = [0.5, -0.5, -3.0, 3.0]>(x)",
        imports=ML, outputs="float[N, 2] y",
    )  # fmt: skip
    np.testing.assert_allclose(run(text).sum(axis=1), 1.0, rtol=0, atol=1e-6)
    assert read_host(parser.parse_model(text)).candidates[0].task == "binary"


@pytest.mark.parametrize(
    "text", [line_text("two rows, negated", "NONE"), boosted("NONE")], ids=["linear", "boosted"]
)
def test_raw_columns_of_one_margin_are_not_certain(text: str) -> None:
    """softmax(-z, z) is sigmoid(2 z): twice too far apart for the model's own probability."""
    scores = run(text)
    np.testing.assert_allclose(scores[:, 0], -scores[:, 1], rtol=0, atol=1e-6)
    reading = read_host(parser.parse_model(text))
    assert reading.chosen is None
    assert "twice as far apart" in reading.candidates[0].reason
    with pytest.raises(LogitconfError, match="twice as far apart"):
        reading.choose(task="binary")
    assert reading.choose(logits=reading.candidates[0].tensor, task="binary").n_classes == 2
