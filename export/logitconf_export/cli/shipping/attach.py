"""The command ``attach``: a host and cards in, a host with heads out."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from logitconf.errors import LogitconfError
from logitconf_export.cli.common.head_options import CardOptions, HeadOptions
from logitconf_export.cli.common.options import HeadPlaces, Model, Names, OutputFile
from logitconf_export.cli.common.output import deliver
from logitconf_export.cli.common.view import View
from logitconf_export.cli.common.waiting import working
from logitconf_export.cli.results.result import named

if TYPE_CHECKING:
    from logitconf.card.score_card import ScoreCard


def attach(
    host: Model,
    cards: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[CARD.json]", help="A card that fit wrote; with --several one for each place."
        ),
    ] = None,
    *,
    output: OutputFile,
    instead: CardOptions,
    where: HeadPlaces,
    head: HeadOptions,
    names: Names = None,
    copy_weights: Annotated[
        bool,
        typer.Option("--copy-weights", help="Copy weights in other files to the output's folder."),
    ] = False,
    self_contained: Annotated[
        bool, typer.Option("--self-contained", help="Take weights in other files into the output.")
    ] = False,
    model_info: Annotated[
        bool,
        typer.Option(
            "--model-info", help="Write names and threshold for OpenVINO's model API, too."
        ),
    ] = False,
    view: View,
) -> None:
    """Add the outputs score and mask to a model."""
    output.check(host, *(cards or ()), view=view)
    from logitconf_export.attachment.attaching import attach as attach_heads
    from logitconf_export.cli.common.suggestions import verify_command
    from logitconf_export.cli.results.heads import head_words, heads_of, model_result
    from logitconf_export.cli.rows.class_names import given_names

    loaded = _cards(cards or [], instead, host, where)
    with working("Attaching", view):
        model = attach_heads(
            host,
            loaded,
            output.file,
            logits=where.logits or None,
            kind=where.kind,
            class_axis=where.class_axis,
            several=where.several,
            copy_weights=copy_weights,
            self_contained=self_contained,
            runtime=head.runtime,
            precision=head.precision,
            mask_type=head.mask_type,
            outputs=head.wanted(),
            tunable=head.tunable,
            class_names=given_names(names),
            model_info=model_info,
            force=output.force,
        )
    result = model_result(
        f"Attached: {named(output.path)} {head_words(heads_of(model))}",
        output.path,
        model,
        facts=[("host", f"{host}, which stays as it is")],
        following=[verify_command(output.path)] if output.file else [],
    )
    deliver(result, model, output, view)


def _cards(
    cards: Sequence[Path], instead: CardOptions, host: Path, where: HeadPlaces
) -> "tuple[ScoreCard, ...]":
    """The cards in the files, or the one that the options say, of the task that the host tells.

    Raises:
        LogitconfError: unless it is just one of the two.
    """
    from logitconf.card.score_card import ScoreCard

    if not cards:
        from logitconf_export.attachment.detaching import detach
        from logitconf_export.cli.results.models import told_task
        from logitconf_export.hosts.reading import read_host

        reading = read_host(detach(host))
        names: Sequence[str | None] = where.logits or (None,)
        tasks = {told_task(reading, name) for name in names}
        return (instead.card(tasks.pop() if len(tasks) == 1 else None),)
    if instead.given():
        named = ", ".join(instead.given())
        raise LogitconfError(f"a card already says {named}; give one or the other")
    return tuple(ScoreCard.load(card) for card in cards)
