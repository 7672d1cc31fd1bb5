"""What the operators of classical machine learning (domain ai.onnx.ml) say of their output."""

from collections.abc import Sequence
from dataclasses import replace

import onnx
from onnx import TensorProto

from logitconf_export.hosts.graph.facts import tensor_array
from logitconf_export.hosts.graph.scope import Scope, Shape, first_input
from logitconf_export.hosts.graph.shapes import same_shape
from logitconf_export.hosts.reader import Family, Kind, OperatorRow, Reading, Result, Site, Unread

_ML = "ai.onnx.ml"
_TOLERANCE = 1e-3
"""Forests store float32 weights of 1/n trees; their sums are off by some 1e-7 for each tree."""


def _classifier(site: Site) -> Result:
    """A linear, tree or support vector classifier: labels, and scores after its post-transform."""
    scope, node, name = site.scope, site.node, site.name
    scores = node.output[1] if len(node.output) > 1 else ""
    if not scores:
        return Unread(f"the scores of the {node.op_type} are not connected, only its labels")
    n_classes = _label_count(scope, node)
    transform = scope.text(node, "post_transform", "NONE").upper()
    if n_classes is None or n_classes == 1:
        return Unread(
            f"the {node.op_type} names {n_classes or 'no'} class{'' if n_classes else 'es'}"
        )
    result = _CLASSIFIERS[node.op_type](scope, node, scores, n_classes, transform)
    if isinstance(result, Reading) and name != scores:
        return result.indirect("the output is its label")
    return result


def _scores(
    scores: str,
    n_classes: int | None,
    reason: str,
    *,
    logits: bool = False,
    family: Family = "categorical",
) -> Reading:
    kind: Kind = "logits" if logits else "probabilities"
    return Reading(kind, family, 1, n_classes, scores, kind, 1, True, reason)


def _transformed(
    scores: str, n_classes: int | None, operator: str, transform: str
) -> Result | None:
    """What a post-transform leaves: probabilities or nothing usable; None for NONE."""
    if transform in ("SOFTMAX", "SOFTMAX_ZERO"):
        return _scores(scores, n_classes, f"{operator} with post_transform {transform}")
    if transform == "LOGISTIC":
        reason = f"{operator} with post_transform LOGISTIC"
        if n_classes == 2:
            return _scores(scores, n_classes, reason)
        return _scores(scores, n_classes, reason, family="bernoulli")
    if transform == "PROBIT":
        return Unread(f"the {operator} applies PROBIT, an inverse that gives no probability")
    return (
        None if transform == "NONE" else Unread(f"the post_transform {transform[:40]!r} is unknown")
    )


def _linear_classifier(
    scope: Scope, node: onnx.NodeProto, scores: str, n_classes: int | None, transform: str
) -> Result:
    """LinearClassifier: logits without a post-transform; sigmoids of two rows rarely compete."""
    rows = len(_floats(scope, node, "intercepts"))
    negated = rows == 2 and _is_negated(scope, node)
    result = _transformed(scores, n_classes, node.op_type, transform)
    if rows == 1 and n_classes == 2 and transform != "LOGISTIC" and not isinstance(result, Unread):
        # onnxruntime 1.31 computes them so, and leaves a softmax out.
        return Unread("the LinearClassifier writes one margin z as columns 1 - z and z, no logits")
    if result is None:
        reason = "LinearClassifier without post_transform"
        reading = _scores(scores, n_classes, reason, logits=True)
        return reading.doubted(_TWICE_APART) if negated and n_classes == 2 else reading
    two_rows = transform == "LOGISTIC" and n_classes == 2 and rows == 2
    if isinstance(result, Reading) and two_rows and not negated:
        return replace(result, family="bernoulli")
    return result


_TWICE_APART = (
    "its columns -z and z lie twice as far apart as the two logits of a softmax, so their softmax "
    "is no probability of the model's"
)


def _is_negated(scope: Scope, node: onnx.NodeProto) -> bool:
    """Whether the second of two rows is the first negated, so that their sigmoids sum to 1."""
    for name in ("coefficients", "intercepts"):
        values = _floats(scope, node, name)
        half = len(values) // 2
        if any(a != -b for a, b in zip(values[:half], values[half:], strict=False)):
            return False
    return True


def _vector_classifier(
    scope: Scope, node: onnx.NodeProto, scores: str, n_classes: int | None, transform: str
) -> Result:
    """SVMClassifier: probabilities if it was calibrated, else margins of pairs of classes."""
    if transform != "NONE":
        return Unread(f"the SVMClassifier applies {transform[:40]} to what is no logit")
    if _length(scope, node, "prob_a"):
        return _scores(scores, n_classes, "SVMClassifier with its own calibration (prob_a)")
    if n_classes is None or n_classes > 2:
        return Unread("the SVMClassifier gives margins of pairs of classes, not one for each class")
    reading = _scores(scores, n_classes, "SVMClassifier without calibration", logits=True)
    return reading.doubted("margins are no logits unless a temperature was fitted on them")


def _tree_classifier(
    scope: Scope, node: onnx.NodeProto, scores: str, n_classes: int | None, transform: str
) -> Result:
    """TreeEnsembleClassifier: a boosted one has a post-transform, a forest votes with fractions.

    Two classes whose leaves all belong to one class are computed apart, and differently for the
    first class and the second (onnxruntime 1.31). Of two base values that runtime takes the second,
    adds it to the sum of the first column, and writes that and its negative.
    """
    result = _transformed(scores, n_classes, node.op_type, transform)
    ids = set(_integers(scope, node, "class_ids")) if result is None or n_classes == 2 else set()
    if n_classes == 2 and len(ids) == 1 and transform != "NONE":
        if (ids, transform) in (({0}, "LOGISTIC"), ({1}, "SOFTMAX")):
            return result if result is not None else Unread("it has no scores")
        return Unread(f"the {node.op_type} applies {transform} to one column of two")
    negated = n_classes == 2 and _leaves_are_negated(scope, node, "class")
    if isinstance(result, Reading) and transform == "LOGISTIC" and not negated:
        result = replace(result, family="bernoulli")
    if result is None:
        result = _tree_sums(scope, node, scores, n_classes, single=n_classes == 2 and ids == {0})
        if negated and isinstance(result, Reading):
            result = result.doubted(_TWICE_APART)
    two_bases = n_classes == 2 and len(_floats(scope, node, "base_values")) == 2
    if two_bases and isinstance(result, Reading):
        result = result.doubted("runtimes differ on the base values of two classes")
    return result


def _leaves_are_negated(scope: Scope, node: onnx.NodeProto, side: str) -> bool:
    """Whether each leaf gives the second of two columns the negative of the first, as CatBoost has.

    Their sums are then -z and z, and the sigmoids of these sum to 1.
    """
    leaves = zip(
        _integers(scope, node, f"{side}_treeids"),
        _integers(scope, node, f"{side}_nodeids"),
        _integers(scope, node, f"{side}_ids"),
        _floats(scope, node, f"{side}_weights"),
        strict=False,
    )
    sums: dict[tuple[int, int], list[float]] = {}
    for tree, leaf, column, weight in leaves:
        if column not in (0, 1):
            return False
        sums.setdefault((tree, leaf), [0.0, 0.0])[column] += weight
    shifted = any(_floats(scope, node, "base_values"))
    return bool(sums) and not shifted and all(first == -second for first, second in sums.values())


def _tree_sums(
    scope: Scope, node: onnx.NodeProto, scores: str, n_classes: int | None, *, single: bool
) -> Result:
    """Sums of leaves as they are: shares of a vote are probabilities, others are margins."""
    weights = _floats(scope, node, "class_weights")
    trees = _integers(scope, node, "class_treeids")
    leaves = list(zip(trees, _integers(scope, node, "class_nodeids"), strict=False))
    shifted = any(_floats(scope, node, "base_values"))
    positive = bool(weights) and min(weights) >= 0 and not shifted
    if positive and _are_votes(weights, leaves, single=single):
        return _scores(
            scores, n_classes, "TreeEnsembleClassifier whose leaves hold shares of one vote"
        )
    if single and positive:
        return Unread("the TreeEnsembleClassifier writes one sum z as columns 1 - z and z")
    reading = _scores(
        scores, n_classes, "TreeEnsembleClassifier without post_transform", logits=True
    )
    return reading.doubted("its leaves hold margins, or weights that cannot be told from them")


def _are_votes(
    weights: Sequence[float], leaves: Sequence[tuple[int, int]], *, single: bool
) -> bool:
    """Whether every leaf shares out one vote: each tree the same, all trees together 1."""
    trees = {tree for tree, _ in leaves}
    if not trees or len(leaves) != len(weights):
        return False
    totals: dict[tuple[int, int], float] = {}
    for leaf, weight in zip(leaves, weights, strict=True):
        totals[leaf] = totals.get(leaf, 0.0) + weight
    vote = 1.0 / len(trees)
    if single:
        return all(total <= vote * (1 + _TOLERANCE) for total in totals.values())
    return all(abs(total - vote) <= vote * _TOLERANCE for total in totals.values())


def _regressor(site: Site) -> Result:
    """A regressor's or tree ensemble's sums: margins of a booster, or plain numbers."""
    scope, node, name = site.scope, site.node, site.name
    transform = _regressor_transform(scope, node)
    n_classes = scope.integer(node, "n_targets", 0) or scope.integer(node, "targets", 1)
    result = _transformed(name, n_classes, node.op_type, transform)
    if isinstance(result, Unread):
        return result
    if result is not None and n_classes == 1:
        # onnxruntime 1.31 applies PROBIT alone to a single target; the standard applies all.
        return Unread(
            f"runtimes differ on whether a {node.op_type} applies {transform} to a single target"
        )
    negated = n_classes == 2 and _leaves_are_negated(scope, node, "target")
    if result is not None:
        labels = transform == "LOGISTIC" and not negated
        return replace(result, family="bernoulli") if labels else result
    reading = Reading(
        "logits", None, 1, n_classes, name, "logits", 1, True, f"the sums of a {node.op_type}"
    )
    return reading.doubted("margins of classes, or a regression")


def _regressor_transform(scope: Scope, node: onnx.NodeProto) -> str:
    """TreeEnsemble of ai.onnx.ml 5 writes the post-transform as a number."""
    if node.op_type == "TreeEnsemble":
        names = ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT")
        number = scope.integer(node, "post_transform", 0)
        return names[number] if 0 <= number < len(names) else str(number)
    return scope.text(node, "post_transform", "NONE").upper()


def _normalizer(site: Site) -> Result:
    """Normalizer: L1 makes scores that are never negative into probabilities of classes."""
    scope, node, name = site.scope, site.node, site.name
    inner = site.read(node.input[0])
    norm = scope.text(node, "norm", "MAX").upper()
    if isinstance(inner, Unread):
        return inner
    if norm != "L1":
        return Unread(f"a Normalizer with norm {norm[:20]} gives no probabilities")
    if inner.kind != "probabilities":
        return Unread(
            "a Normalizer follows values that may be negative, so they are no probabilities"
        )
    reason = f"{inner.reason}, divided by its row sum"
    return replace(inner, family="categorical", reason=reason).at_value(name)


def _mapped(site: Site) -> Result:
    """ZipMap: a list of dictionaries, made of the tensor before it."""
    scope, node = site.scope, site.node
    inner = site.read(node.input[0])
    if isinstance(inner, Unread):
        return inner
    labels = _label_count(scope, node)
    # One sigmoid is shown as the two columns 1 - p and p.
    shown = 2 if inner.family == "bernoulli" and inner.n_classes == 1 else inner.n_classes
    if labels is not None and shown is not None and labels != shown:
        inner = inner.doubted(f"ZipMap names {labels} classes")
    return replace(
        inner,
        n_classes=inner.n_classes if inner.n_classes is not None else labels,
        axis=None,
        reason=f"{inner.reason}, before a ZipMap",
    )


def _looked_up(site: Site) -> Result:
    """ArrayFeatureExtractor: labels from a table, or columns from scores; LabelEncoder: labels."""
    scope, node = site.scope, site.node
    index = node.input[-1]
    if len(node.input) > 1 and scope.is_constant(index):
        inner = site.read(node.input[0])
        how = "the output takes some of its classes"
    else:
        inner = site.read(index)
        how = "the output is its label"
    return inner if isinstance(inner, Unread) else inner.indirect(how)


def _label_count(scope: Scope, node: onnx.NodeProto) -> int | None:
    for name in ("classlabels_ints", "classlabels_int64s", "classlabels_strings"):
        count = _length(scope, node, name)
        if count:
            return count
    return None


def _length(scope: Scope, node: onnx.NodeProto, name: str) -> int:
    value = scope.attribute(node, name)
    return len(value) if isinstance(value, list) else 0


def _floats(scope: Scope, node: onnx.NodeProto, name: str) -> list[float]:
    """Numbers kept as floats, or, for double models, as a tensor."""
    value = scope.attribute(node, name)
    if isinstance(value, list):
        return [float(v) for v in value if isinstance(v, float)]
    tensor = scope.tensor(node, f"{name}_as_tensor")
    array = None if tensor is None else tensor_array(tensor)
    return [] if array is None or array.dtype.kind != "f" else [float(v) for v in array.ravel()]


def _integers(scope: Scope, node: onnx.NodeProto, name: str) -> list[int]:
    value = scope.attribute(node, name)
    return [v for v in value if isinstance(v, int)] if isinstance(value, list) else []


_CLASSIFIERS = {
    "LinearClassifier": _linear_classifier,
    "SVMClassifier": _vector_classifier,
    "TreeEnsembleClassifier": _tree_classifier,
}


def _score_shape(scope: Scope, node: onnx.NodeProto) -> Shape:
    """Scores: one for each class that the node names."""
    return (None, _label_count(scope, node))


ROWS = (
    *(
        OperatorRow(
            name=name, domains=(_ML,), inputs=1, shape=_score_shape, dtype=TensorProto.FLOAT,
            shaped=1, read=_classifier,
        )
        for name in _CLASSIFIERS
    ),
    *(
        OperatorRow(name=name, domains=(_ML,), inputs=1, read=_regressor)
        for name in ("TreeEnsembleRegressor", "TreeEnsemble", "LinearRegressor", "SVMRegressor")
    ),
    OperatorRow(
        name="Normalizer", domains=(_ML,), inputs=1, shape=same_shape, dtype=TensorProto.FLOAT,
        same_shape=first_input, read=_normalizer,
    ),
    OperatorRow(name="ZipMap", domains=(_ML,), inputs=1, read=_mapped),
    *(
        OperatorRow(name=name, domains=(_ML,), inputs=1, read=_looked_up)
        for name in ("ArrayFeatureExtractor", "LabelEncoder")
    ),
)  # fmt: skip
"""Operators of ai.onnx.ml."""
