"""A scikit-learn classifier that also says which of its predictions to accept."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from logitconf.errors import LogitconfError, MissingExtraError
from logitconf.fitting.calibrated_rows import rows_mapped
from logitconf.fitting.logit_score import LogitScore
from logitconf.fitting.score_classes import score_class
from logitconf.rows import Rows, split_rows
from logitconf.tasks import check_task

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
    from sklearn.metrics import accuracy_score
    from sklearn.utils import _safe_indexing, get_tags, indexable
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, column_or_1d
except ImportError as error:
    raise MissingExtraError(
        'SelectiveClassifier needs scikit-learn 1.6 or newer; pip install "logitconf[sklearn]"'
    ) from error

if TYPE_CHECKING:
    from typing_extensions import Self

Array = npt.NDArray[Any]
_POLICY = ("q", "coverage", "risk", "confidence", "cost", "min_confidence")


class SelectiveClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier with calibrated probabilities and a threshold below which it is trusted.

    ``fit`` fits the classifier on one part of the rows, and on the rest a score of its logits: a
    temperature and a threshold. What is wrapped gives logits by ``decision_function``, else by the
    logarithms of ``predict_proba``.

    ``predict`` gives a class for every row, as scikit-learn's tools expect, unless
    ``abstain_label`` is set; ``select`` says which rows are accepted.

    Attributes:
        estimator_: the classifier as fitted.
        logit_score_: the fitted score, to export, save and verify.
        classes_: (K,) in sorted order.

    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = SelectiveClassifier(LogisticRegression(max_iter=1000), coverage=0.8)
    >>> accepted = classifier.fit(X, y).select(X)["selected"]
    >>> bool(classifier.score(X[accepted], y[accepted]) >= classifier.score(X, y))
    True
    """

    def __init__(
        self,
        estimator: Any,
        logit_score: str | LogitScore = "softmax",
        *,
        prefit: bool = False,
        calibration_share: float = 0.3,
        holdout: float | None = None,
        seed: int = 0,
        q: float | None = None,
        coverage: float | None = None,
        risk: float | None = None,
        confidence: float | None = None,
        cost: tuple[float, float] | None = None,
        min_confidence: float | None = None,
        per_class: bool = False,
        simultaneous: bool = False,
        abstain_label: Any = None,
    ) -> None:
        """Keeps the parameters; they are checked by ``fit``.

        Args:
            estimator: a classifier, or a function of X that gives logits (N, K), or (N,) of two
                classes, whose columns are the classes in sorted order.
            logit_score: the score, by name or as an unfitted one with parameters.
            prefit: whether the estimator is fitted already, and on other rows; then it stays as it
                is and all rows of ``fit`` calibrate. A function and a ``FrozenEstimator`` are.
            calibration_share: of the rows, that the estimator is not fitted on, in (0, 1).
            holdout: share of those that the threshold alone is chosen on, in (0, 1); a certified
                risk wants it.
            seed: of both draws.
            q: the quantile of the scores that is the threshold; .99 without a policy.
            coverage: accept at least this share of the rows.
            risk: at most this share of the accepted rows is wrong, certified.
            confidence: of that promise; .95.
            cost: of an accepted error and of a rejected row, a pair.
            min_confidence: accept what is right with this probability at least.
            per_class: one threshold for each predicted class.
            simultaneous: a risk per class is promised for all of them at once.
            abstain_label: what ``predict`` says of rows that are not accepted; None: their class.
        """
        self.estimator = estimator
        self.logit_score = logit_score
        self.prefit = prefit
        self.calibration_share = calibration_share
        self.holdout = holdout
        self.seed = seed
        self.q = q
        self.coverage = coverage
        self.risk = risk
        self.confidence = confidence
        self.cost = cost
        self.min_confidence = min_confidence
        self.per_class = per_class
        self.simultaneous = simultaneous
        self.abstain_label = abstain_label

    def fit(self, X: Any, y: Any) -> Self:
        """Fits the estimator on one part of the rows, and the score on the other.

        Args:
            X: (N, F), or whatever the estimator takes.
            y: (N,) classes, numbers or names.

        Raises:
            LogitconfError: if the rows do not suffice, or the parameters are not valid.
        """
        if y is None:
            raise LogitconfError(
                "SelectiveClassifier requires y to be passed, but the target y is None"
            )
        X, y = indexable(X, y)
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise LogitconfError(
                f"SelectiveClassifier needs at least 2 classes, got {len(self.classes_)} class"
            )
        self._check_abstain_label()
        if self.prefit or _is_fixed(self.estimator):
            held: Array = np.arange(len(y))
            self.estimator_ = self.estimator
            if not _is_function(self.estimator):
                check_is_fitted(self.estimator)
        else:
            fitting, held = split_rows(len(y), self.calibration_share, self.seed)
            self.estimator_ = clone(self.estimator)
            self.estimator_.fit(_safe_indexing(X, fitting), y[fitting])
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        values, kind = self._values(_safe_indexing(X, held))
        score = self._unfitted(values)
        names = self.classes_.tolist() if self.classes_.dtype.kind == "U" else None
        # what a function gives may be refuted by its values; what the names of methods say may not
        said = None if _is_function(self.estimator_) else kind
        score.fit(
            values,
            codes[held],
            kind=said,
            holdout=self.holdout,
            seed=self.seed,
            class_names=names,
        )
        policy = {name: getattr(self, name) for name in _POLICY}
        self.logit_score_ = score.set_threshold(
            per_class=self.per_class, simultaneous=self.simultaneous, **policy
        )
        return self

    def predict(self, X: Any) -> Array:
        """The class of each row, (N,); ``abstain_label`` of rows that are not accepted, if set."""
        values, kind = self._checked_values(X)
        classes = self._classes(values, kind)
        if self.abstain_label is None:
            return classes
        accepted = self.logit_score_.select(values, kind=kind)["selected"]
        return np.where(accepted, classes, np.asarray(self.abstain_label))

    def predict_proba(self, X: Any) -> Array:
        """Calibrated probabilities (N, K), in the order of ``classes_``."""
        values, kind = self._checked_values(X)
        probabilities = np.asarray(self.logit_score_.probabilities(values, kind=kind))
        if values.ndim == 2 and values.shape[1] > 1:
            return probabilities
        yes = probabilities.reshape(-1)
        return np.stack([1.0 - yes, yes], axis=1)

    def select(self, X: Any) -> dict[str, Array]:
        """Scores and the rows that are accepted, as :meth:`LogitScore.select` gives them.

        Returns:
            ``{"score": (N,), lower is surer, "selected": (N,) bool}``.
        """
        values, kind = self._checked_values(X)
        return self.logit_score_.select(values, kind=kind)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The accuracy of the predicted classes of all rows, accepted or not."""
        classes = self._classes(*self._checked_values(X))
        return float(accuracy_score(y, classes, sample_weight=sample_weight))

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn's tools may expect: that of the estimator."""
        tags = super().__sklearn_tags__()
        if hasattr(self.estimator, "__sklearn_tags__"):
            inner = get_tags(self.estimator)
            tags.input_tags = inner.input_tags
            tags.classifier_tags.multi_class = inner.classifier_tags.multi_class
        return tags

    def _unfitted(self, values: Array) -> LogitScore:
        """The score that was asked for, for as many classes as there are."""
        task = "binary" if len(self.classes_) == 2 else "multiclass"
        asked = self.logit_score
        if not isinstance(asked, str | LogitScore):
            raise LogitconfError(
                f"logit_score must be a name or an unfitted score, got {type(asked).__name__}"
            )
        made: LogitScore = score_class(asked)() if isinstance(asked, str) else clone(asked)
        expected = (len(self.classes_),) if len(self.classes_) > 2 else (1, 2)
        columns = 1 if values.ndim == 1 else values.shape[1]
        if values.ndim > 2 or columns not in expected:
            raise LogitconfError(
                f"the estimator must give one column for each of {len(self.classes_)} classes, got "
                f"values of shape {values.shape}"
            )
        return made.set_params(task=task)

    def _checked_values(self, X: Any) -> tuple[Array, str]:
        check_is_fitted(self)
        return self._values(X)

    def _values(self, X: Any) -> tuple[Array, str]:
        """Logits or probabilities of the estimator, and which of them they are."""
        estimator = self.estimator_
        if _is_function(estimator):
            return _floating(estimator(X)), "logits"
        known = getattr(estimator, "classes_", self.classes_)
        if not np.array_equal(known, self.classes_):
            raise LogitconfError(
                f"the estimator must know the classes {self.classes_.tolist()}, but was fitted on "
                f"{np.asarray(known).tolist()}; give more rows of each class, or another seed"
            )
        if hasattr(estimator, "decision_function"):
            return _floating(estimator.decision_function(X)), "logits"
        if not hasattr(estimator, "predict_proba"):
            raise LogitconfError(
                "the estimator must be a classifier with decision_function or predict_proba, or a "
                f"function that gives logits, got {type(estimator).__name__}"
            )
        # trees say 0 of classes that are not impossible
        shares = _floating(estimator.predict_proba(X)) + np.finfo(np.float64).eps
        return shares / shares.sum(axis=1, keepdims=True), "probabilities"

    def _classes(self, values: Array, kind: str) -> Array:
        """The class of each row: that of the largest logit, as a calibration map leaves it."""
        card = self.logit_score_.card
        rows = Rows.checked(values, None, check_task(card.task), kind=kind)
        logits: Array = rows_mapped(card, rows).values
        one_logit = logits.ndim == 1 or logits.shape[1] == 1
        codes = (logits.reshape(-1) > 0).astype(int) if one_logit else logits.argmax(axis=1)
        classes: Array = self.classes_[codes]
        return classes

    def _check_abstain_label(self) -> None:
        if self.abstain_label is None:
            return
        kinds = [
            "text" if np.asarray(value).dtype.kind in "UO" else "numbers"
            for value in (self.abstain_label, self.classes_)
        ]
        if kinds[0] != kinds[1] or self.abstain_label in self.classes_.tolist():
            raise LogitconfError(
                f"abstain_label must be none of the classes and of their kind ({kinds[1]}), got "
                f"{self.abstain_label!r}"
            )


def _is_function(estimator: Any) -> bool:
    """Whether logits come from a function of X, rather than from an estimator."""
    return isinstance(estimator, Callable) and not hasattr(estimator, "fit")  # type: ignore[arg-type]


def _is_fixed(estimator: Any) -> bool:
    """Whether the estimator says itself that it is not to be fitted again."""
    return _is_function(estimator) or type(estimator).__name__ == "FrozenEstimator"


def _floating(values: Any) -> Array:
    array = np.asarray(values)
    return array if array.dtype.kind == "f" else array.astype(np.float64)
