"""Hosts written as ONNX text: one for each quirk of real models, with what must be read from it."""

from dataclasses import dataclass
from typing import Literal

import onnx
from onnx import parser

Relation = Literal["softmax", "log-softmax", "sigmoid", "same", "none"]
"""How the host's output follows from the tapped tensor, up to its shape."""


@dataclass(frozen=True)
class HostCase:
    """A host and its right reading.

    Attributes:
        name: the quirk.
        text: the model as ONNX text.
        tensor, kind, task, n_classes, class_axis, certain, per_position: the first candidate; no
            candidate at all where ``tensor`` is None.
        refusal: words in the first refusal.
        relation: how the output follows from the tensor, for a check by running.
        shape: the input's shape for that run.
    """

    name: str
    text: str
    tensor: str | None
    kind: str = "logits"
    task: str | None = "multiclass"
    n_classes: int | None = 3
    class_axis: int = 1
    certain: bool = True
    per_position: bool = False
    refusal: str = ""
    relation: Relation = "softmax"
    shape: tuple[int, ...] = (5, 4)

    def model(self) -> onnx.ModelProto:
        """The parsed host."""
        return parser.parse_model(self.text)


def host(
    body: str,
    *,
    inputs: str = "float[N, 4] x",
    outputs: str = "float[N, 3] y",
    opset: int = 17,
    ir: int = 8,
    imports: str = "",
    functions: str = "",
    weights: str = "",
) -> str:
    """The text of a host whose inputs and outputs are usual ones unless given."""
    imports = imports or f'"": {opset}'
    weights = weights or LAYER
    return (
        f"<ir_version: {ir}, opset_import: [{imports}]>\n"
        f"agraph ({inputs}) => ({outputs}) <{weights}>\n{{ {body} }}\n{functions}"
    )


def sequence(body: str, *, opset: int = 17, imports: str = "", weights: str = "") -> str:
    """A host with six positions in each row."""
    return host(
        body,
        inputs="float[N, 6, 4] x",
        outputs="float[N, 6, 3] y",
        opset=opset,
        imports=imports,
        weights=weights,
    )


LAYER = (
    "float[4, 3] w = {0.5, -1.0, 2.0, 1.5, 0.25, -0.75, -2.0, 1.0, 0.5, 0.125, -0.5, 1.0}, "
    "float[3] b = {0.1, -0.2, 0.3}, "
    "float[4, 1] w1 = {0.5, -1.0, 2.0, 1.5}, "
    "float[4, 2] w2 = {0.5, -1.0, 2.0, 1.5, 0.25, -0.75, -2.0, 1.0}, "
    "int64[1] one = {1}, int64[1] last = {-1}, int64[1] zero = {0}, "
    "float unit = {1.0}"
)
LOGITS = "h = MatMul(x, w) z = Add(h, b)"
ML = '"": 17, "ai.onnx.ml": 3'
MICROSOFT = '"": 17, "com.microsoft": 1'
_THREE = "classlabels_ints = [0, 1, 2]"
_LINEAR = (
    "coefficients = [0.5, -1.0, 2.0, 1.5, 0.25, -0.75, -2.0, 1.0, 0.5, 0.125, -0.5, 1.0], "
    f"intercepts = [0.1, -0.2, 0.3], {_THREE}"
)


def linear_classifier(transform: str, tail: str = "", **changes: str) -> str:
    """A LinearClassifier with a post-transform, and what follows it."""
    return host(
        f'label, z = ai.onnx.ml.LinearClassifier<{_LINEAR}, post_transform = "{transform}">(x)'
        f" {tail or 'y = Identity(z)'}",
        imports=ML,
        **changes,  # type: ignore[arg-type]
    )


def tree_classifier(weights: str, transform: str = "NONE") -> str:
    """Two stumps over three classes whose leaves hold the weights (two trees, two leaves each)."""
    body = (
        "label, z = ai.onnx.ml.TreeEnsembleClassifier<"
        "nodes_treeids = [0, 0, 0, 1, 1, 1], nodes_nodeids = [0, 1, 2, 0, 1, 2], "
        "nodes_featureids = [0, 0, 0, 1, 0, 0], nodes_values = [0.5, 0.0, 0.0, 0.5, 0.0, 0.0], "
        'nodes_modes = ["BRANCH_LEQ", "LEAF", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF"], '
        "nodes_truenodeids = [1, 0, 0, 1, 0, 0], nodes_falsenodeids = [2, 0, 0, 2, 0, 0], "
        "class_treeids = [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1], "
        "class_nodeids = [1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2], "
        "class_ids = [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2], "
        f"class_weights = [{weights}], classlabels_int64s = [0, 1, 2], "
        f'post_transform = "{transform}">(x)'
        " y = Identity(z)"
    )
    return host(body, imports=ML)


VOTES = "0.5, 0.0, 0.0, 0.0, 0.25, 0.25, 0.125, 0.375, 0.0, 0.0, 0.0, 0.5"
MARGINS = "0.5, -0.25, 0.0, 0.0, 0.25, 0.25, 0.125, 0.375, 0.0, -1.0, 0.0, 0.5"

ACTIVATIONS = (
    HostCase("softmax, opset 17", host(f"{LOGITS} y = Softmax(z)"), "z"),
    HostCase("softmax, axis -1", host(f"{LOGITS} y = Softmax<axis = -1>(z)"), "z"),
    HostCase("softmax, opset 11 default axis", host(f"{LOGITS} y = Softmax(z)", opset=11), "z"),
    HostCase("softmax, opset 7", host(f"{LOGITS} y = Softmax(z)", opset=7, ir=4), "z"),
    HostCase(
        "softmax of opset 11 whose flattened tail has size 1",
        host(
            f"{LOGITS} u = Unsqueeze<axes = [2, 3]>(z) y = Softmax(u)",
            opset=11, outputs="float[N, 3, 1, 1] y",
        ),
        "u",
    ),
    HostCase(
        "softmax of opset 11 over positions and classes jointly",
        sequence(f"{LOGITS} y = Softmax(z)", opset=11),
        None, refusal="runs over axes 1 to 2 jointly",
    ),
    HostCase(
        "softmax of opset 11 over the last of three axes",
        sequence(f"{LOGITS} y = Softmax<axis = 2>(z)", opset=11),
        "z", class_axis=2, per_position=True, shape=(5, 6, 4),
    ),
    HostCase(
        "log-softmax",
        host(f"{LOGITS} y = LogSoftmax(z)"), "z", relation="log-softmax",
    ),
    HostCase(
        "softmax of two columns",
        host("z = MatMul(x, w2) y = Softmax(z)", outputs="float[N, 2] y"),
        "z", task="binary", n_classes=2,
    ),
    HostCase(
        "sigmoids of -z and z, the two columns of one logit",
        host(
            "z = MatMul(x, w1) n = Neg(z) t = Concat<axis = 1>(n, z) y = Sigmoid(t)",
            outputs="float[N, 2] y",
        ),
        "y", kind="probabilities", task="binary", n_classes=2, relation="same",
    ),
    HostCase(
        "softmax of one column",
        host("z = MatMul(x, w1) y = Softmax(z)", outputs="float[N, 1] y"),
        None, refusal="one column, which is always 1.0",
    ),
    HostCase(
        "softmax over the batch",
        host(f"{LOGITS} y = Softmax<axis = 0>(z)"), None, refusal="which is the batch",
    ),
    HostCase(
        "softmax over time instead of classes",
        sequence(f"{LOGITS} y = Softmax<axis = 1>(z)"),
        "z", n_classes=6, certain=False, per_position=True, shape=(5, 6, 4),
    ),
    HostCase(
        "softmax over channels, with a score for each pixel",
        host(
            "z = Conv(x, k) y = Softmax<axis = 1>(z)",
            inputs="float[N, 2, 5, 5] x", outputs="float[N, 3, 5, 5] y",
            weights="float[3, 2, 1, 1] k = {1.0, -1.0, 0.5, 2.0, -0.5, 0.25}",
        ),
        "z", per_position=True, shape=(2, 2, 5, 5),
    ),
    HostCase(
        "softmax of a softmax",
        host(f"{LOGITS} p = Softmax(z) y = Softmax(p)"), "p", certain=False,
    ),
    HostCase(
        "sigmoid of one column",
        host("z = MatMul(x, w1) y = Sigmoid(z)", outputs="float[N, 1] y"),
        "z", task="binary", n_classes=1, relation="sigmoid",
    ),
    HostCase(
        "sigmoid without a class axis",
        host("h = MatMul(x, w1) z = Squeeze(h, one) y = Sigmoid(z)", outputs="float[N] y"),
        "z", task="binary", n_classes=1, relation="sigmoid",
    ),
    HostCase(
        "sigmoid of several labels, called logits",
        host(f"{LOGITS} logits = Sigmoid(z)", outputs="float[N, 3] logits"),
        "z", task="multilabel", relation="sigmoid",
    ),
    HostCase(
        "sigmoid of three axes without a layer before it",
        host("y = Sigmoid(x)", inputs="float[N, 5, 4] x", outputs="float[N, 5, 4] y"),
        "x", task=None, n_classes=4, class_axis=2, certain=False, per_position=True,
        relation="sigmoid", shape=(2, 5, 4),
    ),
    HostCase(
        "two columns 1 - p and p of one sigmoid",
        host(
            "z = MatMul(x, w1) p = Sigmoid(z) q = Sub(unit, p) y = Concat<axis = 1>(q, p)",
            outputs="float[N, 2] y",
        ),
        "z", task="binary", n_classes=1, relation="none",
    ),
    HostCase(
        "complement of a sigmoid",
        host("z = MatMul(x, w1) p = Sigmoid(z) y = Sub(unit, p)", outputs="float[N, 1] y"),
        "z", task="binary", n_classes=1, relation="none",
    ),
)  # fmt: skip

_EXP = "m = ReduceMax<axes = [1], keepdims = 1>(z) d = Sub(z, m) e = Exp(d)"
DECOMPOSED = (
    HostCase(
        "softmax in parts",
        host(f"{LOGITS} e = Exp(z) s = ReduceSum<keepdims = 1>(e, one) y = Div(e, s)"), "z",
    ),
    HostCase(
        "softmax in parts after the maximum",
        host(f"{LOGITS} {_EXP} s = ReduceSum<keepdims = 1>(e, one) y = Div(e, s)"), "z",
    ),
    HostCase(
        "softmax in parts with a reciprocal",
        host(
            f"{LOGITS} {_EXP} s = ReduceSum<keepdims = 1>(e, one) r = Reciprocal(s) y = Mul(r, e)"
        ),
        "z",
    ),
    HostCase(
        "softmax in parts as JAX writes it, with Reshape and Expand",
        host(
            f"{LOGITS} size = Shape(z) m = ReduceMax<axes = [1], keepdims = 0>(z) "
            "low = Max(floor, m) column = Reshape(low, tall) wide = Expand(column, size) "
            "d = Sub(z, wide) e = Exp(d) s = ReduceSum<keepdims = 0>(e, one) "
            "sum = Reshape(s, tall) sums = Expand(sum, size) y = Div(e, sums)",
            weights=f"{LAYER}, int64[2] tall = {{-1, 1}}, float floor = {{-1e30}}",
        ),
        "z",
    ),
    HostCase(
        "softmax in parts after a shift that is no maximum",
        host(
            f"{LOGITS} d = Sub(z, b) e = Exp(d) s = ReduceSum<keepdims = 1>(e, one) y = Div(e, s)"
        ),
        "d",
    ),
    HostCase(
        "exponentials over a sum that does not keep its axis",
        host(
            f"{LOGITS} e = Exp(z) s = ReduceSum<keepdims = 0>(e, one) y = Div(e, s)",
            inputs="float[3, 4] x", outputs="float[3, 3] y",
        ),
        None, refusal="says nothing",
    ),
    HostCase(
        "exponentials over the sum of something else",
        host(f"{LOGITS} e = Exp(z) s = ReduceSum<keepdims = 1>(z, one) y = Div(e, s)"),
        None, refusal="says nothing",
    ),
    HostCase(
        "log-softmax by ReduceLogSumExp",
        host(f"{LOGITS} s = ReduceLogSumExp<axes = [1], keepdims = 1>(z) y = Sub(z, s)"),
        "z", relation="log-softmax",
    ),
    HostCase(
        "log-softmax in parts after the maximum",
        host(
            f"{LOGITS} {_EXP} s = ReduceSum<keepdims = 1>(e, one) l = Log(s) y = Sub(d, l)"
        ),
        "z", relation="log-softmax",
    ),
    HostCase(
        "log-softmax in parts, the maximum added back",
        host(
            f"{LOGITS} {_EXP} s = ReduceSum<keepdims = 1>(e, one) l = Log(s) "
            "t = Add(l, m) y = Sub(z, t)"
        ),
        "z", relation="log-softmax",
    ),
    HostCase(
        "softmax as the exponential of a log-softmax",
        host(f"{LOGITS} l = LogSoftmax(z) y = Exp(l)"), "z",
    ),
    HostCase(
        "log-softmax as the logarithm of a clipped softmax",
        host(
            f"{LOGITS} p = Softmax(z) c = Clip(p, tiny) y = Log(c)",
            weights=f"{LAYER}, float tiny = {{1e-12}}",
        ),
        "z", relation="log-softmax",
    ),
    HostCase(
        "sigmoid in parts",
        host(
            "z = MatMul(x, w1) n = Neg(z) e = Exp(n) s = Add(unit, e) y = Div(unit, s)",
            outputs="float[N, 1] y",
        ),
        "z", task="binary", n_classes=1, relation="sigmoid",
    ),
    HostCase(
        "sigmoid in parts with a reciprocal",
        host(
            f"{LOGITS} n = Neg(z) e = Exp(n) s = Add(e, unit) y = Reciprocal(s)",
        ),
        "z", task="multilabel", relation="sigmoid",
    ),
    HostCase(
        "sigmoids divided by their own sum",
        host(f"{LOGITS} p = Sigmoid(z) s = ReduceSum<keepdims = 1>(p, one) y = Div(p, s)"),
        "y", kind="probabilities", relation="same",
    ),
    HostCase(
        "rows divided by their own sum, of unknown sign",
        host(f"{LOGITS} s = ReduceSum<keepdims = 1>(z, one) y = Div(z, s)"),
        "y", kind="probabilities", certain=False, relation="same",
    ),
)  # fmt: skip
