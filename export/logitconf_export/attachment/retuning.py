"""Changing temperature and threshold in a model, without torch."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from logitconf.card.numbers import check_threshold
from logitconf.card.score_card import ScoreCard
from logitconf.errors import LogitconfError
from logitconf.fitting.fit import card_with_threshold
from logitconf.head_spec import map_buffers
from logitconf.notebook.brief import brief
from logitconf.thresholds.reach import check_reachable
from logitconf.thresholds.surely_right import MinConfidence
from logitconf_export.heads.metadata import HeadMetadata, HeadsMetadata, read_heads, write_heads
from logitconf_export.heads.model_info import renew_model_info
from logitconf_export.onnx_files.loading import array_of, load_model, own_copy
from logitconf_export.onnx_files.saving import Destination
from logitconf_export.onnx_files.types import ModelSource

ALL_HEADS = "all"


@dataclass(frozen=True, slots=True)
class Retuning:
    """Other numbers for a head; what is None stays.

    Attributes:
        temperature: divides the logits, > 0.
        threshold: accept below; one number, or one for each class or label if the head has those.
        min_confidence: instead of a threshold, the least confidence.
        mode: instead of a threshold, the name of one that the card holds.
    """

    temperature: float | None = None
    threshold: float | tuple[float, ...] | None = None
    min_confidence: float | None = None
    mode: str | None = None

    __repr__ = brief

    @property
    def changes_threshold(self) -> bool:
        """Whether the threshold is another one."""
        return self.threshold is not None or self.min_confidence is not None or bool(self.mode)

    def check(self) -> None:
        """Checks that there is something to change, and one threshold at most.

        Raises:
            LogitconfError: if not.
        """
        ways = {"threshold": self.threshold, "min_confidence": self.min_confidence}
        given = [name for name, value in (ways | {"mode": self.mode}).items() if value is not None]
        if len(given) > 1:
            raise LogitconfError(f"retune takes one threshold, got {' and '.join(given)}")
        if self.temperature is None and not given:
            raise LogitconfError(
                "retune needs a temperature or a threshold, a min_confidence or a mode that stands "
                "for one, got none of them"
            )


def retune(
    model: ModelSource,
    path: str | Path | None = None,
    *,
    temperature: float | None = None,
    threshold: float | tuple[float, ...] | None = None,
    min_confidence: float | None = None,
    mode: str | None = None,
    head: str | None = None,
    force: bool = False,
) -> onnx.ModelProto:
    """The model with another temperature or threshold in initializers and card.

    What is not given stays. Policy and certificate are dropped, since they were for the old
    numbers: the threshold is then one that was named. The result equals a fresh export of the new
    card.

    Args:
        model: a head, or a host with one; it is not changed.
        path: where to write the result too, whole or not at all.
        temperature: divides the logits, > 0. The card's confidence was fitted at the old one and is
            dropped; a head that gives it keeps its temperature.
        threshold: accept below; one number, or one for each class or label if the head has those.
        min_confidence: instead of a threshold: accept what is right with this probability at least,
            by the confidence in the card; in (0, 1).
        mode: instead of a threshold: the name of one that the card holds.
        head: in a model with several heads, the host's output that the head judges, or ``"all"``.
            Heads that decide jointly are all meant unless one is named.
        force: whether a file at ``path`` may be replaced.

    Raises:
        LogitconfError: if nothing is given, a number is not valid, or the model has no head.
    """
    asked = Retuning(temperature, threshold, min_confidence, mode)
    asked.check()
    several = read_heads(load_model(model))
    cards = {
        place: _retuned(several.heads[place], asked) for place in _chosen(several, head, asked)
    }
    return write_cards(model, cards, path, force=force)


def write_cards(
    model: ModelSource,
    cards: Mapping[int, ScoreCard],
    path: str | Path | None = None,
    *,
    force: bool = False,
) -> onnx.ModelProto:
    """The model with other cards: their temperatures and thresholds in initializers and metadata.

    Args:
        model: a head, or a host with one; it is not changed.
        cards: by the place of the head in the metadata; score, task and parameters as they were.
        path: where to write the result too, whole or not at all.
        force: whether a file at ``path`` may be replaced.

    Raises:
        LogitconfError: if the model has no such head.
    """
    target = Destination.of(path, model, force=force)
    result = own_copy(model)
    target.check(result)
    several = read_heads(result)
    tuned = list(several.heads)
    for place, card in cards.items():
        old = several.heads[place]
        _check_not_folded(result.graph, old)
        _set(result.graph, f"{old.prefix}temperature", card.temperature)
        _set(result.graph, f"{old.prefix}threshold", card.threshold)
        tuned[place] = replace(old, card=card)
        if old.attached is not None and old.attached.model_info is not None:
            renew_model_info(result, tuned[place])
    write_heads(result, replace(several, heads=tuple(tuned)))
    target.save(result)
    return result


def _chosen(several: HeadsMetadata, head: str | None, asked: Retuning) -> tuple[int, ...]:
    """Places of the heads to change; several change together only where that was asked for."""
    everyone = tuple(range(len(several.heads)))
    if len(everyone) == 1 and head is None:
        return everyone
    if head == ALL_HEADS or (head is None and several.joint is not None):
        return everyone
    if head is None:
        raise LogitconfError(
            f"say which of the heads {list(several.names)} to retune, or {ALL_HEADS!r} of them"
        )
    if several.joint is not None and asked.changes_threshold:
        raise LogitconfError(
            f"the heads decide jointly by one threshold, got one for {head!r} alone; "
            "retune them all"
        )
    return (several.named(head),)


def _retuned(head: HeadMetadata, asked: Retuning) -> ScoreCard:
    card = head.card
    # what was counted at the old numbers is no sketch of the new ones
    changes: dict[str, object] = {
        "certificate": None,
        "policy": {"name": "value"},
        "sketch": None,
    }
    if asked.temperature is not None:
        if "confidence" in head.form.outputs:
            raise LogitconfError(
                "a head that gives a confidence keeps its temperature, since the confidence was "
                "fitted with it; fit a card anew, or attach it without that output"
            )
        changes |= {"temperature": asked.temperature, "temperature_fit": None, "confidence": None}
    if asked.changes_threshold:
        new, policy = _threshold(card, asked)
        sizes = [len(t) if isinstance(t, tuple) else 0 for t in (card.threshold, new)]
        if sizes[0] != sizes[1]:
            expected = f"{sizes[0]} thresholds" if sizes[0] else "one threshold"
            raise LogitconfError(f"this head has {expected}, got {new!r}")
        changes |= {"threshold": new, "policy": policy}
        if card.modes is not None:
            changes["modes"] = replace(card.modes, chosen=asked.mode)
    tuned = replace(card, **changes)  # type: ignore[arg-type]
    if asked.threshold is not None and tuned.threshold is not None:
        check_reachable(tuned, tuned.threshold)
    return tuned


def _threshold(
    card: ScoreCard, asked: Retuning
) -> tuple[float | tuple[float, ...] | None, dict[str, object]]:
    """The new threshold, and the policy that it comes from."""
    if asked.mode is not None:
        if card.modes is None:
            raise LogitconfError(f"the card must hold the mode {asked.mode!r}, but holds no modes")
        return card.modes.threshold(asked.mode), {"name": "value"}
    if asked.min_confidence is None:
        return check_threshold(asked.threshold), {"name": "value"}
    if card.confidence is None:
        raise LogitconfError(
            "min_confidence needs a card that was fitted on rows with labels, got one without "
            "a confidence; fit with labels, or name a threshold"
        )
    plain = replace(card, modes=None)
    tuned, _ = card_with_threshold(plain, None, MinConfidence(asked.min_confidence))
    single = tuned.threshold
    if isinstance(card.threshold, tuple) and isinstance(single, float):
        single = (single,) * len(card.threshold)
    return single, {"name": "value"}


def _check_not_folded(graph: onnx.GraphProto, head: HeadMetadata) -> None:
    """Checks that no other constant was computed from the temperature.

    Optimisers do that (onnxsim 0.8, onnxruntime's offline optimisation), under the name of the
    value that they computed. The head's own numbers are called by their digits; by 0.1, scalars, or
    one.
    """
    temperature = np.float32(head.card.temperature)
    derived = {float(temperature), float(1 / temperature)}
    words = ("temperature", "threshold", "confidence", *map_buffers(head.card))
    words += ("scalar", "one", "-", *"0123456789")
    own = tuple(head.prefix + word for word in words)
    for tensor in graph.initializer:
        if not tensor.name.startswith(head.prefix) or tensor.name.startswith(own):
            continue
        if tensor.data_type != onnx.TensorProto.FLOAT or math.prod(tensor.dims) != 1:
            continue
        if array_of(tensor).item() in derived:
            raise LogitconfError(
                "the head must be as it was written, but another tool has computed "
                f"'{tensor.name}' from its temperature; reattach it first"
            )


def _set(graph: onnx.GraphProto, name: str, value: object) -> None:
    for tensor in graph.initializer:
        if tensor.name == name:
            tensor.CopyFrom(numpy_helper.from_array(np.array(value, dtype=np.float32), name))
            return
    raise LogitconfError(
        f"the head must have an initializer '{name}', got none; if another tool has changed the "
        "file, reattach the head first"
    )
