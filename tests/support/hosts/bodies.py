"""Hosts with branches, loops, functions, several heads, detectors and recurrent states."""

from support.hosts.text import LAYER, LOGITS, HostCase, host

_BRANCHES = (
    "c = Cast<to = 9>(flag) y = If<"
    "then_branch = one_way () => (float[N, 3] p) { p = Softmax(z) }, "
    "else_branch = other_way () => (float[N, 3] q) { q = Softmax(z) }>(c)"
)

BODIES = (
    HostCase(
        "an If whose branches both take a softmax of the same outer value",
        host(f"{LOGITS} {_BRANCHES}", inputs="float[N, 4] x, float flag"), "z", relation="none",
    ),
    HostCase(
        "an If with the whole net inside",
        host(
            "c = Cast<to = 9>(flag) y = If<"
            "then_branch = one_way () => (float[N, 3] p) { h = MatMul(x, w) p = Softmax(h) }, "
            "else_branch = other_way () => (float[N, 3] q) { g = MatMul(x, w) q = Softmax(g) }>(c)",
            inputs="float[N, 4] x, float flag",
        ),
        "y", kind="probabilities", relation="none",
    ),
    HostCase(
        "an If whose branches mean different things",
        host(
            f"{LOGITS} c = Cast<to = 9>(flag) y = If<"
            "then_branch = one_way () => (float[N, 3] p) { p = Softmax(z) }, "
            "else_branch = other_way () => (float[N, 3] q) { q = Sigmoid(z) }>(c)",
            inputs="float[N, 4] x, float flag",
        ),
        None, refusal="mean different things",
    ),
    HostCase(
        "an If as Squeeze is exported, then a mean over time",
        host(
            "s = Conv(x, k) p = Sigmoid(s) c = Cast<to = 9>(flag) f = If<"
            "then_branch = one_way () => (float[N, T] q) { q = Squeeze(p, one) }, "
            "else_branch = other_way () => (float[N, 1, T] r) { r = Identity(p) }>(c) "
            "a = ReduceMean<axes = [1], keepdims = 0>(f) y = Unsqueeze(a, one)",
            inputs="float[N, 2, T] x, float flag", outputs="float[N, 1] y",
            weights="float[1, 2, 1] k = {1.0, -1.0}, int64[1] one = {1}",
        ),
        "y", kind="probabilities", task="binary", n_classes=1, relation="none",
    ),
    HostCase(
        "a Loop",
        host(
            f"{LOGITS} y = Loop<body = round (int64 i, bool go, float[N, 3] old) => "
            "(bool stay, float[N, 3] new) { stay = Identity(go) new = Softmax(old) }>"
            "(times, yes, z)",
            weights=f"{LAYER}, int64 times = {{1}}, bool yes = {{1}}",
        ),
        None, refusal="made inside a Loop",
    ),
    HostCase(
        "a local function that takes the softmax of its input",
        host(
            f"{LOGITS} y = local.activate(z)", imports='"": 17, "local": 1',
            functions='<domain: "local", opset_import: ["": 17]> activate (t) => (p) '
            "{ p = Softmax<axis = -1>(t) }",
        ),
        "z",
    ),
    HostCase(
        "a local function that reads its axis from the caller",
        host(
            f"{LOGITS} y = local.activate<dim = 1>(z)", imports='"": 17, "local": 1',
            functions='<domain: "local", opset_import: ["": 17]> activate <dim> (t) => (p) '
            "{ p = Softmax<axis: int = @dim>(t) }",
        ),
        "z",
    ),
    HostCase(
        "a local function with the logits inside",
        host(
            "y = local.classify(x, w)", imports='"": 17, "local": 1',
            functions='<domain: "local", opset_import: ["": 17]> classify (t, v) => (p) '
            "{ h = MatMul(t, v) p = Softmax<axis = -1>(h) }",
        ),
        "y", kind="probabilities", relation="none",
    ),
)  # fmt: skip

DETECTORS = (
    HostCase(
        "boxes and sigmoid classes joined, as YOLO does",
        host(
            "c = Conv(x, k) h = Conv(x, l) p = Sigmoid(c) y = Concat<axis = 1>(h, p)",
            inputs="float[1, 2, 100] x", outputs="float[1, 7, 100] y",
            weights="float[3, 2, 1] k = {1.0, -1.0, 0.5, 2.0, -0.5, 0.25}, "
            "float[4, 2, 1] l = {1.0, -1.0, 0.5, 2.0, -0.5, 0.25, 1.0, 1.0}",
        ),
        None, refusal="as a detector's boxes",
    ),
    HostCase(
        "non-maximum suppression",
        host(
            "h = MatMul(x, w) t = Transpose<perm = [0, 2, 1]>(h) s = Sigmoid(t) "
            "i = NonMaxSuppression(boxes, s, most) j = Gather<axis = 1>(i, zero) "
            "y = Gather<axis = 1>(s, zero2) k = Cast<to = 1>(j) d = Mul(k, s)",
            inputs="float[1, 6, 4] x, float[1, 6, 4] boxes", outputs="float[1, 3, 6] d",
            weights=f"{LAYER}, int64 most = {{3}}, int64 zero2 = {{0}}",
        ),
        None, refusal="box selection",
    ),
    HostCase(
        "several softmax heads glued together",
        host(
            f"{LOGITS} p = Softmax(z) q = Softmax(h) y = Concat<axis = 1>(p, q)",
            outputs="float[N, 6] y",
        ),
        None, refusal="several heads",
    ),
    HostCase(
        "several sigmoid labels glued together",
        host(
            "a = MatMul(x, w1) p = Sigmoid(a) c = MatMul(x, w1) q = Sigmoid(c) "
            "y = Concat<axis = 1>(p, q)",
            outputs="float[N, 2] y",
        ),
        "y", kind="probabilities", task="multilabel", n_classes=2, certain=False, relation="same",
    ),
)  # fmt: skip

TWO_HEADS = host(
    "z = MatMul(x, w) y = Softmax(z) t = MatMul(x, w2) u = Softmax(t)",
    outputs="float[N, 3] y, float[N, 2] u",
)
LOGITS_AND_SOFTMAX = host(f"{LOGITS} y = Softmax(z)", outputs="float[N, 3] z, float[N, 3] y")
RECURRENT = host(
    f"{LOGITS} y = Softmax(z) h2 = Add(state, state) next = MatMul(h2, v)",
    inputs="float[N, 4] x, float[1, N, 8] state",
    outputs="float[N, 3] y, float[1, N, 8] next",
    weights=f"{LAYER}, float[8, 8] v = {{{', '.join(['0.5'] * 64)}}}",
)
