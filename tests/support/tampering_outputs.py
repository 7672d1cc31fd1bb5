"""Tampering in outputs and metadata: decoys, heads that are not listed, other words in the card."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from support import tampering
from support.tampering import Tampering, alone_with, hosted_with

from logitconf.card.score_card import HeadForm
from logitconf_export import attach

GRAPH = "the graph is the card's"
NUMBERS = "temperature and threshold are the card's"
JUDGED = "the head reads what its output shows"
NOTHING_BEHIND = "nothing lies between the head and its outputs"
ONE_HEAD = "no other head is there"
DECOYS = "no other output looks like a decision"
ATTACHED_AS_WRITTEN = "must be attached as it is written"
OUTPUTS = "inputs and outputs are the card's"


def _hide(model: onnx.ModelProto) -> None:
    """The real outputs become ``logitconf/score`` and ``logitconf/mask``, and metadata say so."""
    for name in ("score", "mask"):
        tampering.rename(model, name, f"logitconf/{name}")
        next(v for v in model.graph.output if v.name == name).name = f"logitconf/{name}"
    tampering.say_attached(model, score="logitconf/score", mask="logitconf/mask")


def _show(model: onnx.ModelProto, name: str, element: int) -> None:
    model.graph.output.append(helper.make_tensor_value_info(name, element, ["N"]))


def _decoy(operator: str, *inputs: str) -> Callable[[onnx.ModelProto], None]:
    """The real decision is shown under its prefix, the words a user looks for are others."""

    def change(model: onnx.ModelProto) -> None:
        _hide(model)
        model.graph.node.extend([
            helper.make_node(operator, list(inputs), ["mask"], name="host/mask"),
            helper.make_node("Neg", ["logitconf/score"], ["score"], name="host/score"),
        ])  # fmt: skip
        _show(model, "score", TensorProto.FLOAT)
        _show(model, "mask", TensorProto.BOOL)

    return change


def _decoy_of_the_host(model: onnx.ModelProto) -> None:
    """It reads nothing of the head: every row is accepted."""
    _hide(model)
    graph = tampering.body(
        "<float limit = {0}, int64[1] axes = {1}> { largest = ReduceMax <axes = [1], keepdims = 0> "
        "(probabilities) score = Neg (largest) mask = Less (score, limit) }"
    )
    for node in graph.node:
        node.name = f"host/{node.output[0]}"
    tampering.insert(model, graph, len(model.graph.node))
    _show(model, "score", TensorProto.FLOAT)
    _show(model, "mask", TensorProto.BOOL)


def _between_mask_and_output(operator: str, *more: str) -> Callable[[onnx.ModelProto], None]:
    """A host's node makes the output that the card names, from the head's mask."""

    def change(model: onnx.ModelProto) -> None:
        tampering.made_by(model, "mask").output[0] = "logitconf/and"
        node = helper.make_node(operator, ["logitconf/and", *more], ["mask"], name="host/mask")
        model.graph.node.append(node)

    return change


def _constant_mask(model: onnx.ModelProto) -> None:
    tampering.made_by(model, "mask").output[0] = "logitconf/and"
    graph = tampering.body("<bool yes = {1}> { shape = Shape (score) mask = Expand (yes, shape) }")
    tampering.insert(model, graph, len(model.graph.node))


def _rounded_score(model: onnx.ModelProto) -> None:
    """Behind the mask's back: only the score that is shown differs."""
    tampering.made_by(model, "score").output[0] = "logitconf/neg"
    for node in model.graph.node:
        node.input[:] = ["logitconf/neg" if n == "score" else n for n in node.input]
    node = helper.make_node("Round", ["logitconf/neg"], ["score"], name="host/score")
    model.graph.node.append(node)


def _second_head(prefix: str, names: dict[str, str]) -> Callable[[onnx.ModelProto], None]:
    """A whole head with a threshold that accepts everything, which no metadata list."""

    def change(model: onnx.ModelProto) -> None:
        other = tampering.hosted(threshold=-0.05)

        def renamed(name: str) -> str:
            return names.get(name, name.replace("logitconf/", prefix))

        if set(names.values()) & {"score", "mask"}:
            _hide(model)
        for node in other.graph.node:
            if tampering.is_head(node):
                node.name = renamed(node.name)
                node.input[:] = [renamed(n) for n in node.input]
                node.output[:] = [renamed(n) for n in node.output]
                model.graph.node.append(node)
        for tensor in other.graph.initializer:
            if tensor.name.startswith("logitconf/"):
                tensor.name = renamed(tensor.name)
                model.graph.initializer.append(tensor)
        _show(model, names["score"], TensorProto.FLOAT)
        _show(model, names["mask"], TensorProto.BOOL)

    return change


def _negated_beside(model: onnx.ModelProto) -> None:
    node = helper.make_node("Not", ["mask"], ["decision"], name="decision")
    model.graph.node.append(node)
    _show(model, "decision", TensorProto.BOOL)


def _twice_shown(model: onnx.ModelProto) -> None:
    _show(model, "mask", TensorProto.BOOL)


def _said(part: str, **words: Any) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        values = tampering.about(model)
        values[part].update(words)
        tampering.say(model, values)

    return change


def _score_of_another_head(_: Path) -> onnx.ModelProto:
    model = attach(tampering.two_outputs(), tampering.head(), several="each")
    values = tampering.about(model)
    values["heads"][1]["attached"]["score"] = "score_first"
    tampering.say(model, values)
    return model


def _listed_once_of_two(_: Path) -> onnx.ModelProto:
    """Two honest heads, of which the metadata list one; the other's threshold is edited."""
    model = attach(tampering.two_outputs(), tampering.head(), several="each")
    values = tampering.about(model)
    say = {"schema": 1, **values["heads"][0]}
    tampering.say(model, say)
    return model


def _joint_of_one(_: Path) -> onnx.ModelProto:
    """The joint mask is the first head's alone."""
    model = attach(tampering.two_outputs(), tampering.head(), several="joint")
    node = tampering.made_by(model, "mask")
    node.op_type = "Or"
    return model


def _second_entry(model: onnx.ModelProto) -> None:
    values = tampering.about(model)
    values["card"]["threshold"] = -0.05
    model.metadata_props.add(key="logitconf", value=json.dumps(values))


def _second_key(model: onnx.ModelProto) -> None:
    entry = next(e for e in model.metadata_props if e.key == "logitconf")
    entry.value = entry.value.replace('"threshold":', '"threshold":-0.05,"threshold":', 1)


def _not_attached(model: onnx.ModelProto) -> None:
    values = tampering.about(model)
    del values["attached"]
    tampering.say(model, values)


def _labels(_: Path) -> onnx.ModelProto:
    """A real head of labels, on logits whose softmax the host shows."""
    host = tampering.plain_host()
    node = tampering.made_by(host, "probabilities")
    del node.attribute[:]
    node.op_type = "Sigmoid"
    model = attach(host, tampering.head(task="multilabel"))
    node = tampering.made_by(model, "probabilities")
    node.op_type = "Softmax"
    node.attribute.append(helper.make_attribute("axis", 1))
    return model


def _labelled(change: Callable[[onnx.ModelProto], None]) -> Callable[[Path], onnx.ModelProto]:
    """The plain host with an honest head that gives labels and probabilities, and then a change."""

    def build(_: Path) -> onnx.ModelProto:
        form = HeadForm(tampering.CLASSES, outputs=("label", "probabilities"))
        model = attach(tampering.plain_host(), tampering.head(form=form))
        change(model)
        return model

    return build


def _other_labels(model: onnx.ModelProto) -> None:
    """Classes 0 and 1 change their numbers."""
    table = tampering.number(model, "labels")
    table.CopyFrom(numpy_helper.from_array(np.array([1, 0, 2, 3, 4, -1]), table.name))


def _label_without_a_score(model: onnx.ModelProto) -> None:
    """A row without a score gets class 0."""
    table = tampering.number(model, "labels")
    table.CopyFrom(numpy_helper.from_array(np.array([0, 1, 2, 3, 4, 0]), table.name))


def _label_by_argmax(model: onnx.ModelProto) -> None:
    node = tampering.made_by(model, "label")
    node.CopyFrom(
        helper.make_node("ArgMax", ["logits"], ["label"], name=node.name, axis=1, keepdims=0)
    )


def _label_between(model: onnx.ModelProto) -> None:
    tampering.made_by(model, "label").output[0] = "logitconf/inner"
    model.graph.node.append(helper.make_node("Abs", ["logitconf/inner"], ["label"], name="host/x"))


def _sharper_probabilities(model: onnx.ModelProto) -> None:
    # the host has probabilities of its own
    node = tampering.made_by(model, "logitconf/probabilities")
    plain = helper.make_node("Softmax", ["logits"], [node.output[0]], name=node.name, axis=1)
    node.CopyFrom(plain)


def _number(name: str, values: list[float]) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        tensor = tampering.number(model, name)
        tensor.CopyFrom(numpy_helper.from_array(np.array(values, np.float32), tensor.name))

    return change


def _sure_without_a_score(model: onnx.ModelProto) -> None:
    node = tampering.made_by(model, "confidence")
    node.CopyFrom(helper.make_node("Identity", [node.input[1]], ["confidence"], name=node.name))


def _surer_in_the_card(model: onnx.ModelProto) -> None:
    values = tampering.about(model)
    values["card"]["confidence"]["values"] = [1.0, 0.75, 0.25]
    tampering.say(model, values)


def _label_called_probabilities(model: onnx.ModelProto) -> None:
    tampering.say_attached(model, label="logitconf/probabilities", probabilities="label")


OUTPUT_DESIGNS: dict[str, Tampering] = {
    "the mask negated": Tampering(hosted_with(_between_mask_and_output("Not")), NOTHING_BEHIND),
    "the mask constant": Tampering(hosted_with(_constant_mask), NOTHING_BEHIND),
    "the mask or something": Tampering(
        hosted_with(_between_mask_and_output("Or", "logitconf/lt")), NOTHING_BEHIND
    ),
    "the score rounded": Tampering(hosted_with(_rounded_score), NOTHING_BEHIND),
    "a decoy that negates": Tampering(hosted_with(_decoy("Not", "logitconf/mask")), NOTHING_BEHIND),
    "a decoy by Or": Tampering(
        hosted_with(_decoy("Or", "logitconf/mask", "logitconf/lt2")), NOTHING_BEHIND
    ),
    "a decoy of the host": Tampering(hosted_with(_decoy_of_the_host), DECOYS),
    "a second head under the names that count": Tampering(
        hosted_with(_second_head("gate/", {"score": "score", "mask": "mask"})), DECOYS
    ),
    "a second head under the head's kind of name": Tampering(
        hosted_with(_second_head("logitconf2/", {"score": "sureness", "mask": "go"})), ONE_HEAD
    ),
    "a second head under names of its own": Tampering(
        hosted_with(_second_head("gate/", {"score": "sureness", "mask": "go"})), ONE_HEAD
    ),
    "one of two heads listed": Tampering(_listed_once_of_two, ONE_HEAD),
    "a decision beside": Tampering(hosted_with(_negated_beside), NOTHING_BEHIND),
    "a decision beside a head alone": Tampering(alone_with(_negated_beside), OUTPUTS),
    "the mask shown twice": Tampering(hosted_with(_twice_shown), "onnx accepts the file"),
    "the score of another head": Tampering(_score_of_another_head, "the outputs are named after"),
    "classes under other numbers": Tampering(_labelled(_other_labels), GRAPH),
    "a label where there is no score": Tampering(_labelled(_label_without_a_score), GRAPH),
    "a label by ArgMax": Tampering(_labelled(_label_by_argmax), GRAPH),
    "something between head and label": Tampering(_labelled(_label_between), NOTHING_BEHIND),
    "probabilities that nobody calibrated": Tampering(_labelled(_sharper_probabilities), GRAPH),
    "the label said to be another output": Tampering(_labelled(_label_called_probabilities), GRAPH),
    "every row a little surer": Tampering(
        lambda _: tampering.sure(_number("confidence_drops", [0.1, 0.1])), GRAPH
    ),
    "sure from another score on": Tampering(
        lambda _: tampering.sure(_number("confidence_starts", [-0.75, -0.5])), GRAPH
    ),
    "a confidence where there is no score": Tampering(
        lambda _: tampering.sure(_sure_without_a_score), GRAPH
    ),
    "another confidence in the card": Tampering(
        lambda _: tampering.sure(_surer_in_the_card), GRAPH
    ),
    "a joint mask by Or": Tampering(_joint_of_one, "the joint nodes are those of its heads"),
}

METADATA_DESIGNS: dict[str, Tampering] = {
    "two cards": Tampering(hosted_with(_second_entry), "must have one entry"),
    "a threshold said twice": Tampering(hosted_with(_second_key), "each key must stand once"),
    "another kind said": Tampering(
        hosted_with(_said("attached", kind="probabilities")), ATTACHED_AS_WRITTEN
    ),
    "another kind in the form": Tampering(
        hosted_with(_said("head", kind="log-probabilities")), ATTACHED_AS_WRITTEN
    ),
    "another class axis": Tampering(hosted_with(_said("head", class_axis=0)), GRAPH),
    "another number of classes": Tampering(hosted_with(_said("head", n_classes=4)), JUDGED),
    "another number of classes in the card": Tampering(
        hosted_with(_said("card", n_classes=7)), "the head can be rebuilt from its card"
    ),
    "another threshold": Tampering(hosted_with(_said("card", threshold=-0.7)), NUMBERS),
    "another temperature": Tampering(hosted_with(_said("card", temperature=1.0)), NUMBERS),
    "another score": Tampering(hosted_with(_said("card", score="margin")), GRAPH),
    "another task": Tampering(hosted_with(_said("card", task="multilabel")), GRAPH),
    "a head of labels on classes": Tampering(_labels, JUDGED),
    "an output that is none": Tampering(hosted_with(_said("attached", output="logits_2")), JUDGED),
    "said to stand alone": Tampering(hosted_with(_not_attached), OUTPUTS),
    "an empty prefix": Tampering(
        hosted_with(_said("attached", prefix="")), "prefix must be one of ours"
    ),
}
