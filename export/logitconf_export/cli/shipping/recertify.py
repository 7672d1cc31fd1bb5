"""The command ``recertify``: a promise made anew on fresh rows, by the card's own policy."""

from pathlib import Path
from typing import Annotated

import typer

from logitconf_export.cli.common.options import (
    IgnoreLabel,
    KindOfCard,
    ModelOrCard,
    OutputFile,
    check_kind_of_card,
)
from logitconf_export.cli.common.output import deliver, show
from logitconf_export.cli.common.streams import write_bytes
from logitconf_export.cli.common.view import View
from logitconf_export.cli.common.waiting import working


def recertify(
    model: ModelOrCard,
    *,
    data: Annotated[
        Path,
        typer.Option("--data", help="Fresh rows: .npz, inputs by name or 'logits', and 'labels'."),
    ],
    output: OutputFile,
    head: Annotated[
        str | None,
        typer.Option("--head", help="Of several heads: the output that it judges."),
    ] = None,
    kind: KindOfCard = None,
    ignore_label: IgnoreLabel = None,
    view: View,
) -> None:
    """Certify a card's promise anew on fresh rows; for one that is in doubt or void.

    The card's own policy chooses the threshold again, at the same temperature. Where the rows
    cannot certify the promise, nothing is written. Use each set of rows once.
    """
    output.check(model, data, view=view)
    from logitconf_export.cli.common.suggestions import verify_command
    from logitconf_export.cli.results.fits import figures_of, fit_result
    from logitconf_export.cli.results.retunings import Effect, retuning_result
    from logitconf_export.display.judged import judge
    from logitconf_export.drift.recertifying import recertify as certify_anew
    from logitconf_export.heads.metadata import read_heads
    from logitconf_export.onnx_files.loading import is_model, load_model

    check_kind_of_card(kind, of_model=is_model(model))
    with working("Certifying", view):
        made = certify_anew(
            model,
            data,
            output.file,
            head=head,
            kind=kind,
            ignore_labels=ignore_label or (),
            force=output.force,
        )
    if made.model is None:
        if output.file is None:
            write_bytes(made.card.to_json().encode())
        judged = judge(made.card, made.logits, made.labels, kind=made.kind)
        result = fit_result(made.card, figures_of(judged), output.path, (), notes=made.notes)
        show(result, view, output=output)
        return
    following = [] if output.file is None else [verify_command(output.path, data)]
    before = read_heads(load_model(model)).heads
    after = read_heads(made.model).heads
    changed = [place for place, old in enumerate(before) if old.card != after[place].card]
    result = retuning_result(
        before,
        made.model,
        output.path,
        following,
        effects={
            place: Effect.on_rows(made.before, made.card, made.logits, made.labels, kind=made.kind)
            for place in changed
        },
        notes=made.notes,
        done="Recertified",
    )
    deliver(result, made.model, output, view)
