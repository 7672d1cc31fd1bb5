"""What the numbers of rows are: logits, probabilities or log-probabilities, as far as they show.

Values may refute what was said or left open; they never decide.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias, cast, get_args

import numpy as np
import numpy.typing as npt

from logitconf.arrays import Array, to_numpy
from logitconf.errors import LogitconfError, not_among
from logitconf.tasks import InputKind, Layout

KINDS: tuple[str, ...] = get_args(InputKind)
KIND_SYNONYMS: Mapping[str, str] = {
    "probs": "probabilities",
    "proba": "probabilities",
    "softmax": "probabilities",
    "sigmoid": "probabilities",
    "logprobs": "log-probabilities",
    "logproba": "log-probabilities",
    "logsoftmax": "log-probabilities",
    "raw": "logits",
}
"""What others call them."""

# Classes: four rows of real logits that sum to one by chance were not met in 24,000 draws of
# spread .1 to 3. One logit or label has no sum: of a weak classifier twenty values may lie in
# [0, 1] by chance, and `kind` says so; below that number nothing is refused.
_FEWEST_ROWS, _FEWEST_VALUES = 4, 20
_SUM_OF_UNKNOWN = 1e-3
# Where it is said: numbers in bfloat16 or of two decimals.
_SUM_OF_KNOWN = 1e-2
_BLOCK_ELEMENTS = 1 << 16


def kind_of_rows(values: Array, layout: Layout, kind: str | None) -> InputKind:
    """What the rows are, as it was said, or logits where nothing was said; unless values refute it.

    Log-probabilities of classes are logits whose common offset is lost. Where nothing was said and
    the values are such, that is what comes back: most scores do not depend on the offset.

    Args:
        values: floating, (N, ...) as the layout says. Rows with a NaN or a +inf do not count.
        layout: where classes and members lie.
        kind: ``"logits"``, which is taken as it is; ``"probabilities"``, ``"log-probabilities"``;
            or None.

    Raises:
        LogitconfError: for another word; if nothing was said and all values are in [0, 1] and, of
            classes, each row sums to 1 within 1e-3; or if the values are not what was said.
    """
    if kind is None:
        return kind_left_open(likeness(values, layout), layout, int(values.shape[0]))
    what = check_kind_word(kind)
    if what != "logits" and _likely(values, layout, what, _SUM_OF_KNOWN) is None:
        raise LogitconfError(_contradiction(layout, what))
    return what


def check_kind_word(kind: str) -> InputKind:
    """The kind, if it is one.

    Raises:
        LogitconfError: for another word.
    """
    if kind not in KINDS:
        raise not_among("kind", kind, KINDS, KIND_SYNONYMS)
    return cast(InputKind, kind)


Likeness: TypeAlias = tuple[int | None, int | None]
"""How many rows, or values, could be probabilities, and how many logarithms of them; None if one
of them could not be."""


def likeness(values: Array, layout: Layout) -> Likeness:
    """What rows could be besides logits, by their values alone."""
    probable = _likely(values, layout, "probabilities", _SUM_OF_UNKNOWN)
    classes = layout.family == "categorical"
    return probable, _likely(values, layout, KINDS[2], _SUM_OF_UNKNOWN) if classes else None


def kind_left_open(like: Likeness, layout: Layout, rows: int) -> InputKind:
    """What all rows are where nobody said it, by how many could be what.

    Raises:
        LogitconfError: if they look like probabilities.
    """
    fewest = _FEWEST_ROWS if layout.family == "categorical" else _FEWEST_VALUES
    probable, logarithms = (each is not None and each >= fewest for each in like)
    if probable:
        raise LogitconfError(_suspicion(rows, layout))
    return "log-probabilities" if logarithms else "logits"


def _suspicion(rows: int, layout: Layout) -> str:
    sums = " and sum to 1 in each row" if layout.family == "categorical" else ""
    return (
        f"logits must not all lie in [0, 1]{sums}, as probabilities do, got {rows} such "
        "rows; say kind='probabilities' (--kind probabilities) if they are, or kind='logits' "
        "(--kind logits)"
    )


def _contradiction(layout: Layout, kind: str) -> str:
    classes = layout.family == "categorical"
    if kind == "probabilities":
        needs = "lie in [0, 1]" + (" and sum to 1 in each row" if classes else "")
    else:
        needs = "be at most 0" + (" and their exponentials sum to 1 in each row" if classes else "")
    return f"{kind} must {needs}, got other values; say what they are with kind= (--kind)"


def _likely(values: Array, layout: Layout, kind: str, tolerance: float) -> int | None:
    """How many rows count, of labels how many values, if all of them could be of that kind."""
    rows = int(values.shape[0])
    most = max(1, _BLOCK_ELEMENTS * rows // max(1, int(np.prod(values.shape))))
    counted = stop = 0
    while stop < rows:
        # the first few rows mostly refute it
        start, stop = stop, min(rows, stop + min(most, stop + _FEWEST_VALUES))
        block = _counting(values[start:stop, ...])
        shares = block if kind == "probabilities" else np.exp(np.minimum(block, 1.0))
        # a logarithm near zero may be rounded to just above it, as its exponential is
        if (shares < 0.0).any() or (shares > 1.0 + tolerance * (kind != "probabilities")).any():
            return None
        if layout.family == "categorical":
            sums = shares.sum(axis=layout.class_axis)
            if (np.abs(sums - 1.0) > tolerance).any():
                return None
            counted += len(block)
        else:
            counted += block.size
    return counted


def _counting(block: Array) -> npt.NDArray[np.float64]:
    """The rows without a NaN or a +inf, in float64."""
    numbers: npt.NDArray[Any] = to_numpy(block).astype(np.float64)
    flat = numbers.reshape(len(numbers), -1)
    return np.asarray(numbers[~(np.isnan(flat) | np.isposinf(flat)).any(axis=1)])
