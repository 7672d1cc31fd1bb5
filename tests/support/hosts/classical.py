"""Hosts made of ai.onnx.ml operators, as scikit-learn and tree boosters are exported."""

from support.hosts.text import (
    LAYER,
    MARGINS,
    ML,
    VOTES,
    HostCase,
    host,
    linear_classifier,
    tree_classifier,
)

_BINARY = "classlabels_ints = [0, 1], coefficients = [0.5, -1.0, 2.0, 1.5], intercepts = [0.1], "
_ZIP = "seq(map(int64, float)) maps"
_STUMP = (
    "nodes_treeids = [0, 0, 0], nodes_nodeids = [0, 1, 2], nodes_featureids = [0, 0, 0], "
    'nodes_values = [0.5, 0.0, 0.0], nodes_modes = ["BRANCH_LEQ", "LEAF", "LEAF"], '
    "nodes_truenodeids = [1, 0, 0], nodes_falsenodeids = [2, 0, 0]"
)

CLASSICAL = (
    HostCase("a linear classifier with SOFTMAX", linear_classifier("SOFTMAX"), "z",
             kind="probabilities", relation="same"),
    HostCase("a linear classifier without a transform", linear_classifier("NONE"), "z",
             relation="same"),
    HostCase("a linear classifier with SOFTMAX_ZERO", linear_classifier("SOFTMAX_ZERO"), "z",
             kind="probabilities", relation="same"),
    HostCase("one-versus-rest sigmoids", linear_classifier("LOGISTIC"), "z",
             kind="probabilities", task="multilabel", relation="same"),
    HostCase("a linear classifier with PROBIT", linear_classifier("PROBIT"), None,
             refusal="PROBIT"),
    HostCase(
        "one-versus-rest sigmoids normalised, as scikit-learn does",
        linear_classifier("LOGISTIC", 'y = ai.onnx.ml.Normalizer<norm = "L1">(z)'),
        "y", kind="probabilities", relation="same",
    ),
    HostCase(
        "a Normalizer by the maximum",
        linear_classifier("LOGISTIC", 'y = ai.onnx.ml.Normalizer<norm = "MAX">(z)'),
        None, refusal="norm MAX",
    ),
    HostCase(
        "margins normalised",
        linear_classifier("NONE", 'y = ai.onnx.ml.Normalizer<norm = "L1">(z)'),
        None, refusal="may be negative",
    ),
    HostCase(
        "ZipMap",
        linear_classifier(
            "SOFTMAX", "maps = ai.onnx.ml.ZipMap<classlabels_int64s = [0, 1, 2]>(z)", outputs=_ZIP
        ),
        "z", kind="probabilities", relation="none",
    ),
    HostCase(
        "a softmax behind ZipMap with string labels",
        host(
            "h = MatMul(x, w) p = Softmax(h) "
            'maps = ai.onnx.ml.ZipMap<classlabels_strings = ["a", "b", "c"]>(p)',
            outputs="seq(map(string, float)) maps", imports=ML,
        ),
        "h", relation="none",
    ),
    HostCase(
        "labels of a classifier alone",
        linear_classifier("SOFTMAX", "y = Identity(label)", outputs="int64[N] y"),
        "z", kind="probabilities", relation="none",
    ),
    HostCase(
        "a binary linear classifier with one row and LOGISTIC",
        host(
            f'label, z = ai.onnx.ml.LinearClassifier<{_BINARY} post_transform = "LOGISTIC">(x) '
            "y = Identity(z)", imports=ML, outputs="float[N, 2] y",
        ),
        "z", kind="probabilities", task="binary", n_classes=2, relation="same",
    ),
    HostCase(
        "a binary linear classifier with one row and no transform",
        host(
            f'label, z = ai.onnx.ml.LinearClassifier<{_BINARY} post_transform = "NONE">(x) '
            "y = Identity(z)",
            imports=ML,
            outputs="float[N, 2] y",
        ),
        None,
        refusal="columns 1 - z and z",
    ),
    HostCase(
        "a binary linear classifier with one row negated, as scikit-learn writes it",
        host(
            "label, z = ai.onnx.ml.LinearClassifier<classlabels_ints = [0, 1], "
            "coefficients = [-0.5, 1.0, -2.0, -1.5, 0.5, -1.0, 2.0, 1.5], "
            'intercepts = [-0.1, 0.1], post_transform = "LOGISTIC">(x) y = Identity(z)',
            imports=ML, outputs="float[N, 2] y",
        ),
        "z", kind="probabilities", task="binary", n_classes=2, relation="same",
    ),
    HostCase(
        "two rows of LOGISTIC that do not compete",
        host(
            "label, z = ai.onnx.ml.LinearClassifier<classlabels_ints = [0, 1], "
            "coefficients = [-0.5, 1.0, -2.0, -1.5, 0.5, -1.0, 2.0, 0.5], "
            'intercepts = [-0.1, 0.1], post_transform = "LOGISTIC">(x) y = Identity(z)',
            imports=ML, outputs="float[N, 2] y",
        ),
        "z", kind="probabilities", task="multilabel", n_classes=2, relation="same",
    ),
    HostCase(
        "columns taken from one-versus-rest classifiers and normalised",
        host(
            f'l1, z1 = ai.onnx.ml.LinearClassifier<{_BINARY} post_transform = "LOGISTIC">(x) '
            f'l2, z2 = ai.onnx.ml.LinearClassifier<{_BINARY} post_transform = "LOGISTIC">(h) '
            "h = Neg(x) p1 = Slice(z1, one, two, one) p2 = Slice(z2, one, two, one) "
            "c = Concat<axis = 1>(p1, p2) y = LpNormalization<axis = 1, p = 1>(c)",
            imports=ML, outputs="float[N, 2] y", weights=f"{LAYER}, int64[1] two = {{2}}",
        ),
        "y", kind="probabilities", task="binary", n_classes=2, relation="same",
    ),
    HostCase(
        "a forest, whose leaves share one vote", tree_classifier(VOTES), "z",
        kind="probabilities", relation="same",
    ),
    HostCase(
        "boosted trees without a transform", tree_classifier(MARGINS), "z", certain=False,
        relation="same",
    ),
    HostCase(
        "boosted trees with SOFTMAX", tree_classifier(MARGINS, "SOFTMAX"), "z",
        kind="probabilities", relation="same",
    ),
    HostCase(
        "a tree regressor with two targets",
        host(
            f"y = ai.onnx.ml.TreeEnsembleRegressor<{_STUMP}, n_targets = 2, "
            "target_treeids = [0, 0, 0, 0], target_nodeids = [1, 1, 2, 2], "
            "target_ids = [0, 1, 0, 1], target_weights = [0.5, -0.5, 1.0, 2.0]>(x)",
            imports=ML, outputs="float[N, 2] y",
        ),
        "y", task=None, n_classes=2, certain=False, relation="same",
    ),
    HostCase(
        "a tree regressor with LOGISTIC of one target",
        host(
            f"y = ai.onnx.ml.TreeEnsembleRegressor<{_STUMP}, n_targets = 1, "
            'post_transform = "LOGISTIC", target_treeids = [0, 0], target_nodeids = [1, 2], '
            "target_ids = [0, 0], target_weights = [0.5, -2.0]>(x)",
            imports=ML,
            outputs="float[N, 1] y",
        ),
        None,
        refusal="runtimes differ",
    ),
    HostCase(
        "a tree regressor with LOGISTIC of two targets",
        host(
            f"y = ai.onnx.ml.TreeEnsembleRegressor<{_STUMP}, n_targets = 2, "
            'post_transform = "LOGISTIC", target_treeids = [0, 0, 0, 0], '
            "target_nodeids = [1, 1, 2, 2], target_ids = [0, 1, 0, 1], "
            "target_weights = [0.5, -2.0, 1.0, 3.0]>(x)",
            imports=ML,
            outputs="float[N, 2] y",
        ),
        "y",
        kind="probabilities",
        task="multilabel",
        n_classes=2,
        relation="same",
    ),
    HostCase(
        "a tree regressor with SOFTMAX of two targets",
        host(
            f"y = ai.onnx.ml.TreeEnsembleRegressor<{_STUMP}, n_targets = 2, "
            'post_transform = "SOFTMAX", target_treeids = [0, 0, 0, 0], '
            "target_nodeids = [1, 1, 2, 2], target_ids = [0, 1, 0, 1], "
            "target_weights = [0.5, -2.0, 1.0, 3.0]>(x)",
            imports=ML,
            outputs="float[N, 2] y",
        ),
        "y",
        kind="probabilities",
        task="binary",
        n_classes=2,
        relation="same",
    ),
    HostCase(
        "a multi-layer perceptron as scikit-learn writes it",
        host(
            "h = MatMul(x, w) c = Cast<to = 1>(h) z = Add(c, b) p = Softmax(z) "
            "i = ArgMax<axis = 1>(p) l = ai.onnx.ml.ArrayFeatureExtractor(names, i) "
            "label = Reshape(l, last)",
            outputs="float[N, 3] p, int64[M] label", imports=ML,
            weights=f"{LAYER}, int64[3] names = {{5, 6, 7}}",
        ),
        "z",
    ),
)  # fmt: skip
