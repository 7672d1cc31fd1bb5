"""Faults that a shipped head may have, each as an edit of a correct model.

Made for the head of :func:`head_models.make_head`: maximum softmax over 10 classes, opset 17. A
fault keeps the model loadable wherever the real accident would.
"""

import json
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Fault: TypeAlias = Callable[[onnx.ModelProto], None]
_TEMPERATURE, _THRESHOLD = "logitconf/temperature", "logitconf/threshold"


def _set(name: str, change: Callable[[Any], Any]) -> Fault:
    """Edits an initializer alone."""

    def fault(model: onnx.ModelProto) -> None:
        tensor = next(t for t in model.graph.initializer if t.name == name)
        value = np.asarray(change(numpy_helper.to_array(tensor)))
        tensor.CopyFrom(numpy_helper.from_array(value, name))

    return fault


def _card(part: str, **changes: Any) -> Fault:
    """Edits what the metadata say, alone."""

    def fault(model: onnx.ModelProto) -> None:
        entry = next(e for e in model.metadata_props if e.key == "logitconf")
        values = json.loads(entry.value)
        values[part].update(changes)
        entry.value = json.dumps(values)

    return fault


def _node(model: onnx.ModelProto, output: str) -> onnx.NodeProto:
    found: onnx.NodeProto = next(node for node in model.graph.node if output in node.output)
    return found


def _operator(output: str, operator: str) -> Fault:
    """Another operator in a node's place."""

    def fault(model: onnx.ModelProto) -> None:
        _node(model, output).op_type = operator

    return fault


def _after(output: str, *steps: tuple[str, dict[str, Any]], constants: Any = None) -> Fault:
    """One-input operators between a node and those that read it."""

    def fault(model: onnx.ModelProto) -> None:
        node = _node(model, output)
        place = list(model.graph.node).index(node) + 1
        node.output[0] = f"{output}_before"
        value = f"{output}_before"
        for index, (operator, attributes) in enumerate(steps):
            last = index == len(steps) - 1
            name = output if last else f"{output}_{index}"
            inputs = [value]
            if constants is not None and last:
                extra = numpy_helper.from_array(np.asarray(constants), f"{output}_constant")
                model.graph.initializer.append(extra)
                inputs.append(extra.name)
            made = helper.make_node(operator, inputs, [name], name=f"{name}_step", **attributes)
            model.graph.node.insert(place + index, made)
            value = name

    return fault


def _everywhere_before(*steps: tuple[str, dict[str, Any]]) -> Fault:
    """One-input operators between the logits and all that read them."""

    def fault(model: onnx.ModelProto) -> None:
        value = "logits"
        made = []
        for index, (operator, attributes) in enumerate(steps):
            name = f"changed_{index}"
            made.append(helper.make_node(operator, [value], [name], name=name, **attributes))
            value = name
        for node in model.graph.node:
            node.input[:] = [value if name == "logits" else name for name in node.input]
        for node in reversed(made):
            model.graph.node.insert(0, node)

    return fault


def _attribute(output: str, name: str, value: Any) -> Fault:
    def fault(model: onnx.ModelProto) -> None:
        node = _node(model, output)
        kept = [a for a in node.attribute if a.name != name]
        del node.attribute[:]
        node.attribute.extend([*kept, helper.make_attribute(name, value)])

    return fault


def _swap_inputs(output: str) -> Fault:
    def fault(model: onnx.ModelProto) -> None:
        node = _node(model, output)
        node.input[:] = list(node.input)[::-1]

    return fault


def _read_instead(output: str, old: str, new: str) -> Fault:
    def fault(model: onnx.ModelProto) -> None:
        node = _node(model, output)
        node.input[:] = [new if name == old else name for name in node.input]

    return fault


def _extra_node(model: onnx.ModelProto) -> None:
    model.graph.node.append(
        helper.make_node("Abs", ["score"], ["logitconf/unused"], name="logitconf/unused")
    )


def _nan_accepted(model: onnx.ModelProto) -> None:
    _node(model, "mask").output[0] = "strict"
    model.graph.node.append(helper.make_node("IsNaN", ["score"], ["lost"], name="lost"))
    model.graph.node.append(helper.make_node("Or", ["strict", "lost"], ["mask"], name="mask"))


def _not_above_instead_of_below(model: onnx.ModelProto) -> None:
    """score < threshold as not (threshold < score): accepts ties and NaN."""
    node = _node(model, "logitconf/lt")
    node.input[:] = list(node.input)[::-1]
    node.output[0] = "is_over"
    place = list(model.graph.node).index(node) + 1
    made = helper.make_node("Not", ["is_over"], ["logitconf/lt"], name="not_over")
    model.graph.node.insert(place, made)


def _mean_for_sum(model: onnx.ModelProto) -> None:
    """ReduceMean takes its axes as an attribute at opset 17."""
    node = _node(model, "logitconf/sum")
    node.op_type = "ReduceMean"
    del node.input[1:]
    node.attribute.append(helper.make_attribute("axes", [1]))


def _swapped_names(model: onnx.ModelProto) -> None:
    score, mask = model.graph.output
    score.name, mask.name = mask.name, score.name
    swap = {"score": "mask", "mask": "score"}
    for node in model.graph.node:
        node.input[:] = [swap.get(name, name) for name in node.input]
        node.output[:] = [swap.get(name, name) for name in node.output]


def _ulp_up(value: Any) -> Any:
    return np.nextafter(value, np.float32(np.inf))


def _ulp_down(value: Any) -> Any:
    return np.nextafter(value, np.float32(-np.inf))


def _rolled(model: onnx.ModelProto) -> None:
    """Every row gets its neighbour's score."""
    indices = numpy_helper.from_array(np.array([-1], dtype=np.int64), "from")
    ends = numpy_helper.from_array(np.array([2**62], dtype=np.int64), "to")
    zero = numpy_helper.from_array(np.array([0], dtype=np.int64), "first")
    model.graph.initializer.extend([indices, ends, zero])
    node = _node(model, "score")
    node.output[0] = "own_score"
    place = list(model.graph.node).index(node) + 1
    for offset, made in enumerate(
        [
            helper.make_node("Slice", ["own_score", "from", "to", "first"], ["tail"], name="tail"),
            helper.make_node("Slice", ["own_score", "first", "from", "first"], ["rest"], name="r"),
            helper.make_node("Concat", ["tail", "rest"], ["score"], name="score", axis=0),
        ]
    ):
        model.graph.node.insert(place + offset, made)


def _dropped_rows(model: onnx.ModelProto) -> None:
    """The last row is missing."""
    for name, value in (("from", 0), ("to", -1)):
        tensor = numpy_helper.from_array(np.array([value], dtype=np.int64), name)
        model.graph.initializer.append(tensor)
    for node in model.graph.node:
        node.input[:] = ["fewer" if name == "logits" else name for name in node.input]
    made = helper.make_node("Slice", ["logits", "from", "to", "from"], ["fewer"], name="fewer")
    model.graph.node.insert(0, made)


_HALF = ("Cast", {"to": TensorProto.FLOAT16})
_BFLOAT = ("Cast", {"to": TensorProto.BFLOAT16})
_SINGLE = ("Cast", {"to": TensorProto.FLOAT})

NUMBER_FAULTS: dict[str, Fault] = {
    "threshold one ulp up": _set(_THRESHOLD, _ulp_up),
    "threshold one ulp down": _set(_THRESHOLD, _ulp_down),
    "threshold off by 1e-3": _set(_THRESHOLD, lambda t: t + np.float32(1e-3)),
    "threshold of the other sign": _set(_THRESHOLD, np.negative),
    "threshold NaN": _set(_THRESHOLD, lambda t: np.float32(np.nan) + 0 * t),
    "threshold in double": _set(_THRESHOLD, lambda t: t.astype(np.float64)),
    "threshold of shape (1,)": _set(_THRESHOLD, lambda t: t.reshape(1)),
    "temperature one ulp up": _set(_TEMPERATURE, _ulp_up),
    "temperature inverted": _set(_TEMPERATURE, lambda t: np.float32(1) / t),
    "temperature 1": _set(_TEMPERATURE, np.ones_like),
    "temperature negative": _set(_TEMPERATURE, np.negative),
    "card with another threshold": _card("card", threshold=-0.5),
    "card with another temperature": _card("card", temperature=2.0),
}
"""Numbers of the graph that are not the card's."""

CARD_FAULTS: dict[str, Fault] = {
    "card of another score": _card("card", score="entropy", threshold=-0.7),
    "card of another task": _card("card", task="multilabel"),
    "form with another axis": _card("head", class_axis=0),
    "form in double": _card("head", precision="float64"),
    "form with another mask": _card("head", mask_type="uint8"),
    "form of probabilities": _card("head", kind="probabilities"),
}
"""A card or form that does not describe the graph."""

UNREADABLE_FAULTS: dict[str, Fault] = {
    "card without a threshold": _card("card", threshold=None),
    "card of a score that is none": _card("card", score="softmaks"),
    "form that is none": _card("head", rank="two"),
}
"""A card or form that describes no head at all."""

SILENT_FAULTS: dict[str, Fault] = {
    "floor forgotten": _read_instead("mask", "logitconf/lt2", "logitconf/lt"),
    "a dead node": _extra_node,
    "shape of the maximum kept by another axis name": _attribute("logitconf/max", "axes", [-1]),
}
"""A graph that is not the head's though it computes the same."""

GRAPH_FAULTS: dict[str, Fault] = {
    "<= for <": _operator("logitconf/lt", "LessOrEqual"),
    "> for <": _operator("logitconf/lt", "Greater"),
    "comparison swapped": _swap_inputs("logitconf/lt"),
    "not above for below": _not_above_instead_of_below,
    "NaN accepted": _nan_accepted,
    "or for and": _operator("mask", "Or"),
    "mask inverted": _after("mask", ("Not", {})),
    "axis of the maximum wrong": _attribute("logitconf/max", "axes", [0]),
    "mean for sum": _mean_for_sum,
    "minimum for maximum": _operator("logitconf/max", "ReduceMin"),
    "maximum added": _operator("logitconf/sub", "Add"),
    "temperature multiplied": _read_instead("logitconf/mul", "logitconf/inv", _TEMPERATURE),
    "temperature twice": _after("logitconf/mul", ("Mul", {}), constants=np.float32(1 / 1.5)),
    "temperature used as threshold": _read_instead("logitconf/lt", _THRESHOLD, _TEMPERATURE),
    "score not negated": _after("score", ("Neg", {})),
    "score the other way up": _swap_inputs("score"),
    "score clipped": _after("score", ("Max", {}), constants=np.float32(-0.99)),
    "score stretched by 1e-5": _after("score", ("Mul", {}), constants=np.float32(1 + 1e-5)),
    "score rounded to float16": _after("score", _HALF, _SINGLE),
    "logits rounded to float16": _everywhere_before(_HALF, _SINGLE),
    "logits rounded to bfloat16": _everywhere_before(_BFLOAT, _SINGLE),
    "sizes of the logits": _everywhere_before(("Abs", {})),
    "softmax taken twice": _everywhere_before(("Softmax", {"axis": 1})),
    "logits clipped at 0": _everywhere_before(("Relu", {})),
    "rows mixed up": _rolled,
    "last row dropped": _dropped_rows,
    "outputs swapped": _swapped_names,
}
"""A graph that computes something else."""
