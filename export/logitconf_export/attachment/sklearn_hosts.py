"""Hosts whose calibration was fitted by another library, with our head behind it.

``CalibratedClassifierCV`` with a temperature has no converter of its own: its base estimator is
converted, and the head gives the calibrated probabilities.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from logitconf.errors import LogitconfError, MissingExtraError
from logitconf.fitting.logit_score import LogitScore
from logitconf.fitting.other_libraries import SourceInput, adapt
from logitconf_export.attachment.attaching import attach
from logitconf_export.heads.metadata import read_metadata
from logitconf_export.hosts.graph.indexing import index_model
from logitconf_export.hosts.operators.table import OPERATORS
from logitconf_export.onnx_files.element_types import FLOAT_WORDS
from logitconf_export.onnx_files.loading import load_model
from logitconf_export.onnx_files.saving import Destination
from logitconf_export.onnx_files.types import Array, ModelSource
from logitconf_export.runtimes.sessions import Session

SOURCE_PREFIX = "logitconf_source/"
SOURCE_LOGITS = f"{SOURCE_PREFIX}logits"
_SHIPPED_TOLERANCE = 1e-5


def with_source_logits(
    model: ModelSource,
    source: object,
    values: str,
    *,
    task: str | None = None,
) -> tuple[onnx.ModelProto, str]:
    """The host with nodes for what :func:`logitconf.source_logits` computes, and its logits' name.

    Args:
        model: a host that computes what the source takes; it is not changed.
        source: another library's fitted object.
        values: the tensor that the source takes: logits, probabilities or decision values. Where
            the source takes one value a row and the tensor has two columns, the last is meant.
        task: as in :func:`logitconf.from_fitted`.

    Raises:
        LogitconfError: as :func:`logitconf.from_fitted`; or if the tensor does not fit.
    """
    taken = adapt(source, task=task).input
    host = onnx.ModelProto()
    host.CopyFrom(load_model(model))
    facts = index_model(host, OPERATORS).facts.get(values)
    if facts is None:
        outputs = [output.name for output in host.graph.output]
        raise LogitconfError(f"the model has no value '{values}'; its outputs are {outputs}")
    n_classes = facts.size(-1) if facts.rank == 2 else None
    pick = taken.n_classes == 1 and n_classes == 2
    if taken.n_classes not in (None, n_classes) and not pick:
        raise LogitconfError(
            f"the source takes {taken.n_classes} {taken.of} a row, but '{values}' has "
            f"{facts.rank} axes and {n_classes} columns"
        )
    if taken.kind == "logits" and not pick:
        return host, values
    dtype = FLOAT_WORDS.get(facts.dtype)
    if dtype not in {"float32", "float64"}:
        raise LogitconfError(f"'{values}' must hold float32 or float64 for a fitted calibration")
    if taken.kind == "log" and taken.n_classes == 1 and not pick:
        raise LogitconfError(f"'{values}' must have the probabilities of both classes, got one")
    _Writer(host.graph, np.dtype(dtype)).write(values, taken, pick=pick)
    return host, SOURCE_LOGITS


class _Writer:
    """Adds nodes and constants under the source's prefix."""

    def __init__(self, graph: onnx.GraphProto, dtype: Any) -> None:
        self._graph = graph
        self._dtype = dtype

    def write(self, values: str, taken: SourceInput, *, pick: bool) -> None:
        """The nodes from the values to the logits."""
        if taken.kind == "log":
            if taken.epsilon:
                values = self._node("Add", [values, self._number("epsilon", taken.epsilon)], "p")
            self._node("Log", [values], "logits")
            return
        if pick:
            last = self._array("last", np.array([1], dtype=np.int64))
            name = "logits" if taken.kind == "logits" else "value"
            values = self._node("Gather", [values, last], name, axis=1)
        if taken.kind == "logits":
            return
        scaled = self._node("Mul", [values, self._number("slope", taken.slope)], "scaled")
        intercept = self._number("intercept", taken.intercept)
        shifted = self._node("Add", [scaled, intercept], "shifted")
        if taken.kind == "affine":
            self._node("Neg", [shifted], "logits")
            return
        z = self._node("Neg", [shifted], "z")
        size = self._node("Abs", [z], "size")
        odds = self._node("Exp", [self._node("Neg", [size], "below")], "odds")
        sum_ = self._node("Add", [odds, self._number("one", 1.0)], "sum")
        tail = self._node("Log", [sum_], "tail")
        least = self._node("Min", [z, self._number("zero", 0.0)], "at_most_zero")
        self._node("Sub", [least, tail], "logits")

    def _node(self, op: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        output = f"{SOURCE_PREFIX}{name}"
        self._graph.node.append(
            helper.make_node(op, list(inputs), [output], name=output, **attributes)
        )
        return output

    def _number(self, name: str, value: float | Sequence[float]) -> str:
        return self._array(name, np.array(value, dtype=self._dtype))

    def _array(self, name: str, value: Array) -> str:
        full = f"{SOURCE_PREFIX}{name}"
        self._graph.initializer.append(numpy_helper.from_array(value, full))
        return full


def ship_sklearn(
    calibrated: Any,
    score: LogitScore,
    rows: Array,
    path: str | Path | None = None,
    *,
    dtype: str = "float32",
    opset: int = 17,
    force: bool = False,
) -> onnx.ModelProto:
    """A calibrated classifier of scikit-learn in ONNX, with score, mask and its probabilities.

    The base estimator is converted by skl2onnx, and the result is run on the rows: probabilities
    that are not those of ``predict_proba`` are an error. The output ``label`` stays the base's;
    under a calibration by sigmoids the most probable class can be another, and under a temperature
    the base may number classes that have names.

    Args:
        calibrated: a fitted ``CalibratedClassifierCV`` that :func:`logitconf.from_fitted` takes.
        score: that score, or another of the same temperature and logits; with a threshold.
        rows: (N, F) inputs to check with, at least one.
        path: where to write the model too, whole or not at all.
        dtype: of input and graph; ``"float64"`` computes like scikit-learn.
        opset: of the host.
        force: whether a file at ``path`` may be replaced.

    Returns:
        The model. Two classes have one probability a row, that of the second.

    Raises:
        LogitconfError: if the estimator cannot be converted, or does not say the same.
        MissingExtraError: without skl2onnx or onnxruntime.
    """
    target = Destination.of(path, force=force)
    taken = adapt(calibrated).input
    inputs = np.ascontiguousarray(rows, dtype=dtype)
    if inputs.ndim != 2 or not len(inputs):
        raise LogitconfError(f"rows must be (N, F) with N >= 1, got shape {inputs.shape}")
    base = calibrated.calibrated_classifiers_[0].estimator
    base = base.estimator if type(base).__name__ == "FrozenEstimator" else base
    host = _converted(base, inputs, raw=taken.of == "decision values", opset=opset)
    host, logits = with_source_logits(host, calibrated, host.graph.output[1].name)
    precision = "float64" if dtype == "float64" else "float32"
    head = score.compile(probabilities=True, precision=precision)
    shipped = attach(host, head, logits=logits, kind="logits")
    _check(shipped, calibrated, inputs)
    target.save(shipped)
    return shipped


def _converted(base: Any, inputs: Array, *, raw: bool, opset: int) -> onnx.ModelProto:
    try:
        import skl2onnx
        from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
    except ImportError as error:
        raise MissingExtraError(
            "a model of scikit-learn needs skl2onnx; install it with: pip install skl2onnx"
        ) from error
    kind = DoubleTensorType if inputs.dtype == np.float64 else FloatTensorType
    scores = {"raw_scores": True} if raw else {}
    refusals = []
    # margins have no dictionary of probabilities that could be left out
    for options in ({"zipmap": False, **scores}, scores):
        try:
            converted: onnx.ModelProto = skl2onnx.convert_sklearn(
                base,
                initial_types=[("inputs", kind([None, inputs.shape[1]]))],
                options={id(_last_step(base)): options},
                target_opset=opset,
            )
        except (NameError, RuntimeError, ValueError, TypeError) as error:
            refusals.append(str(error))
        else:
            return converted
    raise LogitconfError(
        f"skl2onnx must convert {type(base).__name__} with its "
        f"{'decision values' if raw else 'probabilities'}, but says: {refusals[0]}"
    )


def _last_step(estimator: Any) -> Any:
    """The classifier in an estimator, which skl2onnx gives the options to: a pipeline's last."""
    while type(estimator).__name__ in {"Pipeline", "FrozenEstimator"}:
        is_pipeline = type(estimator).__name__ == "Pipeline"
        estimator = estimator.steps[-1][1] if is_pipeline else estimator.estimator
    return estimator


def _check(shipped: onnx.ModelProto, calibrated: Any, inputs: Array) -> None:
    name = read_metadata(shipped).outputs[2]
    with Session(shipped) as session:
        (shipped_values,) = session.run({"inputs": inputs}, [name])
    expected = calibrated.predict_proba(inputs)
    expected = expected[:, 1:] if shipped_values.shape[1] == 1 else expected
    largest = float(np.abs(shipped_values - expected).max())
    if not largest <= _SHIPPED_TOLERANCE:
        raise LogitconfError(
            f"the probabilities must be those of predict_proba to {_SHIPPED_TOLERANCE:g}, but "
            f"differ by {largest:.3g}; the converted estimator computes something else"
        )
