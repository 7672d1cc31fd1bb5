"""The command ``ensemble``: exported members in, one model out."""

from collections.abc import Sequence
from pathlib import Path

from logitconf.card import ScoreCard
from logitconf_export.attachment.detaching import detach
from logitconf_export.attachment.ensembles import STACKED, ensemble
from logitconf_export.cli.common.output import (
    head_facts,
    next_commands,
    port_facts,
    print_facts,
    print_line,
    working,
)
from logitconf_export.cli.ship import HeadOptions
from logitconf_export.hosts.reading import read_host


def join_members(
    models: Sequence[Path],
    output: Path,
    *,
    card: Path | None,
    logits: str | None,
    kind: str | None,
    class_axis: int | None,
    task: str | None,
    options: HeadOptions,
    force: bool,
) -> None:
    """Writes the joined model, and prints its outputs and what to do next.

    Args:
        models: the members.
        output: where to write the model.
        card: of a score of that many members; without one no head is added.
        logits: name of the logits in every member; found in each graph unless given.
        kind: what they hold.
        class_axis: where their classes are.
        task: what the columns mean, if neither card nor graph tells.
        options: how the head is written.
        force: whether an existing file may be replaced.

    Raises:
        LogitconfError: if the members do not fit each other, or the card does not fit them.
    """
    with working("Joining"):
        head = None if card is None else options.compile(ScoreCard.load(card))
        joined = ensemble(
            models,
            head,
            output,
            logits=logits,
            kind=kind,
            class_axis=class_axis,
            task=task,
            force=force,
        )
    members = [(f"member {count}", f"{path}") for count, path in enumerate(models, 1)]
    print_facts(f"{output}", [*members, *head_facts(joined), *port_facts(joined)])
    if head is not None:
        return
    place = read_host(detach(models[0])).choose(logits, kind, task, class_axis=class_axis)
    named = f"--logits {STACKED} --kind {place.kind}"
    axis = 1 if place.class_axis == place.rank else place.class_axis
    fit = f"{named} --task {place.task} --per-member --score softmax"
    for line in next_commands(output, fit=fit, attach=f" {named} --class-axis {axis}"):
        print_line(line)
