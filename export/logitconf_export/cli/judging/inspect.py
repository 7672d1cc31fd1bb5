"""The command ``inspect``: what a model or a card says of itself; no torch, nothing is run."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from logitconf.telling.file_words import unreadable
from logitconf_export.cli.common.output import Facts, print_facts, print_line, print_table
from logitconf_export.cli.common.suggestions import host_commands, model_commands

if TYPE_CHECKING:
    import onnx

    from logitconf.card.score_card import ScoreCard
    from logitconf_export.heads.metadata import HeadsMetadata
    from logitconf_export.hosts.candidates import HostReading


def inspect(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A model or a score card.")],
) -> None:
    """Show a card, a head, or where a head could go in a model."""
    if _is_json(file):
        from logitconf.card.score_card import ScoreCard

        print_facts(f"{file}: a score card", card_facts(ScoreCard.load(file)))
        return
    from logitconf_export.heads.metadata import has_metadata
    from logitconf_export.onnx_files.loading import load_model

    model = load_model(file)
    if has_metadata(model):
        _print_head(file, model)
    else:
        from logitconf_export.hosts.reading import read_host

        _print_host(file, model, read_host(model))


def _is_json(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(64).lstrip()[:1] == b"{"
    except OSError as error:
        raise unreadable(path, "a model or a score card", error) from error


def card_facts(card: "ScoreCard") -> Facts:
    """Everything in a card that is set, one fact a line."""
    facts = [
        ("score", card.score),
        ("task", card.task),
        ("temperature", f"{card.temperature!r}"),
        ("threshold", "not set" if card.threshold is None else f"{card.threshold!r}"),
        ("columns", "not known" if card.n_classes is None else f"{card.n_classes}"),
    ]
    values = card.to_dict()
    parts: Mapping[str, Mapping[str, Any] | None] = {
        "policy": card.policy,
        "temperature fit": values["temperature_fit"],
        "rows": values["rows"],
        "certificate": values["certificate"],
        "parameters": card.parameters or None,
        "parameter fit": values["parameter_fit"],
        "score choice": values["score_choice"],
    }
    for name, part in parts.items():
        if part is not None:
            facts.append((name, _words(part)))
    return facts


def _words(part: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {json.dumps(value)}" for name, value in part.items())


def _print_head(path: Path, model: "onnx.ModelProto") -> None:
    from logitconf_export.attachment.detaching import head_nodes
    from logitconf_export.cli.common.model_facts import place_words
    from logitconf_export.heads.metadata import read_heads

    described = read_heads(model)
    several = len(described.heads) > 1
    facts: list[tuple[str, str]] = []
    for head in described.heads:
        form = head.form
        if head.attached is not None:
            facts.append(("attached to", place_words(head)))
        facts += [
            *card_facts(head.card),
            ("written for", f"runtime {form.runtime}, {form.precision}, mask {form.mask_type}"),
        ]
    if several:
        facts.append(("decision", _decision_words(described)))
    alone = described.heads[0].attached is None
    what = "a head" if alone else f"a host with {len(described.heads) if several else 'a'} head"
    nodes = head_nodes(model)
    facts += [("head nodes", f"{len(nodes)}: {', '.join(nodes)}"), *_model_facts(model)]
    print_facts(f"{path}: {what}{'s' if several else ''}", facts)
    for line in () if alone else model_commands(path, model):
        print_line(line)


def _decision_words(several: "HeadsMetadata") -> str:
    if several.joint is None:
        return "each head decides for itself"
    joint = several.joint
    return (
        f"joint: {joint.mask} accepts what every head accepts, {joint.score} is the largest score"
    )


def _model_facts(model: "onnx.ModelProto") -> Facts:
    from logitconf_export.cli.common.model_facts import port_facts
    from logitconf_export.onnx_files.loading import host_opset

    return [("opset", f"{host_opset(model)}, IR {model.ir_version}"), *port_facts(model)]


def _print_host(path: Path, model: "onnx.ModelProto", reading: "HostReading") -> None:
    print_facts(f"{path}: a host without a head", _model_facts(model))
    if reading.candidates:
        rows = [
            (
                candidate.tensor,
                candidate.kind,
                candidate.task or "not known",
                "not known" if candidate.n_classes is None else f"{candidate.n_classes}",
                f"{candidate.class_axis}",
                "yes" if candidate.certain else "no",
                candidate.reason,
            )
            for candidate in reading.candidates
        ]
        columns = ("tensor", "holds", "task", "columns", "axis", "certain", "why")
        print_table("Where a head could go", columns, rows)
    for refusal in reading.refused:
        print_line(f"refused: {refusal}")
    for note in reading.notes:
        print_line(f"note: {note}")
    for line in host_commands(path, model, reading):
        print_line(line)
