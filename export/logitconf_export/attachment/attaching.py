"""Attaching heads to a host model.

The host's nodes, names, weights, metadata, dims, imports and IR version stay as they are; the head
is written at the host's opset. Nothing is run, and weights in other files are only referred to
unless they are asked for.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import onnx

from logitconf.card.score_card import ScoreCard, check_outputs
from logitconf.errors import LogitconfError, LogitconfWarning, not_among
from logitconf.head_spec import Head, layout_of
from logitconf.scores.table import SCORES
from logitconf_export.attachment.detaching import detach
from logitconf_export.attachment.writing import write_each, write_joint, write_one
from logitconf_export.heads.model_info import write_model_info
from logitconf_export.heads.sources import HeadSource, card_of, head_of, with_names
from logitconf_export.hosts.candidates import Candidate, HostReading
from logitconf_export.hosts.class_names import names_in
from logitconf_export.hosts.reading import read_host
from logitconf_export.onnx_files.saving import Destination
from logitconf_export.onnx_files.types import ModelSource
from logitconf_export.onnx_files.weights import embed_weights

SEVERAL = ("joint", "each")


def attach(
    model: ModelSource,
    head: HeadSource | Sequence[HeadSource],
    path: str | Path | None = None,
    *,
    logits: str | Sequence[str] | None = None,
    kind: str | None = None,
    class_axis: int | None = None,
    several: str | None = None,
    copy_weights: bool = False,
    self_contained: bool = False,
    n_classes: int | None = None,
    runtime: str | None = None,
    precision: str | None = None,
    mask_type: str | None = None,
    outputs: Iterable[str] | None = None,
    probabilities: bool | None = None,
    tunable: bool | None = None,
    class_names: Sequence[str] | None = None,
    model_info: bool = False,
    force: bool = False,
) -> onnx.ModelProto:
    """The host with the outputs ``score`` and ``mask`` of the head.

    Args:
        model: the host, as a file, its bytes or a model; it is not changed. Older heads on it are
            replaced.
        head: a fitted score, its card, the path of a card, or a compiled head; no torch is needed.
            Where the classes lie is read from the host. With ``several``, one for all places or
            one for each, in their order.
        path: where to write the result too, whole or not at all.
        logits: name of the tensor to attach to; found in the graph unless given. A learned
            confidence needs it. With ``several``, the names; all places that are certain unless
            given.
        kind: ``"logits"``, ``"probabilities"`` or ``"log-probabilities"``; with ``logits``, when
            the graph does not tell.
        class_axis: where the classes are, when the graph does not tell.
        several: for a host with several heads. ``"each"``: outputs ``score_NAME`` and
            ``mask_NAME`` for every place, after the host's output that it judges. ``"joint"``: one
            ``mask``, which accepts what every head accepts, and one ``score``, the largest of
            theirs; the heads must share score and threshold.
        copy_weights: whether weights in other files may be copied to another folder.
        self_contained: whether weights in other files go into the result, below 2 GiB in all.
        n_classes: columns of the logits, where neither score nor host says.
        runtime: ``"any"``, right on every runtime, unless given; ``"onnxruntime"``
            or ``"cuda"``.
        precision: ``"float32"`` unless given; ``"float64"`` computes in double and rounds once.
        mask_type: ``"bool"`` unless given; ``"uint8"`` or ``"float32"``.
        outputs: what it gives beside score and mask: ``"label"``, the predicted class or labels,
            −1 where there is no finite score; ``"confidence"``, the probability that it is right,
            in [0, 1], 0 where there is no finite score; ``"probabilities"``, calibrated. A name
            that the host has becomes ``logitconf/label`` and so on.
        probabilities: the same as ``"probabilities"`` among the outputs.
        tunable: whether callers may give other thresholds and temperatures: both become optional
            inputs, whose defaults are the card's; from IR version 4 of the host.
        class_names: of the classes in their order, for the card; what it says unless given, or
            else the host. With ``several`` of every head.
        model_info: whether names and threshold also go into the metadata that OpenVINO's model API
            reads; for one head on rows of classes. :func:`~logitconf.retune` renews it.
        force: whether a file at ``path`` may be replaced.

    Returns:
        The model.

    Raises:
        LogitconfError: if the logits are not certain, do not fit the score, or the head cannot be
            written at the host's opset.
    """
    target = Destination.of(path, model, copy_weights=copy_weights, force=force)
    if copy_weights and self_contained:
        raise LogitconfError("weights are copied or go into the model, not both; ask for one")
    host = detach(model)
    target.check(host, embedded=self_contained)
    if self_contained:
        embed_weights(host, target.source)
    outputs = None if outputs is None else check_outputs(outputs)
    sources = [*head] if isinstance(head, list | tuple) else [cast("HeadSource", head)]
    cards = [card_of(source) for source in sources]
    reading = read_host(host)
    places = find_places(
        reading,
        cards,
        logits=logits,
        kind=kind,
        class_axis=class_axis,
        several=several,
    )
    if len(sources) == 1:
        sources, cards = sources * len(places), cards * len(places)
    heads = [
        head_of(
            source,
            # whether a binary head gets one logit or two, and how many classes a label may be
            n_classes=n_classes or (place.n_classes if _leaves_open(source, card) else None),
            runtime=runtime,
            precision=precision,
            mask_type=mask_type,
            outputs=outputs,
            probabilities=probabilities,
            tunable=tunable,
        )
        for source, card, place in zip(sources, cards, places, strict=True)
    ]
    if class_names is not None:
        heads = [
            with_names(one, class_names, place.n_classes)
            for one, place in zip(heads, places, strict=True)
        ]
    elif several is None:
        heads = [_named(heads[0], host, places[0])]
    if several is None:
        write_one(host, heads[0], places[0])
    elif several == "each":
        write_each(host, heads, places)
    else:
        write_joint(host, heads, places)
    if model_info:
        write_model_info(host)
    for one, place in zip(heads, places, strict=True):
        words = _other_labels(one, place)
        if words is not None:
            warnings.warn(words, LogitconfWarning, stacklevel=2)
    target.save(host)
    return host


def _named(head: Head, host: onnx.ModelProto, place: Candidate) -> Head:
    """The head with the names of its classes in its card, where the host alone knows them."""
    if head.card.class_names is not None or head.card.label_map is not None:
        return head
    if SCORES[head.card.score].learned:
        return head
    names = names_in(host, place.n_classes or head.form.n_classes)
    return replace(head, card=replace(head.card, class_names=names))


def _other_labels(head: Head, place: Candidate) -> str | None:
    """What must be known where the calibrated logits can be of another label than the host's."""
    made = head.card.calibration_map
    competing = layout_of(head.card, head.form).family == "categorical"
    if made is None or made.keeps_label(competing=competing):
        return None
    read = "read it" if "label" in head.form.outputs else "ask for it (--outputs label)"
    return (
        f"the calibration map ({made.kind}) can change the label against the host's own "
        f"'{place.output}', and score and mask are of the changed one, which the output label "
        f"gives; {read}"
    )


def _leaves_open(source: HeadSource, card: ScoreCard) -> bool:
    """Whether neither card nor head says how many logits there are, so that the host tells."""
    return card.n_classes is None and getattr(source, "form", None) is None


def find_places(
    reading: HostReading,
    cards: Sequence[ScoreCard],
    *,
    logits: str | Sequence[str] | None,
    kind: str | None,
    class_axis: int | None,
    several: str | None,
) -> tuple[Candidate, ...]:
    """Where the heads go, in order.

    Args:
        reading: of the host.
        cards: of the scores, one for all places or one for each.
        logits: names of the places, as in :func:`attach`.
        kind: what they hold.
        class_axis: where their classes are.
        several: ``"joint"``, ``"each"`` or None for one head.

    Raises:
        LogitconfError: if that is not certain, or the scores do not fit.
    """
    if several not in (None, *SEVERAL):
        raise not_among("several", several, SEVERAL)
    names = [logits] if isinstance(logits, str) else logits
    if names is None and any(SCORES[card.score].learned for card in cards):
        raise LogitconfError(
            "the graph does not tell a learned confidence from other logits; name its tensor "
            f"with logits=... (--logits):\n{reading.listing()}"
        )
    tasks = [card.task for card in cards]
    if several is None:
        if len(tasks) != 1 or (names is not None and len(names) != 1):
            raise LogitconfError(
                f"got {len(tasks)} heads for {len(names or [1])} places; say whether they decide "
                "jointly or each for itself (several='joint' or 'each')"
            )
        name = None if names is None else names[0]
        return (reading.choose(name, kind, tasks[0], class_axis=class_axis),)
    named: list[tuple[str, str | None]]
    if names is None:
        named = [(c.tensor, kind or c.kind) for c in reading.all_certain()]
    else:
        named = [(name, kind) for name in names]
    if len({name for name, _ in named}) != len(named) or len(named) < 2:
        tensors = [name for name, _ in named]
        raise LogitconfError(f"several heads need two different places or more, got {tensors}")
    if len(tasks) not in (1, len(named)):
        raise LogitconfError(
            f"give one head for all {len(named)} places or one for each, got {len(tasks)}"
        )
    tasks = tasks if len(tasks) > 1 else [tasks[0]] * len(named)
    places = tuple(
        reading.choose(name, what, task, class_axis=class_axis)
        for (name, what), task in zip(named, tasks, strict=True)
    )
    if len({place.tensor for place in places}) != len(places):
        raise LogitconfError(
            f"several heads need different places, got {[place.tensor for place in places]}"
        )
    return places
