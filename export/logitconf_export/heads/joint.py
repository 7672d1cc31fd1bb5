"""One decision of several heads: accepted only if every head accepts, scored by the worst.

The joint score is the largest of the heads' scores, so that it compares with the one threshold that
they share; it is NaN as soon as one of them is not finite.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from logitconf.errors import LogitconfError
from logitconf.head_spec import Head
from logitconf_export.heads.graph_writer import GraphWriter, apply_names
from logitconf_export.heads.metadata import HeadsMetadata
from logitconf_export.onnx_files.element_types import ELEMENT_TYPES

JOINT_OUTPUTS = ("score", "mask")


def check_joinable(heads: Sequence[Head]) -> None:
    """Checks that one score and one threshold stand for all heads.

    Raises:
        LogitconfError: if they differ in score or threshold, or have a threshold for each class.
    """
    kinds = {(head.card.score, head.card.threshold) for head in heads}
    if len(kinds) > 1 or isinstance(heads[0].card.threshold, tuple):
        kinds_in_words = sorted(f"{score} below {threshold}" for score, threshold in kinds)
        raise LogitconfError(
            "a joint decision needs the same score and one threshold in every head, got "
            f"{', '.join(kinds_in_words)}; attach them each with its own outputs, or give one card"
        )
    if len({head.form.mask_type for head in heads}) > 1:
        raise LogitconfError("a joint decision needs the same mask_type in every head")


def joint_graph(
    scores: Sequence[str], masks: Sequence[str], *, opset: int, mask_type: str
) -> onnx.GraphProto:
    """The nodes from the heads' scores and bool masks to the values ``score`` and ``mask``.

    Args:
        scores: names of float32 values of one shape.
        masks: names of bool values of that shape.
        opset: to write for.
        mask_type: ``"bool"``, ``"uint8"`` or ``"float32"``.
    """
    writer = GraphWriter(opset)
    single = np.dtype(np.float32)
    low, high = (writer.scalar(value, single) for value in (-np.inf, np.inf))
    # runtimes differ in what Max makes of NaN, but no NaN passes Less
    bounds = []
    for name in scores:
        above = writer.node("Less", [low, name])
        below = writer.node("Less", [name, high])
        bounds.append(writer.node("And", [above, below]))
    finite = _folded(writer, "And", bounds)
    largest = _folded(writer, "Max", scores)
    score = writer.where(finite, largest, writer.scalar(np.nan, single), single)
    mask = _folded(writer, "And", masks)
    if mask_type != "bool":
        mask = writer.cast(mask, ELEMENT_TYPES[mask_type])
    for node in writer.nodes:
        for old, new in ((score, "score"), (mask, "mask")):
            node.output[:] = [new if name == old else name for name in node.output]
    return helper.make_graph(writer.nodes, "joint", [], [], list(writer.initializers.values()))


def joint_nodes(several: HeadsMetadata, *, opset: int) -> onnx.GraphProto:
    """The joint nodes of a model with several heads, under the names that its metadata give.

    Raises:
        LogitconfError: if the heads do not decide jointly.
    """
    if several.joint is None:
        raise LogitconfError("the heads must decide jointly, but each decides for itself")
    joint = several.joint
    scores, masks = ([head.outputs[i] for head in several.heads] for i in range(2))
    graph = joint_graph(scores, masks, opset=opset, mask_type=joint.mask_type)
    kept = {name: name for name in (*scores, *masks)}
    joined = dict(zip(JOINT_OUTPUTS, joint.outputs, strict=True))
    apply_names(graph, {**kept, **joined}, joint.prefix)
    return graph


def _folded(writer: GraphWriter, op: str, names: Sequence[str]) -> str:
    result = names[0]
    for name in names[1:]:
        result = writer.node(op, [result, name])
    return result


def joint_decision(
    scores: Sequence[npt.NDArray[np.float32]], masks: Sequence[npt.NDArray[np.bool_]]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """What the joint nodes must make of the heads' own scores and masks."""
    stacked = np.stack(scores)
    finite = np.isfinite(stacked).all(axis=0)
    score = np.where(finite, np.where(finite, stacked, 0).max(axis=0), np.float32(np.nan))
    return score.astype(np.float32), np.logical_and.reduce(np.stack(masks).astype(bool))
