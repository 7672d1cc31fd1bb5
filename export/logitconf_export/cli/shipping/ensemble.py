"""The command ``ensemble``: exported members in, one model out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from logitconf_export.cli.common.head_options import HeadOptions
from logitconf_export.cli.common.options import LogitsLocation, OutputFile, TaskOfGraphs
from logitconf_export.cli.common.output import deliver
from logitconf_export.cli.common.view import View
from logitconf_export.cli.common.waiting import working
from logitconf_export.cli.results.result import named

if TYPE_CHECKING:
    import onnx


def ensemble(
    models: Annotated[
        list[Path],
        typer.Argument(metavar="MODEL.onnx...", help="Two members or more, with equal inputs."),
    ],
    *,
    output: OutputFile,
    card: Annotated[
        Path | None,
        typer.Option("--card", help="Add a head: a card that fit --per-member wrote."),
    ] = None,
    where: LogitsLocation,
    task: TaskOfGraphs = None,
    head: HeadOptions,
    view: View,
) -> None:
    """Join exported models into one that runs them all and stacks their logits."""
    output.check(*models, card, view=view)
    from logitconf.card.score_card import ScoreCard
    from logitconf_export.attachment.ensembles import STACKED
    from logitconf_export.attachment.ensembles import ensemble as join_members
    from logitconf_export.cli.common.suggestions import verify_command
    from logitconf_export.cli.results.heads import head_words, heads_of, model_result

    with working("Joining", view):
        joined = join_members(
            models,
            None if card is None else head.head(ScoreCard.load(card), members=len(models)),
            output.file,
            logits=where.logits,
            kind=where.kind,
            class_axis=where.class_axis,
            task=task,
            force=output.force,
        )
    members = [(f"member {count}", f"{path}") for count, path in enumerate(models, 1)]
    head_or_logits = (
        f"stacks their logits in {STACKED}" if card is None else head_words(heads_of(joined))
    )
    following = []
    if output.file is not None and card is None:
        following = _next_commands(models[0], output.path, joined, where, task)
    elif output.file is not None:
        following = [verify_command(output.path)]
    result = model_result(
        f"Joined: {named(output.path)} runs {len(models)} members and {head_or_logits}",
        output.path,
        joined,
        facts=members,
        following=following,
    )
    deliver(result, joined, output, view)


def _next_commands(
    member: Path,
    output: Path,
    joined: "onnx.ModelProto",
    where: LogitsLocation,
    task: str | None,
) -> list[str]:
    from logitconf_export.attachment.detaching import detach
    from logitconf_export.attachment.ensembles import STACKED
    from logitconf_export.cli.common.suggestions import next_commands
    from logitconf_export.hosts.reading import read_host

    reading = read_host(detach(member))
    place = reading.choose(where.logits, where.kind, task, class_axis=where.class_axis)
    named = f"--logits {STACKED} --kind {place.kind}"
    axis = 1 if place.class_axis == place.rank else place.class_axis
    fit = f"{named} --task {place.task} --per-member --score softmax"
    return next_commands(output, joined, fit=fit, attach=f" {named} --class-axis {axis}")
