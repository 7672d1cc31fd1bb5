"""What ``export``, ``attach``, ``detach``, ``retune`` and ``reattach`` do: models out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from logitconf.card import ScoreCard
from logitconf.errors import LogitconfError
from logitconf.files import write_atomically
from logitconf.fitting.score_classes import from_card, score_class
from logitconf.head import ConfidenceHead
from logitconf_export.attachment.attaching import attach, find_places
from logitconf_export.attachment.detaching import detach, single_head
from logitconf_export.attachment.reattaching import reattach
from logitconf_export.attachment.retuning import retune
from logitconf_export.cli.common.output import (
    _number_facts,
    head_facts,
    place_words,
    port_facts,
    print_facts,
    working,
)
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.heads.metadata import has_metadata, read_heads
from logitconf_export.hosts.reading import read_host
from logitconf_export.onnx_files.loading import load_model
from logitconf_export.onnx_files.weights import check_weights_folder


@dataclass(frozen=True, slots=True)
class HeadOptions:
    """How the user wants the head to be written; see :class:`~logitconf.HeadForm`."""

    runtime: str = "any"
    precision: str = "float32"
    mask_type: str = "bool"
    probabilities: bool = False
    n_classes: int | None = None
    rank: int | None = None
    class_axis: int = 1

    def compile(self, card: ScoreCard) -> ConfidenceHead:
        """The head of a card.

        Raises:
            LogitconfError: if the options do not fit the card.
        """
        return from_card(card).compile(
            runtime=self.runtime,
            precision=self.precision,
            mask_type=self.mask_type,
            probabilities=self.probabilities,
            n_classes=self.n_classes,
            rank=self.rank,
            class_axis=self.class_axis,
        )


@dataclass(frozen=True, slots=True)
class LogitsLocation:
    """Which place of the host the user means; as in :func:`~logitconf_export.attach`."""

    logits: Sequence[str] | None = None
    kind: str | None = None
    class_axis: int | None = None
    several: str | None = None


def cards_from_options(
    cards: Sequence[Path],
    *,
    score: str | None,
    temperature: float | None,
    threshold: float | None,
    task: str | None,
) -> tuple[ScoreCard, ...]:
    """The cards in the files, or one made of a score, a temperature and a threshold.

    Raises:
        LogitconfError: unless it is just one of the two.
    """
    given = {
        "--score": score,
        "--temperature": temperature,
        "--threshold": threshold,
        "--task": task,
    }
    named = [option for option, value in given.items() if value is not None]
    if cards:
        if named:
            raise LogitconfError(f"a card already says {', '.join(named)}; give one or the other")
        return tuple(ScoreCard.load(card) for card in cards)
    if score is None or threshold is None:
        raise LogitconfError(
            "attach needs a card, or --score and --threshold (and --temperature unless it is 1)"
        )
    score_type = score_class(score)
    made = score_type(temperature) if task is None else score_type(temperature, task)
    made.set_threshold(value=threshold)
    return (made.card,)


def export_head(card: Path, output: Path, *, opset: int, options: HeadOptions, force: bool) -> None:
    """Writes the head of a card as a model of its own, and prints what it is."""
    with working("Converting"):
        head = options.compile(ScoreCard.load(card))
        model = to_onnx(head, output, opset=opset, force=force)
    print_facts(f"{output}", [*port_facts(model), ("opset", f"{opset}, IR {model.ir_version}")])


def attach_head(
    host: Path,
    cards: Sequence[ScoreCard],
    output: Path,
    *,
    where: LogitsLocation,
    options: HeadOptions,
    copy_weights: bool,
    self_contained: bool,
    force: bool,
) -> None:
    """Writes the host with the head of a card, or of several, and prints where they sit."""
    with working("Attaching"):
        places = find_places(
            read_host(detach(host)),
            cards,
            logits=where.logits or None,
            kind=where.kind,
            class_axis=where.class_axis,
            several=where.several,
        )
        each = [cards[0]] * len(places) if len(cards) == 1 else cards
        heads = [
            (
                replace(options, n_classes=place.n_classes) if _needs_columns(card) else options
            ).compile(card)
            for card, place in zip(each, places, strict=True)
        ]
        model = attach(
            host,
            heads,
            output,
            logits=where.logits or None,
            kind=where.kind,
            class_axis=where.class_axis,
            several=where.several,
            copy_weights=copy_weights,
            self_contained=self_contained,
            force=force,
        )
    print_facts(f"{output}", [("host", f"{host}"), *head_facts(model), *port_facts(model)])


def _needs_columns(card: ScoreCard) -> bool:
    return card.task == "binary" and card.n_classes is None


def retune_head(
    model: Path,
    output: Path,
    *,
    temperature: float | None,
    threshold: float | None,
    head: str | None,
    force: bool,
) -> None:
    """Writes the model with other numbers in its heads, and prints them."""
    check_weights_folder(load_model(model), model, output, copy=False)
    tuned = retune(
        model, output, temperature=temperature, threshold=threshold, head=head, force=force
    )
    facts: list[tuple[str, str]] = []
    found = read_heads(tuned)
    for one in found.heads:
        if len(found.heads) > 1:
            facts.append(("attached to", place_words(one)))
        facts += _number_facts(one.card)[1:]
    print_facts(f"{output}", facts)


def detach_head(model: Path, output: Path, *, keep: str | None, force: bool) -> None:
    """Writes the host without its heads, or with one of them, and prints what is left."""
    if not has_metadata(load_model(model)):
        raise LogitconfError(f"{model} must have a head to take off, got none")
    host = detach(model) if keep is None else single_head(model, keep)
    check_weights_folder(host, model, output, copy=False)
    write_atomically(output, host.SerializeToString(deterministic=True), force=force)
    print_facts(f"{output}", [*head_facts(host), *port_facts(host)])


def reattach_heads(model: Path, output: Path, *, force: bool) -> None:
    """Writes the model with its heads made anew from their cards, and prints where they sit."""
    with working("Attaching"):
        mended = reattach(model, output, force=force)
    print_facts(f"{output}", [*head_facts(mended), *port_facts(mended)])
