"""The command ``inspect``: what a model or a card says of itself; no torch, nothing is run."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from logitconf_export.cli.common.output import show
from logitconf_export.cli.common.suggestions import host_commands, model_commands
from logitconf_export.cli.common.view import Force, View

if TYPE_CHECKING:
    import onnx

    from logitconf.card.score_card import ScoreCard
    from logitconf_export.cli.results.result import Result
    from logitconf_export.heads.metadata import HeadsMetadata


def inspect(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A model or a score card.")],
    *,
    view: View,
    force: Force = False,
) -> None:
    """Show a card, a head, or where a head could go in a model."""
    view.check(file, force=force)
    if _is_json(file):
        from logitconf.card.score_card import ScoreCard

        result = _of_card(file, ScoreCard.load(file))
    else:
        from logitconf_export.heads.metadata import has_metadata, read_heads
        from logitconf_export.onnx_files.loading import load_model

        model = load_model(file)
        if has_metadata(model):
            result = _of_heads(file, model, read_heads(model), view)
        else:
            result = _of_host(file, model)
    show(result, view, force=force)


def _is_json(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(64).lstrip()[:1] == b"{"
    except OSError as error:
        from logitconf.telling.file_words import unreadable

        raise unreadable(path, "a model or a score card", error) from error


def _of_card(path: Path, card: "ScoreCard") -> "Result":
    from logitconf.wording.facts import card_facts
    from logitconf.wording.rule import rule_of
    from logitconf_export.cli.results.blocks import Facts
    from logitconf_export.cli.results.cards import card_blocks
    from logitconf_export.cli.results.result import Result, headed

    verdict = f"Card: {path} {rule_of(card)}"
    return Result(
        verdict,
        lambda: headed("card", {"file": f"{path}", "card": card.to_dict()}, verdict=verdict),
        style="strong",
        blocks=(Facts(card_facts(card)),),
        details=tuple(card_blocks(card, "The card, exactly")),
    )


def _of_heads(
    path: Path, model: "onnx.ModelProto", described: "HeadsMetadata", view: View
) -> "Result":
    from logitconf_export.attachment.detaching import head_nodes
    from logitconf_export.cli.results.blocks import Facts
    from logitconf_export.cli.results.heads import (
        head_blocks,
        head_details,
        head_words,
        model_values,
    )
    from logitconf_export.cli.results.models import model_facts
    from logitconf_export.cli.results.result import Result, commands, headed

    alone = described.heads[0].attached is None
    verdict = f"{'Head' if alone else 'Host with a head'}: {path} {head_words(described)}"
    if len(described.heads) > 1:
        verdict = f"Host with heads: {path} {head_words(described)}"
    nodes = head_nodes(model)
    following = [] if alone else model_commands(path, model)
    size = _added_bytes(model) if view.verbose or view.json else {}
    counts = [(name, f"{count:,}") for name, count in size.items()]
    return Result(
        verdict,
        lambda: headed(
            "model",
            {**model_values(path, model), "added_bytes": size, "next": commands(following)},
            verdict=verdict,
        ),
        style="strong",
        blocks=(*head_blocks(described, counts=True), Facts(model_facts(model))),
        details=(
            *head_details(described),
            Facts([(f"{len(nodes)} nodes", ", ".join(nodes))], "The nodes of the head"),
            *([Facts(counts, f"Bytes of the head: {sum(size.values()):,}")] if counts else []),
        ),
        following=following,
    )


def _added_bytes(model: "onnx.ModelProto") -> dict[str, int]:
    """What the heads take, part by part; nothing where they cannot be told from the host."""
    from logitconf.errors import LogitconfError
    from logitconf_export.attachment.sizes import added_bytes

    try:
        return added_bytes(model)
    except LogitconfError:
        return {}


def _of_host(path: Path, model: "onnx.ModelProto") -> "Result":
    from logitconf_export.cli.results.blocks import Facts, Sentence, Table, note
    from logitconf_export.cli.results.models import model_facts, reading_values
    from logitconf_export.cli.results.result import Result, commands, headed
    from logitconf_export.hosts.reading import read_host

    reading = read_host(model)
    places = reading.candidates
    certain = [place.tensor for place in places if place.certain]
    if not places:
        words = "no place for a head can be read from its graph"
    elif certain:
        words = f"a head could go on {' and '.join(certain)}"
    else:
        words = f"places for a head that may be: {len(places)}, none of them certain"
    verdict = f"Host without a head: {path}, {words}"
    rows = [
        (
            place.tensor,
            place.kind,
            place.task or "not told",
            "free" if place.n_classes is None else f"{place.n_classes}",
            f"{place.class_axis}",
            "yes" if place.certain else "no",
            place.reason,
        )
        for place in places
    ]
    columns = ("tensor", "holds", "task", "classes", "axis", "certain", "why")
    table = Table(columns, rows, "Where a head could go", flowing=("why",))
    following = host_commands(path, model, reading)

    def values() -> "Mapping[str, Any]":
        from logitconf_export.cli.results.heads import model_values

        read = {**model_values(path, model), **reading_values(reading)}
        return headed("model", {**read, "next": commands(following)}, verdict=verdict)

    return Result(
        verdict,
        values,
        style="strong" if certain else "caution",
        blocks=(Facts(model_facts(model)), *([table] if rows else [])),
        notes=(
            *(Sentence(f"{refusal}", "refused", "caution") for refusal in reading.refused),
            *(note(text) for text in reading.notes),
        ),
        following=following,
    )
