"""Numbers of a graph beside those of its card, bit for bit."""

from __future__ import annotations

import numpy as np
import onnx

from logitconf_export.heads.metadata import HeadMetadata
from logitconf_export.onnx_files.loading import array_of
from logitconf_export.onnx_files.types import Array
from logitconf_export.proof.cases.rules import Rules
from logitconf_export.proof.composing.finite_rows import Computed
from logitconf_export.proof.composing.places import along, direction
from logitconf_export.proof.composing.tensors import CannotProveError, Tensor
from logitconf_export.proof.exact.abstract_rows import BELOW, atom_of


class RefutedError(Exception):
    """By comparison; the message says what is not the card's."""


def compare_numbers(model: onnx.ModelProto, metadata: HeadMetadata) -> None:
    """Checks the card's numbers where the graph still has them by their names.

    Raises:
        RefutedError: if one is another.
    """
    tensors = {t.name: t for t in model.graph.initializer}
    mapping = metadata.card.calibration_map
    numbers = {name: getattr(metadata.card, name) for name in ("temperature", "threshold")}
    for name, value in {**numbers, **(mapping.buffers if mapping else {})}.items():
        wanted = np.asarray(value, dtype=np.float32)
        tensor = tensors.get(f"{metadata.prefix}{name}")
        if tensor is None or tensor.data_location == onnx.TensorProto.EXTERNAL:
            continue
        _compare_bits(name, array_of(tensor), wanted)


def _compare_bits(name: str, got: Array, wanted: Array) -> None:
    """Checks that numbers of the graph are the card's, bit for bit."""
    if got.dtype == np.float32 and got.tobytes() == wanted.tobytes():
        return
    got, wanted = got.ravel(), wanted.ravel()
    if got.size != wanted.size:
        raise RefutedError(f"the graph's {name} is {got.size} numbers, the card's {wanted.size}")
    differ = got.astype(np.float32).view(np.uint32) != wanted.view(np.uint32)
    at = int(differ.argmax())
    which = f" of column {at}" if wanted.size > 1 else ""
    raise RefutedError(
        f"the graph's {name}{which} is {_spell_number(got[at])}, the card's "
        f"{_spell_number(wanted[at])}"
    )


def _spell_number(number: object) -> str:
    return f"{number} (float32 0x{np.asarray(number, np.float32).view(np.uint32):08x})"


def compare_masks(metadata: HeadMetadata, computed: Computed, rules: Rules) -> None:
    """Checks that the mask is the score below the card's threshold.

    Raises:
        RefutedError: if it is below another number.
        CannotProveError: if that is not seen.
    """
    mask, threshold = computed.mask, np.asarray(metadata.card.threshold, dtype=np.float32)
    if mask.value is not None:
        raise RefutedError(f"the mask is {mask.value} for every row, whatever its score")
    if len(mask.below) != 1:
        raise CannotProveError("the mask is not seen to be one comparison with the threshold")
    ((smaller, larger),) = mask.below
    if not isinstance(smaller, Tensor) or smaller.key != computed.score.key:
        raise CannotProveError("the mask compares something else than the score")
    if isinstance(larger, Tensor):
        limits = _limits(computed, larger, rules)
        wanted = threshold if threshold.ndim else np.broadcast_to(threshold, limits.shape)
        _compare_bits("threshold", limits, wanted)
        return
    form = metadata.form
    own = not larger.values.size or along(larger.values, smaller.dims, form.class_axis) is not None
    if threshold.ndim and not own:
        raise CannotProveError("thresholds are not seen to go with their labels")
    _compare_bits("threshold", larger.values, threshold)


def _limits(computed: Computed, limit: Tensor, rules: Rules) -> Array:
    """The thresholds of the classes, where the one of the predicted class is taken.

    Raises:
        CannotProveError: if they are chosen in another way.
    """
    if limit.source is None or limit.source[0] != "limit":
        raise CannotProveError("the mask is not seen to be the score below a number")
    _, of, limits = limit.source
    top = atom_of(BELOW)
    by_class = not of.error.any() and top in computed.rows.cells
    if not by_class or direction(computed.rows, of.expression) != (top, 1):
        raise CannotProveError("thresholds are not seen to go with the class that is predicted")
    tie = rules.results("Equal", float(np.float32(1e-40)), 0.0)
    if tie is not None and tie.high > 0.0:
        raise CannotProveError(
            "Equal takes subnormal logits for equal, so that another class' threshold may be taken"
        )
    return np.asarray(limits)
