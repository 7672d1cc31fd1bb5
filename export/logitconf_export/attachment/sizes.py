"""What the heads of a model cost in bytes, part by part."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

import onnx

from logitconf_export.attachment.detaching import detach
from logitconf_export.heads.metadata import METADATA_KEY, read_heads

# of a card, what is large where it is there at all
_CARD_PARTS = (
    "certificate",
    "sketch",
    "confidence",
    "calibration_map",
    "class_names",
    "modes",
    "label_map",
    "temperature_fit",
    "rows",
    "policy",
)


def added_bytes(model: onnx.ModelProto) -> dict[str, int]:
    """How many bytes each part of the heads takes; together, what the model would lose by `detach`.

    Args:
        model: a host with heads, or a head that stands alone, all of whose bytes count.

    Returns:
        The parts, without those that take none: names (of nodes and of values, wherever they are
        read), nodes, initializers, outputs (what is declared), parts of the card, card (the rest of
        it), metadata (form, place, and whatever else was added), and frame: what surrounds them.

    Raises:
        LogitconfError: if the heads cannot be told from the host.
    """
    alone = read_heads(model).heads[0].attached is None
    without = Counter[str]() if alone else _parts(detach(model))
    parts = _parts(model)
    parts.subtract(without)
    return {name: count for name, count in parts.items() if count}


def _parts(model: onnx.ModelProto) -> Counter[str]:
    """The bytes of a model, each counted once."""
    graph, parts = model.graph, Counter[str]()
    for node in graph.node:
        names = (node.name, *node.input, *node.output)
        parts["names"] += sum(_framed(len(name.encode())) for name in names)
    parts["nodes"] = _sum(graph.node) - parts["names"]
    parts["initializers"] = _sum(graph.initializer)
    parts["outputs"] = _sum([*graph.input, *graph.output, *graph.value_info])
    parts["metadata"] = _sum(model.metadata_props)
    for entry in model.metadata_props:
        if entry.key == METADATA_KEY:
            parts.update(_of_cards(json.loads(entry.value)))
    parts["metadata"] -= sum(parts[name] for name in (*_CARD_PARTS, "card"))
    parts["frame"] = model.ByteSize() - parts.total()
    return parts


def _of_cards(values: dict[str, Any]) -> Counter[str]:
    """The bytes of the cards in an entry, as they are written today."""
    parts = Counter[str]()
    for head in values.get("heads", [values]):
        card = head["card"]
        for name in _CARD_PARTS:
            if name in card:
                # its key, two quotes, a colon and a comma
                parts[name] += len(name) + 4 + len(_json(card[name]))
        parts["card"] += len(_json(card))
    parts["card"] -= sum(parts[name] for name in _CARD_PARTS)
    return parts


def _json(values: object) -> str:
    return json.dumps(values, separators=(",", ":"))


def _sum(messages: Iterable[Any]) -> int:
    return sum(_framed(message.ByteSize()) for message in messages)


def _framed(n_bytes: int) -> int:
    """A field of that many bytes with its number before it and its length, 7 bits a byte."""
    return 1 + -(-max(n_bytes.bit_length(), 1) // 7) + n_bytes
