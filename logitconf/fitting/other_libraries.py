"""Fitted objects of other libraries as scores with the same numbers.

A source is recognised by the names of its class and module; nothing of it is imported. Each source
gives a score and says what its input becomes before the score takes it (:class:`SourceInput`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from logitconf.arrays import Array, beside, namespace, to_numpy
from logitconf.errors import LogitconfError
from logitconf.fitting.logit_score import LogitScore
from logitconf.fitting.score_classes import (
    EnergyScore,
    EntropyScore,
    MarginScore,
    MutualInformationScore,
    PredictiveVarianceScore,
    SoftmaxScore,
)
from logitconf.rows import at_least_float32
from logitconf.tasks import ArrayLike, as_array

_SEAPIG_SCORES: Mapping[str, Callable[..., LogitScore]] = {
    score.__name__: score for score in (SoftmaxScore, EntropyScore, EnergyScore, MarginScore)
}
_SEAPIG_OVER_MEMBERS: Mapping[str, Callable[..., LogitScore]] = {
    score.__name__: score for score in (MutualInformationScore, PredictiveVarianceScore)
}
# what scikit-learn adds to a probability before its logarithm
_SKLEARN_EPSILON = 1e-12
_SAME_SCORE = 1e-4
"""Float32 scores of logits up to 100 differ by less, other formulas by more."""


@dataclass(frozen=True, slots=True)
class SourceInput:
    """What a source is given, and how it becomes logits.

    Attributes:
        kind: ``"logits"``: they are taken as they come. ``"log"``: the logarithm of epsilon plus a
            probability, of both classes where one is given. ``"log of one-vs-rest"``: each value f
            of a class becomes log sigmoid(−(slope · f + intercept)), whose softmax is those
            sigmoids made to sum to 1. ``"affine"``: −(slope · f + intercept), one value.
        of: how the source calls what it takes: ``"logits"``, ``"probabilities"`` or
            ``"decision values"``.
        n_classes: how many values a row has; 1 for a single one, with or without an axis.
        slope: one number a column, where ``kind`` has a slope.
        intercept: the same.
        epsilon: added to a probability.
    """

    kind: str
    of: str
    n_classes: int | None
    slope: tuple[float, ...] = ()
    intercept: tuple[float, ...] = ()
    epsilon: float = 0.0

    def logits(self, values: Array) -> Array:
        """The logits that the score takes, float64 for float64 values, else float32."""
        x = at_least_float32(values)
        if self.kind == "logits":
            return x
        xp = namespace(x)
        x = xp.reshape(x, (x.shape[0], -1))
        if x.shape[1] != self.n_classes:
            raise LogitconfError(
                f"the source takes {self.n_classes} {self.of} a row, "
                f"got shape {tuple(values.shape)}"
            )
        if self.kind == "log":
            pair = xp.concat([1.0 - x, x], axis=1) if self.n_classes == 1 else x
            # -inf is what a probability of 0 stands for
            with np.errstate(divide="ignore"):
                return xp.log(pair + self.epsilon)
        slope, intercept = (
            xp.astype(beside(np.asarray(numbers), x), x.dtype)
            for numbers in (self.slope, self.intercept)
        )
        z = -(slope * x + intercept)
        if self.kind == "affine":
            return z
        # log sigmoid
        return (z - xp.abs(z)) * 0.5 - xp.log1p(xp.exp(-xp.abs(z)))


@dataclass(frozen=True, slots=True)
class Adapted:
    """A source's score and its input."""

    score: LogitScore
    input: SourceInput


def from_fitted(source: object, *, task: str | None = None) -> LogitScore:
    """The score with the numbers of another library's fitted object.

    Taken are seapig's logit scores (four of 0.1 to 0.3, of ensembles too from 0.3 on, and the two
    of 0.3 that compare members), with their threshold; the temperature
    scalers of torch-uncertainty and netcal; scikit-learn's ``CalibratedClassifierCV`` with
    ``method="temperature"`` or ``"sigmoid"``, fitted as one classifier. The latter three become a
    :class:`SoftmaxScore` without a threshold. The score takes what :func:`source_logits` makes of
    the source's input.

    Args:
        source: the fitted object; it is not changed.
        task: for a scaler of torch-uncertainty, which does not say; ``"multiclass"`` if not given.

    Raises:
        LogitconfError: if the object is none of these, is not fitted, or computes something that
            the score does not.
    """
    return adapt(source, task=task).score


def source_logits(source: object, values: ArrayLike, *, task: str | None = None) -> Array:
    """What the score of :func:`from_fitted` takes, from what the source itself takes.

    Args:
        source: the fitted object.
        values: logits for seapig (of an ensemble with the members last) and
            torch-uncertainty; probabilities (N, K) or (N,) for netcal;
            for scikit-learn the base estimator's decision_function, or its predict_proba if it has
            no decision_function.
        task: as in :func:`from_fitted`.

    Returns:
        Logits (N, K) or (N, 1), or (N,) where they are the values; float64 if those are, and of
        their kind of array.

    Raises:
        LogitconfError: as :func:`from_fitted`; or if the values have the wrong shape.
    """
    adapted = adapt(source, task=task)
    array = as_array(values, "values")
    of_positive = array.ndim == 2 and array.shape[1] == 2 and adapted.input.n_classes == 1
    # predict_proba of two classes says the same twice
    picked = array[:, 1:] if of_positive and adapted.input.of == "probabilities" else array
    return adapted.input.logits(picked)


def adapt(source: object, *, task: str | None = None) -> Adapted:
    """The score of a source and the way to it; see :func:`from_fitted`."""
    home, name = type(source).__module__.split(".")[0], type(source).__name__
    for known, take in _SOURCES.items():
        if home == known:
            if task is not None and known != "torch_uncertainty":
                raise LogitconfError(f"a {name} says its own task, got task={task!r} too")
            return take(source, name, task)
    raise LogitconfError(
        f"a fitted object must come from one of {sorted(_SOURCES)}, got {name} of {home}"
    )


def _of_seapig(source: Any, name: str, task: str | None) -> Adapted:  # noqa: ARG001
    known = {**_SEAPIG_SCORES, **_SEAPIG_OVER_MEMBERS}
    if name not in known:
        raise LogitconfError(f"of seapig the scores {sorted(known)} are taken, got {name}")
    temperature = 1.0 if source.temperature is None else float(source.temperature)
    if source.logits is None or source.scores is None:
        raise LogitconfError(f"the {name} must be fitted, got one without scores")
    members = int(source.logits.shape[-1]) if getattr(source, "per_member", False) else None
    shape = source.logits.shape if members is None else source.logits.shape[:-1]
    n_classes = 1 if len(shape) == 1 else int(shape[1])
    options = {"per_member": members is not None} if name in _SEAPIG_SCORES else {}
    candidates = [temperature, 1.0] if name == "MarginScore" else [temperature]
    for value in candidates:
        score = known[name](value, task=source.task, **options)
        if _same_numbers(score, source):
            break
    else:
        raise LogitconfError(
            f"the {name} for task {source.task!r} at T = {temperature:g} must compute what ours "
            "does, but differs on the rows that it was fitted on; fit a score of logitconf on them"
        )
    score.card = replace(score.card, n_classes=n_classes, members=members)
    if source.threshold is not None:
        score.set_threshold(value=float(source.threshold))
    return Adapted(score, SourceInput("logits", "logits", n_classes))


def _same_numbers(score: LogitScore, source: Any) -> bool:
    """Whether ours gives the source's scores to its rows; versions of seapig differ in details."""
    theirs = to_numpy(source.scores).reshape(-1).astype(np.float64)
    ours = score.score(to_numpy(source.logits).astype(np.float64))
    # seapig's float32 entropy of saturated logits is NaN
    known = np.isfinite(theirs)
    close = np.isclose(ours, theirs, rtol=_SAME_SCORE, atol=_SAME_SCORE)
    return bool(known.any() and close[known].all())


def _of_torch_uncertainty(source: Any, name: str, task: str | None) -> Adapted:
    if name != "TemperatureScaler":
        raise LogitconfError(
            f"of torch-uncertainty a TemperatureScaler is taken, got {name}: one temperature "
            "cannot say what it does"
        )
    if not source.trained:
        raise LogitconfError("the TemperatureScaler must be fitted, got one that is not")
    value = source.temperature
    value = float((value[0] if isinstance(value, (list, tuple)) else value).detach().reshape(()))
    score = _softmax(value, task or "multiclass", None)
    return Adapted(score, SourceInput("logits", "logits", None))


def _of_netcal(source: Any, name: str, task: str | None) -> Adapted:  # noqa: ARG001
    if name != "TemperatureScaling":
        raise LogitconfError(f"of netcal a TemperatureScaling is taken, got {name}")
    if source.method not in ("mle", "momentum"):
        raise LogitconfError(
            f"a TemperatureScaling must have one temperature, got method={source.method!r}, "
            "which has a distribution of them"
        )
    if source.detection or source.num_classes is None:
        raise LogitconfError("the TemperatureScaling must be fitted on class probabilities")
    binary = int(source.num_classes) == 2 and not source.independent_probabilities
    if source.independent_probabilities and not binary:
        raise LogitconfError(
            "a TemperatureScaling of independent probabilities is not taken: netcal scales them as "
            "if they competed"
        )
    values = to_numpy(as_array(source.weights, "weights")).astype(np.float64).reshape(-1)
    if len(values) != 1:
        raise LogitconfError(f"a TemperatureScaling must have one weight, got {len(values)}")
    inverse = float(values[0])
    temperature = 1.0 / inverse if inverse else float("inf")
    if binary:
        score = _softmax(temperature, "binary", 2)
        return Adapted(score, SourceInput("log", "probabilities", 1))
    n_classes = int(source.num_classes)
    return Adapted(
        _softmax(temperature, "multiclass", n_classes),
        SourceInput("log", "probabilities", n_classes),
    )


def _of_sklearn(source: Any, name: str, task: str | None) -> Adapted:  # noqa: ARG001
    if name != "CalibratedClassifierCV":
        raise LogitconfError(f"of scikit-learn a CalibratedClassifierCV is taken, got {name}")
    fitted = getattr(source, "calibrated_classifiers_", None)
    if not fitted:
        raise LogitconfError("the CalibratedClassifierCV must be fitted, got one that is not")
    if len(fitted) != 1:
        raise LogitconfError(
            f"a CalibratedClassifierCV must hold one classifier, got {len(fitted)}, whose "
            "probabilities are averaged; fit it with ensemble=False, or on a FrozenEstimator"
        )
    (pair,) = fitted
    if pair.method not in ("temperature", "sigmoid"):
        raise LogitconfError(
            f"method must be 'temperature' or 'sigmoid', got {pair.method!r}: steps of an isotonic "
            "fit are not a function of a few numbers"
        )
    classes = len(pair.classes)
    known = [list(pair.classes)]
    if pair.method == "temperature":
        # scikit-learn 1.9 fits it on classes numbered in their order, the base estimator too
        known.append(list(range(classes)))
    if list(pair.estimator.classes_) not in known:
        raise LogitconfError(
            "the base estimator must know the classes of the calibration, "
            f"{known[0]}, got {list(pair.estimator.classes_)}"
        )
    decides = hasattr(pair.estimator, "decision_function")
    of = "decision values" if decides else "probabilities"
    n_classes = 1 if classes == 2 else classes
    if pair.method == "temperature":
        return _temperature_of_sklearn(float(pair.calibrators[0].beta_), decides, of, n_classes)
    slope = tuple(float(calibrator.a_) for calibrator in pair.calibrators)
    intercept = tuple(float(calibrator.b_) for calibrator in pair.calibrators)
    if len(slope) != n_classes:
        raise LogitconfError(f"{n_classes} columns need as many sigmoids, got {len(slope)}")
    kind, task_name = (
        ("affine", "binary") if n_classes == 1 else ("log of one-vs-rest", "multiclass")
    )
    score = _softmax(1.0, task_name, n_classes)
    return Adapted(score, SourceInput(kind, of, n_classes, slope, intercept))


def _temperature_of_sklearn(beta: float, decides: bool, of: str, n_classes: int) -> Adapted:
    if decides and n_classes == 1:
        # scikit-learn takes one decision value f as the pair (-f, f), twice as far apart
        score = _softmax(0.5 / beta, "binary", 1)
        return Adapted(score, SourceInput("logits", of, 1))
    task = "binary" if n_classes == 1 else "multiclass"
    score = _softmax(1.0 / beta, task, 2 if n_classes == 1 else n_classes)
    if decides:
        return Adapted(score, SourceInput("logits", of, n_classes))
    return Adapted(score, SourceInput("log", of, n_classes, epsilon=_SKLEARN_EPSILON))


def _softmax(temperature: float, task: str, n_classes: int | None) -> LogitScore:
    if not temperature > 0.0:
        raise LogitconfError(
            f"the source must have a temperature above 0, got {temperature:g}: it would turn the "
            "order of the classes around; fit it on logits, not on probabilities"
        )
    score = SoftmaxScore(temperature, task=task)
    score.card = replace(score.card, n_classes=n_classes)
    return score


_SOURCES: Mapping[str, Callable[[Any, str, str | None], Adapted]] = {
    "netcal": _of_netcal,
    "seapig": _of_seapig,
    "sklearn": _of_sklearn,
    "torch_uncertainty": _of_torch_uncertainty,
}
