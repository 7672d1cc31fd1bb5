"""What each task's logits and labels look like, and their one canonical form.

The last module that knows tasks by name: behind it there are *categorical* logits (classes that
compete) and *bernoulli* logits (labels that do not).
"""

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, cast, get_args

import numpy as np
import numpy.typing as npt
from array_api_compat import is_array_api_obj

from logitconf.arrays import (
    Array,
    beside,
    dtype_name,
    is_tensor,
    namespace,
    silent,
    to_numpy,
)
from logitconf.errors import LogitconfError, not_among

Task: TypeAlias = Literal["multiclass", "binary", "multilabel"]
Family: TypeAlias = Literal["categorical", "bernoulli"]
InputKind: TypeAlias = Literal["logits", "probabilities", "log-probabilities"]
# torch tensors, NumPy, CuPy and JAX arrays, and what NumPy can read: lists, data frames, columns
ArrayLike: TypeAlias = Any

TASKS: tuple[str, ...] = get_args(Task)
_TASK_SYNONYMS = {
    "classification": "multiclass",
    "categorical": "multiclass",
    "single-label": "multiclass",
    "multinomial": "multiclass",
    "binary classification": "binary",
    "bernoulli": "binary",
    "tagging": "multilabel",
}
_FLOATS = ("float16", "bfloat16", "float32", "float64")


@dataclass(frozen=True, slots=True)
class Layout:
    """How one task's logits lie in a tensor.

    Attributes:
        task: ``"multiclass"``, ``"binary"`` or ``"multilabel"``.
        n_classes: classes or labels along the class axis; 1 for one-logit binary; None if free.
        class_axis: the axis of the classes; for one-logit binary it may be absent.
        members: how many members of an ensemble lie along the last axis; None if there is none.
        per_label: whether each label of a multilabel row is judged by itself.
    """

    task: Task
    n_classes: int | None
    class_axis: int = 1
    members: int | None = None
    per_label: bool = False

    @property
    def one_logit(self) -> bool:
        """Whether a row is a single logit for the positive class."""
        return self.task == "binary" and self.n_classes == 1

    @property
    def axis(self) -> int | None:
        """The class axis of the canonical form, None where each logit is judged by itself."""
        return None if self.one_logit or self.per_label else self.class_axis

    @property
    def family(self) -> Family:
        """Whether the columns are competing classes or independent labels."""
        if self.task == "multilabel" or self.one_logit:
            return "bernoulli"
        return "categorical"


def check_task(task: str) -> Task:
    """The task, if it is one.

    Raises:
        LogitconfError: for any other word.
    """
    if task not in TASKS:
        raise not_among("task", task, TASKS, _TASK_SYNONYMS)
    return cast(Task, task)


def as_array(values: ArrayLike, what: str) -> Array:
    """The values as an array of their own library, sharing memory where it can.

    Torch tensors (detached), CuPy and JAX arrays stay what and where they are. All else becomes a
    NumPy array: lists, data frames, columns, and whatever gives its values as ``__array__`` or
    ``__dlpack__``. NumPy's bfloat16 becomes float32, which holds the same values.

    Raises:
        LogitconfError: if it is not an array of numbers.

    >>> as_array([[1.0, 2.0]], "logits").shape
    (1, 2)
    """
    if is_tensor(values):
        return values.detach()
    if is_array_api_obj(values) and not isinstance(values, np.ndarray):
        return values
    array = _as_numpy(values, what)
    if dtype_name(array) == "bfloat16":
        array = array.astype(np.float32)
    if array.dtype.kind not in "biufc":
        raise LogitconfError(f"{what} must be an array of numbers, got an array of {array.dtype}")
    return array


def _as_numpy(values: ArrayLike, what: str) -> "np.ndarray[Any, Any]":
    if values is None or isinstance(values, (str, bytes, dict, set)):
        raise LogitconfError(f"{what} must be an array of numbers, got {type(values).__name__}")
    if np.ma.is_masked(values):
        raise LogitconfError(f"{what} must not have masked elements; drop those rows")
    try:
        if hasattr(values, "__dlpack__") and not hasattr(values, "__array__"):
            return np.from_dlpack(values)
        return np.asarray(values)
    except (TypeError, ValueError, BufferError) as error:
        raise LogitconfError(
            f"{what} must be an array of numbers, got {type(values).__name__}: {error}"
        ) from error


def check_logits(
    logits: ArrayLike, task: Task, *, per_member: bool = False, per_label: bool = False
) -> tuple[Array, Layout]:
    """The logits as a floating array and their layout (rows first, classes on axis 1).

    Args:
        logits: multiclass (N, C); binary (N,), (N, 1) or (N, 2); multilabel (N, L).
        task: what the columns mean.
        per_member: whether the M members of an ensemble follow as the last axis: (N, C, M);
            binary (N, M), (N, 1, M) or (N, 2, M); (N, L, M).
        per_label: whether each label of a multilabel row is judged by itself.

    Raises:
        LogitconfError: if dtype, rank or the number of columns does not fit the task.
    """
    array = as_array(logits, "logits")
    if dtype_name(array) not in _FLOATS:
        raise LogitconfError(
            f"logits must be floating point ({', '.join(_FLOATS)}), got {dtype_name(array)}; "
            "convert them with .float() (torch) or .astype('float32')"
        )
    shape = tuple(array.shape)
    if per_member:
        return array, replace(_member_layout(shape, task), per_label=per_label)
    if task == "binary":
        if array.ndim == 1:
            return array, Layout(task, 1)
        if array.ndim == 2 and shape[1] in (1, 2):
            return array, Layout(task, shape[1])
        raise LogitconfError(
            f"binary logits must be (N,), (N, 1) or (N, 2), got shape {shape}{_positions(shape)}"
        )
    least = 2 if task == "multiclass" else 1
    if array.ndim != 2 or shape[1] < least:
        letter = "C" if task == "multiclass" else "L"
        hint = _positions(shape)
        if len(shape) == 1 or shape[1:] == (1,):
            hint = "; for a single logit use task='binary' (--task binary)"
        raise LogitconfError(
            f"{task} logits must be (N, {letter}) with {letter} >= {least}, got shape {shape}{hint}"
        )
    return array, Layout(task, shape[1], per_label=per_label)


def _positions(shape: tuple[int, ...]) -> str:
    """What to do with logits of another shape, as the end of a sentence."""
    if len(shape) == 2 and shape[1] > 2:
        return "; for classes that compete use task='multiclass', for labels task='multilabel'"
    if len(shape) > 2:
        return (
            "; make every position a row, as with numpy.moveaxis(logits, 1, -1)"
            f".reshape(-1, {shape[1]})"
        )
    return ""


def _member_layout(shape: tuple[int, ...], task: Task) -> Layout:
    if task == "binary" and len(shape) == 2 and shape[1] > 0:
        return Layout(task, 1, class_axis=2, members=shape[1])
    least = 2 if task == "multiclass" else 1
    fits = len(shape) == 3 and shape[2] > 0 and shape[1] >= least
    if fits and (task != "binary" or shape[1] <= 2):
        return Layout(task, shape[1], members=shape[2])
    expected = {
        "multiclass": "(N, C, M) with C >= 2",
        "binary": "(N, M), (N, 1, M) or (N, 2, M)",
        "multilabel": "(N, L, M)",
    }
    raise LogitconfError(
        f"{task} logits of M members must be {expected[task]} and M >= 1, got shape {shape}"
    )


def check_labels(labels: ArrayLike, logits: Array, layout: Layout) -> Array:
    """The labels in the form that the temperature fit takes, of the logits' library and device.

    Args:
        labels: categorical (N,) or (N, 1) class indices; one-logit (N,) or (N, 1) in [0, 1];
            multilabel (N, L) in [0, 1].
        logits: the checked logits.
        layout: their layout.

    Returns:
        Categorical: (N,) int64. Bernoulli: (N, L) float32, L = 1 for one logit.

    Raises:
        LogitconfError: if shape, dtype or range does not fit.
    """
    values = to_numpy(as_array(_no_names(labels), "labels"))
    rows, shape = int(logits.shape[0]), values.shape
    if layout.family == "categorical" or layout.one_logit:
        if shape not in {(rows,), (rows, 1)}:
            raise LogitconfError(
                f"{layout.task} labels must be ({rows},), one for each row of logits, "
                f"got shape {shape}{_misshapen(values, tuple(logits.shape))}"
            )
        values = values.reshape(rows)
    elif shape != (rows, layout.n_classes):
        hint = "; for one class a row use task='multiclass' (--task multiclass)"
        raise LogitconfError(
            f"multilabel labels must have the shape of the logits, {(rows, layout.n_classes)}, "
            f"got {shape}{hint if shape == (rows,) else ''}"
        )
    if values.dtype.kind == "c" or (values.dtype.kind == "f" and np.isnan(values).any()):
        raise LogitconfError("labels must be real numbers, got NaN or complex; drop those rows")
    if layout.family == "bernoulli":
        values = _in_unit_interval(values).reshape(rows, layout.n_classes or 1)
    else:
        values = _class_indices(values, int(layout.n_classes or 0))
    return values if isinstance(logits, np.ndarray) else beside(values, logits)


def _in_unit_interval(labels: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    if labels.size and (labels.min() < 0 or labels.max() > 1):
        raise LogitconfError(
            f"labels of a one-logit or multilabel task must be in [0, 1], "
            f"got {labels.min():g} to {labels.max():g}"
        )
    return labels.astype(np.float32, copy=False)


def _class_indices(labels: npt.NDArray[Any], n_classes: int) -> npt.NDArray[np.int64]:
    if labels.dtype.kind == "f" and not np.array_equal(labels, np.round(labels)):
        raise LogitconfError(
            "labels must be class indices (whole numbers), got fractions; "
            "soft labels are for one-logit and multilabel tasks"
        )
    if labels.size and (labels.min() < 0 or labels.max() >= n_classes):
        raise LogitconfError(
            f"labels must be in 0..{n_classes - 1} for logits with {n_classes} columns, "
            f"got {labels.min():g} to {labels.max():g}; {_out_of_range(labels, n_classes)}"
        )
    return labels.astype(np.int64, copy=False)


def _no_names(labels: ArrayLike) -> ArrayLike:
    """The labels, unless they are names."""
    names = labels if isinstance(labels, list | tuple | np.ndarray) else np.asarray([])
    if isinstance(names, np.ndarray) and names.dtype.kind not in "USO":
        return labels
    first = next(iter(np.asarray(names, dtype=object).reshape(-1)), None)
    if isinstance(first, str | bytes):
        raise LogitconfError(
            f"labels must be numbers, got text such as {first!r}; give the column of the logits "
            "that each name stands for, counted from 0"
        )
    return labels


def _misshapen(labels: npt.NDArray[Any], logits: tuple[int, ...]) -> str:
    """What to do with labels of another shape, as the end of a sentence."""
    if labels.shape == logits and labels.dtype.kind in "biuf":
        one_each = ((labels == 0) | (labels == 1)).all() and (labels.sum(axis=-1) == 1).all()
        if one_each:
            return ", one-hot; give labels.argmax(axis=1)"
    if len(logits) == 2 and labels.shape[:1] == logits[1:]:
        return "; the logits may have their rows as columns: give logits.T"
    return ""


def _out_of_range(labels: npt.NDArray[Any], n_classes: int) -> str:
    """What to do with labels that are no columns of the logits."""
    values = {*np.unique(labels).tolist()}
    if min(values) == 1 and max(values) == n_classes:
        return "they seem to count from 1: subtract 1"
    strange = sorted(int(each) for each in values if not 0 <= each < n_classes)
    if len(strange) == 1:
        return f"leave out the rows whose label stands for none (--ignore-label {strange[0]})"
    return "leave out rows whose label stands for none (--ignore-label)"


def signed_canonical(logits: Array, layout: Layout) -> Array:
    """Logits (N, K) or (N, L) for fitting: one logit becomes one column, its sign kept.

    The M members of a row become M rows, one after the other.
    """
    xp = namespace(logits)
    if layout.members is not None:
        rows = xp.moveaxis(logits, -1, 1)
        return xp.reshape(rows, (-1, layout.n_classes or 1))
    return xp.reshape(logits, (logits.shape[0], 1)) if layout.one_logit else logits


@silent
def canonical(
    logits: Array, layout: Layout, kind: InputKind = "logits", *, signed: bool = False
) -> Array:
    """Logits as the scores take them: classes or labels along the class axis.

    A single logit z has no such axis, and only its size counts: every score of one-logit binary,
    and of a label that is judged by itself, is that of the pair (0, abs z) (the energy too, see
    :class:`~logitconf.EnergyScore`).

    Args:
        logits: of the layout's shape, floating; or probabilities, as ``kind`` says.
        layout: the layout.
        kind: what the numbers are.
        signed: whether the sign of a single logit counts, as that of a learned confidence does, or
            where members are compared.
    """
    xp = namespace(logits)
    logits = logits_of(logits, layout, kind)
    if layout.axis is not None:
        return logits
    axis = layout.class_axis
    has_axis = layout.one_logit and logits.ndim - (layout.members is not None) > axis
    single = xp.squeeze(logits, axis=axis) if has_axis else logits
    return single if signed else xp.abs(single)


@silent
def logits_of(values: Array, layout: Layout, kind: InputKind) -> Array:
    """Logits that belong to probabilities or log-probabilities, up to a common offset.

    Zero is a certain no (−inf). For labels, a probability of one stands for the largest below
    one, and so does a log-probability of zero, so that a certain yes stays finite.
    """
    if kind == "logits":
        return values
    xp = namespace(values)
    if layout.family == "categorical":
        return xp.log(values) if kind == "probabilities" else values
    if kind == "log-probabilities":
        # 1 - exp(v) without cancellation where v is near 0
        no = -xp.tanh(values * 0.5) * (1.0 + xp.exp(values))
        return values - xp.log(xp.clip(no, min=2.0**-24))
    return xp.log(values) - xp.log(xp.clip(1.0 - values, min=2.0**-24))


def predicted_correctly(logits: Array, labels: Array, layout: Layout) -> Array:
    """Whether the decision of each row is right: (N,) bool; (N, L) where each label is judged.

    Categorical: the largest logit is the label's. Labels: every label lies on its side of 0
    (a multilabel row is an error if any of its labels is wrong). Rows without a finite
    prediction count as wrong.
    """
    xp = namespace(logits)
    if layout.family == "categorical":
        return xp.argmax(logits, axis=1) == labels
    right = (signed_canonical(logits, layout) > 0) == (labels > 0.5)
    return right if layout.per_label else xp.all(right, axis=1)
