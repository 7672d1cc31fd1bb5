"""The commands ``export``, ``attach`` and ``detach``: cards and hosts in, models out."""

from dataclasses import dataclass, replace
from pathlib import Path

from logitconf.card import ScoreCard
from logitconf.errors import LogitconfError
from logitconf.files import write_atomically
from logitconf.head import ConfidenceHead
from logitconf.score_classes import from_card
from logitconf_export.attachment import attach
from logitconf_export.cli_fit import score_class
from logitconf_export.cli_output import port_facts, print_facts, working
from logitconf_export.conversion import to_onnx
from logitconf_export.hosts import read_host
from logitconf_export.loading import load_model
from logitconf_export.metadata import has_metadata, read_metadata
from logitconf_export.removal import detach
from logitconf_export.tuning import retune
from logitconf_export.weights import check_weights_folder


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


def card_from_options(
    card: Path | None,
    *,
    score: str | None,
    temperature: float | None,
    threshold: float | None,
    task: str | None,
) -> ScoreCard:
    """The card in a file, or one made of a score, a temperature and a threshold.

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
    if card is not None:
        if named:
            raise LogitconfError(f"a card already says {', '.join(named)}; give one or the other")
        return ScoreCard.load(card)
    if score is None or threshold is None:
        raise LogitconfError(
            "attach needs a card, or --score and --threshold (and --temperature unless it is 1)"
        )
    score_type = score_class(score)
    made = score_type(temperature) if task is None else score_type(temperature, task)
    made.set_threshold(value=threshold)
    return made.card


def export_head(card: Path, output: Path, *, opset: int, options: HeadOptions, force: bool) -> None:
    """Writes the head of a card as a model of its own, and prints what it is."""
    with working("Converting"):
        head = options.compile(ScoreCard.load(card))
        model = to_onnx(head, output, opset=opset, force=force)
    print_facts(f"{output}", [*port_facts(model), ("opset", f"{opset}, IR {model.ir_version}")])


def attach_head(
    host: Path,
    card: ScoreCard,
    output: Path,
    *,
    logits: str | None,
    kind: str | None,
    options: HeadOptions,
    copy_weights: bool,
    force: bool,
) -> None:
    """Writes the host with the head of a card, and prints where the head sits."""
    with working("Attaching"):
        if card.task == "binary" and card.n_classes is None:
            found = read_host(detach(host)).choose(logits=logits, kind=kind, task=card.task)
            options = replace(options, n_classes=found.n_classes)
        model = attach(
            host,
            options.compile(card),
            output,
            logits=logits,
            kind=kind,
            copy_weights=copy_weights,
            force=force,
        )
    attached = read_metadata(model).attached or {}
    facts = [
        ("host", f"{host}"),
        ("attached to", f"{attached['tensor']}, which holds {attached['kind']}"),
        ("score", card.score),
        ("temperature", f"{card.temperature:.9g}"),
        ("threshold", f"{card.threshold}"),
    ]
    print_facts(f"{output}", [*facts, *port_facts(model)])


def retune_head(
    model: Path,
    output: Path,
    *,
    temperature: float | None,
    threshold: float | None,
    force: bool,
) -> None:
    """Writes the model with other numbers in its head, and prints them."""
    check_weights_folder(load_model(model), model, output, copy=False)
    tuned = retune(model, output, temperature=temperature, threshold=threshold, force=force)
    card = read_metadata(tuned).card
    facts = [("temperature", f"{card.temperature:.9g}"), ("threshold", f"{card.threshold}")]
    print_facts(f"{output}", facts)


def detach_head(model: Path, output: Path, *, force: bool) -> None:
    """Writes the host without its head, and prints what is left."""
    if not has_metadata(load_model(model)):
        raise LogitconfError(f"{model} must have a head to take off, got none")
    host = detach(model)
    check_weights_folder(host, model, output, copy=False)
    write_atomically(output, host.SerializeToString(deterministic=True), force=force)
    print_facts(f"{output}", port_facts(host))
