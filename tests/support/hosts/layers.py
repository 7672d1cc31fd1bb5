"""Hosts that move or copy probabilities, end in a bare layer, or are quantised."""

from support.hosts.text import LAYER, LOGITS, MICROSOFT, HostCase, host, sequence

_SCALES = (
    "float[4, 3] w = {0.5, -1.0, 2.0, 1.5, 0.25, -0.75, -2.0, 1.0, 0.5, 0.125, -0.5, 1.0}, "
    "float scale = {0.05}, uint8 middle = {128}, float fine = {0.00390625}, uint8 low = {0}"
)

BEHIND = (
    HostCase("softmax behind Identity", host(f"{LOGITS} p = Softmax(z) y = Identity(p)"), "z"),
    HostCase(
        "softmax behind Dropout", host(f"{LOGITS} p = Softmax(z) y = Dropout(p)"), "z",
    ),
    HostCase(
        "softmax behind Cast to double",
        host(f"{LOGITS} p = Softmax(z) y = Cast<to = 11>(p)", outputs="double[N, 3] y"), "z",
    ),
    HostCase(
        "softmax behind Reshape",
        host(
            f"{LOGITS} p = Softmax(z) y = Reshape(p, deep)", outputs="float[N, 3, 1] y",
            weights=f"{LAYER}, int64[3] deep = {{-1, 3, 1}}",
        ),
        "z",
    ),
    HostCase(
        "softmax behind Unsqueeze and Squeeze",
        host(f"{LOGITS} p = Softmax(z) u = Unsqueeze(p, zero) y = Squeeze(u, zero)"), "z",
    ),
    HostCase(
        "softmax behind Flatten",
        host(
            "z = Conv(x, k) p = Softmax<axis = 1>(z) y = Flatten(p)",
            inputs="float[N, 4, 1, 1] x",
            weights="float[3, 4, 1, 1] k = {0.5, -1.0, 2.0, 1.5, 0.25, -0.75, -2.0, 1.0, "
            "0.5, 0.125, -0.5, 1.0}",
        ),
        "z", shape=(5, 4, 1, 1),
    ),
    HostCase(
        "softmax over channels behind Transpose",
        host(
            "z = Conv(x, k) p = Softmax<axis = 1>(z) y = Transpose<perm = [0, 2, 1]>(p)",
            inputs="float[N, 2, T] x", outputs="float[N, T, 3] y",
            weights="float[3, 2, 1] k = {1.0, -1.0, 0.5, 2.0, -0.5, 0.25}",
        ),
        "z", per_position=True, relation="none", shape=(2, 2, 5),
    ),
    HostCase(
        "softmax of rows that become positions",
        sequence(
            "r = Reshape(x, rows) h = MatMul(r, w) z = Add(h, b) p = Softmax(z) "
            "y = Reshape(p, six)",
            weights=f"{LAYER}, int64[2] rows = {{-1, 4}}, int64[3] six = {{-1, 6, 3}}",
        ),
        "z", per_position=True, shape=(5, 6, 4),
    ),
    HostCase(
        "time before batch, as CTC has it",
        host(f"{LOGITS} y = LogSoftmax(z)", inputs="float[20, N, 4] x, float[N] n",
             outputs="float[20, N, 3] y"),
        "z", class_axis=2, per_position=True, relation="none",
    ),
    HostCase(
        "one column of a two-column softmax",
        host("z = MatMul(x, w2) p = Softmax(z) y = Gather<axis = 1>(p, one)",
             outputs="float[N, 1] y"),
        "z", task="binary", n_classes=2, relation="none",
    ),
    HostCase(
        "the last position of a softmax",
        host(f"{LOGITS} p = Softmax(z) y = Gather<axis = 1>(p, end)",
             inputs="float[N, 6, 4] x", weights=f"{LAYER}, int64 end = {{-1}}"),
        "y", kind="probabilities", relation="same", shape=(5, 6, 4),
    ),
    HostCase(
        "the mean of two softmaxes",
        host(f"{LOGITS} p = Softmax(z) q = Softmax(h) y = Mean(p, q)"),
        "y", kind="probabilities", relation="same",
    ),
    HostCase(
        "the mean of a softmax over the batch",
        host(f"{LOGITS} p = Softmax(z) y = ReduceMean<axes = [0], keepdims = 0>(p)",
             outputs="float[3] y"),
        None, refusal="over the batch",
    ),
    HostCase(
        "the mean of a softmax over positions",
        host(f"{LOGITS} p = Softmax(z) y = ReduceMean<axes = [1], keepdims = 0>(p)",
             inputs="float[N, 6, 4] x"),
        "y", kind="probabilities", relation="same", shape=(5, 6, 4),
    ),
    HostCase(
        "softmax members stacked, then averaged",
        host(
            f"{LOGITS} p = Softmax(z) q = Softmax(h) r = Unsqueeze(p, zero) s = Unsqueeze(q, zero) "
            "t = Concat<axis = 0>(r, s) y = ReduceMean<axes = [0], keepdims = 0>(t)",
        ),
        "y", kind="probabilities", relation="same",
    ),
    HostCase(
        "softmax multiplied by 1, as onnxmltools has it",
        host(f"{LOGITS} p = Softmax(z) y = Mul(p, unit)"), "z",
    ),
    HostCase(
        "labels by ArgMax of a softmax",
        host(f"{LOGITS} p = Softmax(z) y = ArgMax<axis = 1, keepdims = 0>(p)",
             outputs="int64[N] y"),
        "z", relation="none",
    ),
    HostCase(
        "labels by ArgMax of bare logits",
        host(f"{LOGITS} y = ArgMax<axis = 1, keepdims = 0>(z)", outputs="int64[N] y"),
        "z", relation="none",
    ),
    HostCase(
        "labels by comparing a sigmoid",
        host(f"{LOGITS} p = Sigmoid(z) c = Greater(p, half) y = Cast<to = 7>(c)",
             outputs="int64[N, 3] y", weights=f"{LAYER}, float half = {{0.5}}"),
        "z", task="multilabel", relation="none",
    ),
    HostCase(
        "a batch dimension named -1 and unnamed dims",
        host(f"{LOGITS} y = Softmax(z)", inputs="float[batch, ?] x", outputs="float[?, ?] y"), "z",
    ),
    HostCase(
        "weights as Constant nodes",
        host(
            "w = Constant<value = float[4, 3] {0.5, -1.0, 2.0, 1.5, 0.25, -0.75, -2.0, 1.0, 0.5, "
            "0.125, -0.5, 1.0}>() z = MatMul(x, w) y = Softmax(z)",
            weights="float unused = {0.0}",
        ),
        "z",
    ),
    HostCase(
        "an initializer that is an input too, as in IR 3",
        host(
            "z = MatMul(x, w) y = Softmax(z)", inputs="float[N, 4] x, float[4, 3] w",
            opset=8, ir=3,
            weights="float[4, 3] w = {0.5, -1.0, 2.0, 1.5, 0.25, -0.75, -2.0, 1.0, 0.5, 0.125, "
            "-0.5, 1.0}",
        ),
        "z",
    ),
    HostCase(
        "ai.onnx spelled out",
        host(f"{LOGITS} y = Softmax(z)", imports='"ai.onnx": 17'), "z",
    ),
    HostCase(
        "the opset imported twice, the last one older",
        sequence(f"{LOGITS} y = Softmax(z)", imports='"": 17, "": 11'),
        None, refusal="jointly",
    ),
    HostCase(
        "a declared output rank that is wrong",
        host(f"{LOGITS} y = Softmax(z)", inputs="float[N, 6, 4] x", outputs="float[N, 3] y"),
        "z", class_axis=2, per_position=True, shape=(5, 6, 4),
    ),
    HostCase(
        "no shapes at all",
        host(f"{LOGITS} y = Softmax(z)", inputs="float x_unshaped, float[N, 4] x",
             outputs="float[] y"),
        "z", relation="none",
    ),
)  # fmt: skip

BARE = (
    HostCase("a fully connected layer last", host(f"{LOGITS} y = Identity(z)"), "y", task=None,
             relation="same"),
    HostCase("a Gemm last", host("y = Gemm(x, w, b)"), "y", task=None, relation="same"),
    HostCase(
        "a transposed Gemm last",
        host("y = Gemm<transB = 1>(x, v)",
             weights="float[2, 4] v = {1.0, 2.0, -1.0, 0.5, 0.0, 1.0, -2.0, 0.25}",
             outputs="float[N, 2] y"),
        "y", task=None, n_classes=2, relation="same",
    ),
    HostCase(
        "one column without a sigmoid",
        host("y = MatMul(x, w1)", outputs="float[N, 1] y"),
        "y", task=None, n_classes=1, certain=False, relation="same",
    ),
    HostCase(
        "a convolution and global pooling last",
        host(
            "c = Conv(x, k) g = GlobalAveragePool(c) y = Flatten(g)",
            inputs="float[N, 2, 5, 5] x",
            weights="float[3, 2, 1, 1] k = {1.0, -1.0, 0.5, 2.0, -0.5, 0.25}",
        ),
        "y", task=None, relation="same", shape=(2, 2, 5, 5),
    ),
    HostCase(
        "a layer with ReLU last",
        host(f"{LOGITS} y = Relu(z)"), "y", task=None, certain=False, relation="same",
    ),
    HostCase(
        "a normalisation last, as embeddings have",
        host(f"{LOGITS} y = LpNormalization<axis = 1, p = 2>(z)"), None, refusal="normalisation",
    ),
    HostCase(
        "scaled logits",
        host(f"{LOGITS} y = Mul(z, unit)"), "y", task=None, relation="same",
    ),
    HostCase(
        "the sum of two layers",
        host("p = MatMul(x, w) q = MatMul(x, w) y = Add(p, q)"), "y", task=None, relation="same",
    ),
    HostCase(
        "a product of two computed values",
        host("y = Mul(p, q) p = MatMul(x, w) q = MatMul(x, w)"), None, refusal="product",
    ),
    HostCase(
        "an Einsum layer",
        host('y = Einsum<equation = "ij,jk->ik">(x, w)'), "y", task=None, relation="same",
    ),
    HostCase(
        "weights computed from constants",
        host("t = Transpose(v) y = MatMul(x, t)",
             weights="float[3, 4] v = {0.5, -1.0, 2.0, 1.5, 0.25, -0.75, -2.0, 1.0, 0.5, 0.1, "
             "-0.5, 1.0}"),
        "y", task=None, relation="same",
    ),
    HostCase(
        "a product of two inputs, as attention has it",
        host("y = MatMul(x, v)", inputs="float[N, 4] x, float[4, 3] v"), None,
        refusal="says nothing",
    ),
    HostCase(
        "the input handed through", host("y = Identity(x)", outputs="float[N, 4] y"), None,
        refusal="an input or a constant",
    ),
    HostCase(
        "as many columns as embeddings have",
        host("y = MatMul(x, v)", outputs="float[N, 128] y",
             weights=f"float[4, 128] v = {{{', '.join(['0.5'] * 512)}}}"),
        "y", task=None, n_classes=128, certain=False, relation="same",
    ),
    HostCase(
        "a Dropout in training mode last",
        host(
            f"{LOGITS} p = Softmax(z) y = Dropout(p, half, training)",
            weights=f"{LAYER}, float half = {{0.5}}, bool training = {{1}}",
        ),
        None, refusal="drops values at random",
    ),
    HostCase(
        "the mask of a Dropout",
        host(f"{LOGITS} d, m = Dropout(z) y = Cast<to = 1>(m)"), None, refusal="'Dropout' node",
    ),
    HostCase(
        "a hard sigmoid", host(f"{LOGITS} y = HardSigmoid(z)"), None, refusal="cannot be had back",
    ),
)  # fmt: skip

QUANTIZED = (
    HostCase(
        "softmax between quantisation nodes (QDQ)",
        host(
            "h = MatMul(x, w) i = QuantizeLinear(h, scale, middle) "
            "z = DequantizeLinear(i, scale, middle) p = Softmax(z) "
            "j = QuantizeLinear(p, fine, low) y = DequantizeLinear(j, fine, low)",
            weights=_SCALES,
        ),
        "z", relation="none",
    ),
    HostCase(
        "softmax on integers (QOperator)",
        host(
            "h = MatMul(x, w) i = QuantizeLinear(h, scale, middle) "
            "j = com.microsoft.QLinearSoftmax<axis = -1, opset = 13>(i, scale, middle, fine, low) "
            "y = DequantizeLinear(j, fine, low)",
            weights=_SCALES, imports=MICROSOFT,
        ),
        "y", kind="probabilities", relation="same",
    ),
    HostCase(
        "sigmoid on integers (QOperator)",
        host(
            "h = MatMul(x, w) i = QuantizeLinear(h, scale, middle) "
            "j = com.microsoft.QLinearSigmoid(i, scale, middle, fine, low) "
            "y = DequantizeLinear(j, fine, low)",
            weights=_SCALES, imports=MICROSOFT,
        ),
        "y", kind="probabilities", task="multilabel", relation="same",
    ),
    HostCase(
        "a layer and its bias on integers, as onnxruntime quantises MatMul and Add (QOperator)",
        host(
            "i = QuantizeLinear(x, scale, middle) "
            "j = QLinearMatMul(i, scale, middle, v, fine, half, scale, middle) "
            "k = com.microsoft.QLinearAdd(j, scale, middle, c, scale, middle, scale, middle) "
            "y = DequantizeLinear(k, scale, middle)",
            weights=f"{_SCALES}, uint8[4, 3] v = {{138, 113, 190, 136, 73, 162, 255, 220, 56, 0, "
            "64, 130}, uint8[3] c = {120, 140, 128}, uint8 half = {128}", imports=MICROSOFT,
        ),
        "y", task=None, relation="same",
    ),
    HostCase(
        "dynamic quantisation last",
        host(
            "q, s, o = DynamicQuantizeLinear(x) i = MatMulInteger(q, v, o) f = Cast<to = 1>(i) "
            "t = Mul(s, scale) h = Mul(f, t) y = Add(h, b)",
            weights="int8[4, 3] v = {5, -10, 20, 15, 2, -7, -20, 10, 5, 1, -5, 10}, "
            "float scale = {0.05}, float[3] b = {0.1, -0.2, 0.3}",
        ),
        "y", task=None, relation="same",
    ),
    HostCase(
        "softmax fused with its bias",
        host(
            "h = MatMul(x, w) "
            "y = com.microsoft.BiasSoftmax<axis = 1, is_inner_broadcast = 0>(h, c)",
            imports=MICROSOFT, weights=f"{LAYER}, float[1, 3] c = {{0.1, 0.2, 0.3}}",
        ),
        "y", kind="probabilities", relation="none",
    ),
    HostCase(
        "a fused Gemm with an activation",
        host('y = com.microsoft.FusedGemm<activation = "Relu">(x, w, b)', imports=MICROSOFT),
        None, refusal="com.microsoft",
    ),
)  # fmt: skip
