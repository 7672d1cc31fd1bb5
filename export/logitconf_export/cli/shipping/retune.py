"""The command ``retune``: other numbers in a head, named or chosen by a policy on rows."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from logitconf.errors import LogitconfError, LogitconfWarning
from logitconf_export.cli.common.fit_options import PolicyOptions
from logitconf_export.cli.common.options import (
    ROWS,
    IgnoreLabel,
    Model,
    OutputFile,
    Temperature,
    in_panel,
)
from logitconf_export.cli.common.output import deliver
from logitconf_export.cli.common.view import View
from logitconf_export.cli.common.waiting import working

if TYPE_CHECKING:
    import onnx

    from logitconf.card.score_card import ScoreCard
    from logitconf_export.cli.results.retunings import Effect
    from logitconf_export.display.page.evidence import HeadRows
    from logitconf_export.heads.metadata import HeadMetadata, HeadsMetadata

# a number in the card's own words, which needs no rows
_NAMED = ("value", "min_confidence")


def retune(
    model: Model,
    output: OutputFile,
    *,
    temperature: Temperature = None,
    threshold: PolicyOptions,
    mode: Annotated[
        str | None, in_panel(None, "--mode", "Instead of --threshold: a mode of the card.")
    ] = None,
    head: Annotated[
        str | None,
        typer.Option("--head", help="Of several heads: the output that it judges, or all."),
    ] = None,
    data: Annotated[
        Path | None,
        in_panel(
            ROWS,
            "--data",
            "Rows that a policy chooses on, and that show what changes: .npz, inputs by name or "
            "'logits', and 'labels'.",
        ),
    ] = None,
    ignore_label: IgnoreLabel = None,
    view: View,
) -> None:
    """Change temperature or threshold of a head; a certificate for the old ones is void.

    A policy such as --coverage or --risk chooses the threshold on the rows of --data; the card
    keeps it, and a new certificate where the rows can certify one.
    """
    output.check(model, data, view=view)
    policy = threshold.arguments()
    from logitconf_export.attachment.retuning import retune as retune_heads
    from logitconf_export.attachment.retuning import write_cards
    from logitconf_export.cli.common.suggestions import verify_command
    from logitconf_export.cli.results.retunings import retuning_result
    from logitconf_export.heads.metadata import read_heads
    from logitconf_export.onnx_files.loading import load_model

    by_rows = {name: value for name, value in policy.items() if name not in _NAMED}
    if by_rows and (data is None or mode is not None):
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in by_rows)
        needs = (
            "chooses on rows; give --data" if data is None else "chooses itself; leave out --mode"
        )
        raise LogitconfError(f"{flags} {needs}")
    before = read_heads(load_model(model))
    named: dict[str, Any] = {
        "temperature": temperature,
        "threshold": policy.get("value"),
        "min_confidence": policy.get("min_confidence"),
        "mode": mode,
        "head": head,
    }
    rows = () if data is None else _rows(model, data, ignore_label or [], view)
    notes: tuple[str, ...] = ()
    if by_rows:
        place = _place(before, head)
        warm = model if temperature is None else retune_heads(model, temperature=temperature)
        with working("Choosing the threshold", view):
            own = read_heads(load_model(warm)).heads[place]
            card, notes = _chosen(own, rows[place], by_rows, threshold.ood)
        tuned = write_cards(model, {place: card}, output.file, force=output.force)
    else:
        tuned = retune_heads(model, output.file, **named, force=output.force)
    following = [] if output.file is None else [verify_command(output.path, data)]
    effects = _effects(before, tuned, rows)
    deliver(
        retuning_result(before.heads, tuned, output.path, following, effects=effects, notes=notes),
        tuned,
        output,
        view,
    )


def _place(several: "HeadsMetadata", head: str | None) -> int:
    """Which head the policy is for."""
    if several.joint is not None:
        raise LogitconfError(
            "a policy chooses the threshold of one head, these decide jointly; name a --threshold "
            "for all of them"
        )
    if len(several.heads) == 1 and head is None:
        return 0
    if head is None or head == "all":
        raise LogitconfError(
            f"a policy chooses the threshold of one head; name one of {list(several.names)} with "
            "--head"
        )
    return several.named(head)


def _rows(model: Path, data: Path, ignored: list[int], view: View) -> "tuple[HeadRows, ...]":
    from logitconf_export.display.page.evidence import rows_of_heads
    from logitconf_export.display.page.given_rows import GivenRows

    with working("Running the model", view):
        return rows_of_heads(model, GivenRows.of(data, ignored))


def _chosen(
    own: "HeadMetadata", rows: "HeadRows", policy: Mapping[str, Any], ood: Path | None
) -> "tuple[ScoreCard, tuple[str, ...]]":
    """The card with the threshold that the policy chooses; its notes become warnings or notes."""
    from logitconf_export.attachment.thresholds import choose_threshold

    arguments = dict(policy)
    if ood is not None:
        from logitconf_export.runtimes.stored_arrays import named_array, read_arrays

        arguments["ood_logits"] = named_array(read_arrays(ood, single="logits"), "logits", ood)
    chosen = choose_threshold(own.card, rows.values, rows.labels, arguments, kind=own.form.kind)
    for words in chosen.warnings:
        warnings.warn(words, LogitconfWarning, stacklevel=2)
    return chosen.card, chosen.notes


def _effects(
    before: "HeadsMetadata", tuned: "onnx.ModelProto", rows: "tuple[HeadRows, ...]"
) -> "dict[int, Effect]":
    """What the new numbers do to the rows, by the place of the head."""
    if not rows:
        return {}
    from logitconf_export.cli.results.retunings import Effect
    from logitconf_export.heads.metadata import read_heads

    effects = {}
    pairs = zip(before.heads, read_heads(tuned).heads, rows, strict=True)
    for place, (old, new, own) in enumerate(pairs):
        if old.card == new.card:
            continue
        effects[place] = Effect.on_rows(
            old.card, new.card, own.values, own.labels, kind=old.form.kind, noun=own.noun
        )
    return effects
