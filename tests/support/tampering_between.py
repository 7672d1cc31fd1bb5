"""Tampering between host and head: the head judges something else than the user sees."""

from pathlib import Path

import onnx
from onnx import helper, parser
from support import tampering
from support.tampering import Build, Tampering

from logitconf.card.score_card import HeadForm
from logitconf_export import attach

JUDGED = "the head reads what its output shows"
GRAPH = "the graph is the card's"


def _reads(text: str, *, score: str = "softmax", told: bool = True) -> Build:
    """The head reads ``seen``, which the text makes from ``logits``; the metadata say so or not."""

    def build(_: Path) -> onnx.ModelProto:
        model = tampering.hosted(score)
        tampering.insert(model, tampering.body(text))
        tampering.read_instead(model, "logits", "seen")
        if told:
            tampering.say_attached(model, tensor="seen")
        return model

    return build


def _under_the_heads_name(_: Path) -> onnx.ModelProto:
    model = tampering.hosted()
    tampering.insert(model, tampering.body("<float c = {100}> { seen = Mul (logits, c) }"))
    node = tampering.made_by(model, "seen")
    node.name = "logitconf/scaled"
    tampering.read_instead(model, "logits", "seen")
    node.input[0] = "logits"
    return model


def _local_function(_: Path) -> onnx.ModelProto:
    model = _reads("{ seen = local.Pass (logits) }")(_)
    assert isinstance(model, onnx.ModelProto)
    whole = parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17, "local": 1]> g (float[N] x) => (float[N] y) '
        '{ y = local.Pass (x) } <domain: "local", opset_import: ["": 17]> Pass (x) => (y) '
        "{ c = Constant <value = float {100}> () y = Mul (x, c) }"
    )
    model.functions.extend(whole.functions)
    model.opset_import.append(helper.make_opsetid("local", 1))
    return model


def _probabilities_called_logits(_: Path) -> onnx.ModelProto:
    model = tampering.hosted()
    tampering.read_instead(model, "logits", "probabilities")
    tampering.say_attached(model, tensor="probabilities")
    return model


def _log_probabilities_called_logits(_: Path) -> onnx.ModelProto:
    """Energy of log-probabilities is not that of the logits."""
    model = tampering.hosted("energy", threshold=-4.0)
    tampering.insert(model, tampering.body("{ seen = LogSoftmax <axis = 1> (logits) }"))
    tampering.read_instead(model, "logits", "seen")
    tampering.say_attached(model, tensor="seen")
    return model


def _another_layer(_: Path) -> onnx.ModelProto:
    model = tampering.hosted()
    model.graph.initializer.extend(tampering.weights("weight_2", "bias_2"))
    graph = tampering.body("{ seen = Gemm (pixels, weight_2, bias_2) }")
    tampering.insert(model, graph)
    tampering.read_instead(model, "logits", "seen")
    tampering.say_attached(model, tensor="seen")
    return model


def _another_layer_that_is_an_output(folder: Path) -> onnx.ModelProto:
    """Even shown: the metadata say that it judges the probabilities."""
    model = _another_layer(folder)
    model.graph.output.add().CopyFrom(
        helper.make_tensor_value_info("seen", onnx.TensorProto.FLOAT, ["N", 5])
    )
    return model


def _hidden_and_said(folder: Path) -> onnx.ModelProto:
    """The metadata say that it judges a value that no user sees."""
    model = _another_layer(folder)
    tampering.say_attached(model, output="seen")
    return model


def _swapped(words: tuple[str, ...]) -> Build:
    """Two heads, with some of what is said of them exchanged."""

    def build(_: Path) -> onnx.ModelProto:
        model = attach(tampering.two_outputs(), tampering.head(), several="each")
        values = tampering.about(model)
        left, right = (entry["attached"] for entry in values["heads"])
        for word in words:
            left[word], right[word] = right[word], left[word]
        tampering.say(model, values)
        return model

    return build


def _names_exchanged(_: Path) -> onnx.ModelProto:
    """In graph and metadata: the user reads mask_first, and it judges the second output."""
    model = attach(tampering.two_outputs(), tampering.head(), several="each")
    for word in ("score", "mask"):
        tampering.rename(model, f"{word}_first", "kept")
        tampering.rename(model, f"{word}_second", f"{word}_first")
        tampering.rename(model, "kept", f"{word}_second")
    values = tampering.about(model)
    left, right = (entry["attached"] for entry in values["heads"])
    for word in ("score", "mask"):
        left[word], right[word] = right[word], left[word]
    tampering.say(model, values)
    return model


def _joint_reads_one_twice(_: Path) -> onnx.ModelProto:
    model = attach(tampering.two_outputs(), tampering.head(), several="joint")
    for node in model.graph.node:
        if node.name.startswith("logitconf/2/"):
            node.input[:] = ["z1" if name == "z2" else name for name in node.input]
    values = tampering.about(model)
    values["heads"][1]["attached"]["tensor"] = "z1"
    tampering.say(model, values)
    return model


def _time_called_classes(_: Path) -> onnx.ModelProto:
    """A square tensor, judged along the axis that its softmax does not run over."""
    host = parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]> host (float[N, 5, 5] z) => '
        "(float[N, 5, 5] probabilities) { probabilities = Softmax <axis = 2> (z) }"
    )
    model = attach(host, tampering.head(form=HeadForm(5, rank=3, class_axis=2)), logits="z")
    tampering.made_by(model, "probabilities").attribute[0].i = 1
    return model


def _labels_called_classes(_: Path) -> onnx.ModelProto:
    """A head of classes that compete on labels that do not."""
    model = tampering.hosted()
    node = tampering.made_by(model, "probabilities")
    node.op_type = "Sigmoid"
    del node.attribute[:]
    return model


def _scaled_on(body: str, *, outputs: str = "float[N, 5] y", task: str = "multiclass") -> Build:
    """The head alone reads 100 times the value ``z``, on a host of another kind."""

    def build(_: Path) -> onnx.ModelProto:
        host = parser.parse_model(
            '<ir_version: 8, opset_import: ["" : 17]> host (float[N, 8] pixels) => '
            f"({outputs}) {{ z = Gemm (pixels, weight, bias) {body} }}"
        )
        host.graph.initializer.extend(tampering.weights("weight", "bias"))
        model = attach(host, tampering.head(task=task), logits="z", kind="logits")
        text = "<float c = {100}> { seen = Mul (z, c) }"
        tampering.insert(model, tampering.body(text, "float[N, 5] z"))
        tampering.read_instead(model, "z", "seen")
        tampering.say_attached(model, tensor="seen")
        return model

    return build


KINDS_OF_HOSTS = {
    "bare logits": _scaled_on("y = Identity (z)"),
    "log-probabilities": _scaled_on("y = LogSoftmax <axis = 1> (z)"),
    "labels": _scaled_on("y = Sigmoid (z)", task="multilabel"),
    "a softmax in parts": _scaled_on(
        "m = ReduceMax <axes = [1], keepdims = 1> (z) d = Sub (z, m) e = Exp (d) "
        "axis = Constant <value_ints = [1]> () s = ReduceSum <keepdims = 1> (e, axis) "
        "y = Div (e, s)"
    ),
    "labels alone": _scaled_on("y = ArgMax <axis = 1, keepdims = 0> (z)", outputs="int64[N] y"),
    "a branch before its softmax": _scaled_on(
        "yes = Constant <value = bool {1}> () s = If (yes) <then_branch = t () => (float[N, 5] a) "
        "{ a = Identity (z) }, else_branch = e () => (float[N, 5] b) { b = Neg (z) }> "
        "y = Softmax <axis = 1> (s)"
    ),
    "an output that cannot be read": _scaled_on("y = Tanh (z)"),
}
"""Some of them leave open what they show; that the head reads something else they do not."""

BETWEEN: dict[str, Tampering] = {
    "logits times 100, told": Tampering(
        _reads("<float c = {100}> { seen = Mul (logits, c) }"), JUDGED
    ),
    "logits times 100, not told": Tampering(
        _reads("<float c = {100}> { seen = Mul (logits, c) }", told=False), GRAPH
    ),
    "logits times 100 under the head's name": Tampering(_under_the_heads_name, GRAPH),
    "logits times 100 in a function": Tampering(_local_function, JUDGED),
    "another layer": Tampering(_another_layer, JUDGED),
    "another layer, shown": Tampering(_another_layer_that_is_an_output, JUDGED),
    "a hidden layer said to be judged": Tampering(_hidden_and_said, JUDGED),
    "a constant": Tampering(
        _reads(
            "<float[1, 5] c = {30, 0, 0, 0, 0}, float[1] zero = {0}> "
            "{ nothing = Mul (logits, zero) seen = Add (nothing, c) }"
        ),
        JUDGED,
    ),
    "rows rolled by one": Tampering(
        _reads(
            "<int64[1] zero = {0}, int64[1] one = {1}, int64[1] end = {100000}> "
            "{ head = Slice (logits, zero, one, zero) tail = Slice (logits, one, end, zero) "
            "seen = Concat <axis = 0> (tail, head) }"
        ),
        JUDGED,
    ),
    "rows reversed": Tampering(
        _reads(
            "<int64[1] start = {-1}, int64[1] end = {-100000}, int64[1] axis = {0}, "
            "int64[1] step = {-1}> { seen = Slice (logits, start, end, axis, step) }"
        ),
        JUDGED,
    ),
    "classes rolled by one": Tampering(
        _reads("<int64[5] order = {1, 2, 3, 4, 0}> { seen = Gather <axis = 1> (logits, order) }"),
        JUDGED,
    ),
    "classes sorted": Tampering(
        _reads("<int64[1] k = {5}> { seen, order = TopK (logits, k) }"), JUDGED
    ),
    "a trigger on rare inputs": Tampering(
        _reads(
            "<float limit = {900}, float[1, 5] sure = {30, 0, 0, 0, 0}> "
            "{ top = ReduceMax <axes = [1], keepdims = 1> (pixels) rare = Less (limit, top) "
            "seen = Where (rare, sure, logits) }"
        ),
        JUDGED,
    ),
    "a switch on batch size": Tampering(
        _reads(
            "<int64[1] one = {1}, float[1, 5] sure = {30, 0, 0, 0, 0}> "
            "{ shape = Shape <end = 1> (logits) single = Equal (shape, one) "
            "seen = Where (single, sure, logits) }"
        ),
        JUDGED,
    ),
    "Dropout in training mode": Tampering(
        _reads("<float r = {0.5}, bool training = {1}> { seen = Dropout (logits, r, training) }"),
        JUDGED,
    ),
    "noise": Tampering(
        _reads("{ noise = RandomNormalLike (logits) seen = Add (logits, noise) }"), JUDGED
    ),
    "an Identity chain with a perturbation": Tampering(
        _reads(
            "<float[1, 5] c = {0.01, 0, 0, 0, 0}> { a = Identity (logits) b = Add (a, c) "
            "seen = Identity (b) }"
        ),
        JUDGED,
    ),
    "Cast down and up": Tampering(
        _reads("{ half = Cast <to = 10> (logits) seen = Cast <to = 1> (half) }"), JUDGED
    ),
    "rounded": Tampering(_reads("{ seen = Round (logits) }"), JUDGED),
    "clipped": Tampering(
        _reads("<float a = {-2}, float b = {2}> { seen = Clip (logits, a, b) }"), JUDGED
    ),
    "quantised and back": Tampering(
        _reads(
            "<float s = {0.5}, int8 z = {0}> { q = QuantizeLinear (logits, s, z) "
            "seen = DequantizeLinear (q, s, z) }"
        ),
        JUDGED,
    ),
    "Where on NaN": Tampering(
        _reads(
            "<float[1, 5] sure = {30, 0, 0, 0, 0}> { lost = IsNaN (logits) "
            "seen = Where (lost, sure, logits) }"
        ),
        JUDGED,
    ),
    "shifted by a running offset": Tampering(
        _reads("<int64 axis = {0}> { seen = CumSum (logits, axis) }"), JUDGED
    ),
    "a branch that multiplies": Tampering(
        _reads(
            "<bool yes = {1}, float c = {100}> { seen = If (yes) <then_branch = t () => "
            "(float[N, 5] a) { a = Mul (logits, c) }, else_branch = e () => (float[N, 5] b) "
            "{ b = Identity (logits) }> }"
        ),
        JUDGED,
    ),
    "negated twice, once wrongly": Tampering(
        _reads("{ n = Neg (logits) a = Abs (n) seen = Identity (a) }"), JUDGED
    ),
    "probabilities called logits": Tampering(_probabilities_called_logits, JUDGED),
    "log-probabilities called logits": Tampering(_log_probabilities_called_logits, JUDGED),
    "time called classes": Tampering(_time_called_classes, JUDGED),
    "labels called classes": Tampering(_labels_called_classes, JUDGED),
    "two heads' names exchanged": Tampering(_names_exchanged, "the outputs are named after"),
    "two heads' outputs swapped in what is said": Tampering(_swapped(("output",)), JUDGED),
    "two heads' tensors swapped in what is said": Tampering(_swapped(("tensor",)), GRAPH),
    "two heads' scores swapped in what is said": Tampering(
        _swapped(("score",)), "the outputs are named after"
    ),
    "a joint head that reads one output twice": Tampering(_joint_reads_one_twice, JUDGED),
    **{
        f"logits times 100 on a host of {kind}": Tampering(build, JUDGED)
        for kind, build in KINDS_OF_HOSTS.items()
    },
}
