"""What the commands say of the heads of a model, and of a model that they have written."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import onnx

from logitconf.errors import LogitconfError
from logitconf.wording.facts import card_facts
from logitconf.wording.lists import joined
from logitconf.wording.numbers import counted
from logitconf.wording.rule import rule_of
from logitconf_export.cli.results.blocks import Block, Facts, note
from logitconf_export.cli.results.cards import card_blocks
from logitconf_export.cli.results.models import Pairs, port_facts, port_values
from logitconf_export.cli.results.result import Result, commands, headed, size, written
from logitconf_export.heads.metadata import HeadMetadata, HeadsMetadata, has_metadata, read_heads
from logitconf_export.onnx_files.loading import host_inputs, host_opset
from logitconf_export.onnx_files.weights import weight_files


def heads_of(model: onnx.ModelProto) -> HeadsMetadata | None:
    """What a model says of its heads; None without one."""
    return read_heads(model) if has_metadata(model) else None


def head_words(described: HeadsMetadata | None) -> str:
    """What the heads of a model decide, as the end of a sentence about the model."""
    if described is None:
        return "has no head"
    heads = described.heads
    if len(heads) == 1:
        return rule_of(heads[0].card)
    judged = joined([head.attached.output for head in heads if head.attached is not None])
    how = "each for itself" if described.joint is None else "by one decision"
    return f"has {len(heads)} heads, which judge {judged} {how}"


def place_facts(head: HeadMetadata) -> Pairs:
    """Where a head sits: what it reads, and the host's output that it judges."""
    axis, n_classes = head.form.class_axis, head.form.n_classes
    count = "a free number of classes" if n_classes is None else f"{n_classes} classes"
    columns = f"{head.form.kind}, {count} on axis {axis}"
    attached = head.attached
    if attached is None:
        return [("reads", f"its input, {columns}")]
    renamed = [
        ("renamed", f"the host has a {output} of its own, so the head's is {name}")
        for output, name in attached.names.items()
        if name == f"{attached.prefix}{output}"
    ]
    outputs = joined(list(attached.outputs))
    info = [key for key, _ in attached.model_info or ()]
    return [
        ("reads", f"{attached.tensor}: {columns}"),
        ("judges", f"{attached.output}, by {outputs}"),
        *renamed,
        *([("says too", f"{joined(info)}, for OpenVINO's model API")] if info else []),
    ]


def head_blocks(described: HeadsMetadata, *, counts: bool = False) -> Iterator[Block]:
    """One block for each head, and how several decide.

    Args:
        described: the heads.
        counts: whether the rows that their thresholds were chosen on are counted.
    """
    several = len(described.heads) > 1
    for count, head in enumerate(described.heads, 1):
        title = f"Head {count} of {len(described.heads)}" if several else ""
        yield Facts(
            [*card_facts(head.card, rule=several, counts=counts), *place_facts(head)], title
        )
    joint = described.joint
    if joint is not None:
        yield Facts(
            [
                ("mask", f"{joint.mask} accepts what every head accepts"),
                ("score", f"{joint.score} is the largest score of the heads"),
            ],
            "The one decision",
        )


def head_details(described: HeadsMetadata) -> Iterator[Block]:
    """All that the file says of each head."""
    several = len(described.heads) > 1
    for count, head in enumerate(described.heads, 1):
        form = [
            (name.replace("_", " "), f"{value}")
            for name, value in asdict(head.form).items()
            if value is not None
        ]
        of = f" of head {count}" if several else ""
        yield from card_blocks(head.card, f"The card{of}, exactly")
        yield Facts(form, f"How the head is written{of}")


def model_result(
    verdict: str,
    path: Path,
    model: onnx.ModelProto,
    *,
    facts: Sequence[tuple[str, str]] = (),
    notes: Sequence[str] = (),
    following: Sequence[str] = (),
    values: Mapping[str, Any] | None = None,
) -> Result:
    """A model that a command has written, as it shows it.

    Args:
        verdict: what happened, in one sentence.
        path: where it was written; - for stdout.
        model: what was written.
        facts: further ones, between what was written and what is in it.
        notes: what should be known.
        following: what to run next.
        values: further members of the JSON.
    """
    described = heads_of(model)
    own = [_written(path, model), *facts, *port_facts(model)]
    heads = () if described is None else tuple(head_blocks(described))
    details = () if described is None else tuple(head_details(described))
    extra = {} if values is None else dict(values)
    return Result(
        verdict,
        lambda: headed(
            "model",
            {**model_values(path, model), **extra, "next": commands(following)},
            verdict=verdict,
        ),
        style="good",
        blocks=(Facts(own), *heads),
        details=details,
        notes=tuple(note(text) for text in notes),
        following=following,
    )


def model_values(path: Path, model: onnx.ModelProto) -> dict[str, Any]:
    """A model as JSON values: its file, its ports, its heads."""
    described = heads_of(model)
    return {
        "file": {"path": f"{path}", "bytes": _bytes(path, model)},
        "opset": host_opset(model),
        "ir_version": model.ir_version,
        "inputs": [port_values(value) for value in host_inputs(model)],
        "outputs": [port_values(value) for value in model.graph.output],
        "heads": []
        if described is None
        else [
            {
                "card": head.card.to_dict(),
                "form": asdict(head.form),
                "attached": None if head.attached is None else asdict(head.attached),
            }
            for head in described.heads
        ],
        "joint": None if described is None or described.joint is None else asdict(described.joint),
    }


def _written(path: Path, model: onnx.ModelProto) -> tuple[str, str]:
    if f"{path}" == "-":
        return "written", f"to stdout ({size(_bytes(path, model))})"
    name, words = written(path)
    beside = sorted(weight_files(model))
    if beside:
        words += f"; its weights are in {joined(beside)} beside it"
    return name, words


def _bytes(path: Path, model: onnx.ModelProto) -> int:
    """How large the file is, or would be."""
    return int(model.ByteSize()) if f"{path}" == "-" else path.stat().st_size


def in_one_piece(model: onnx.ModelProto) -> bytes:
    """The bytes of a model that is written to stdout.

    Raises:
        LogitconfError: if it keeps weights in other files, which stdout cannot hold.
    """
    beside = weight_files(model)
    if beside:
        raise LogitconfError(
            f"a model on stdout must hold its weights, this one has {counted(len(beside), 'file')} "
            "of them beside it; give --self-contained, or a file"
        )
    content: bytes = model.SerializeToString()
    return content
