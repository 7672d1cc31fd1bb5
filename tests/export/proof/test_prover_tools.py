"""A proof is of the file as it is: after tools folded or upgraded it, and after one float moved."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper, version_converter
from support.other_tools import optimised
from support.proofs import model_of

from logitconf_export.heads.metadata import read_metadata
from logitconf_export.proof.composing.arithmetic import Rounded
from logitconf_export.proof.prover import Question, prove
from logitconf_export.proof.verdicts import RuntimeProof

# what tables of onnxruntime 1.31 say
RUNTIME = Rounded("a runtime", (("Exp", 0.9), ("Log", 3.5), ("Softmax exp", 1.5)))
T, THRESHOLD = 1.5, -0.6
BASIC = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC


def by(module: str, function: str, pick: Callable[[Any], Any] = lambda made: made) -> Any:
    """A tool that may not be installed."""

    def changed(model: onnx.ModelProto) -> onnx.ModelProto:
        try:
            tool = import_module(module)
        except ImportError:
            pytest.skip(f"{module} is not installed")
        made: onnx.ModelProto = pick(getattr(tool, function)(model))
        return made

    return changed


TOOLS: Mapping[str, Callable[[onnx.ModelProto], onnx.ModelProto]] = {
    "onnxruntime, basic": lambda model: optimised(model, BASIC),
    "onnx.version_converter": lambda model: version_converter.convert_version(model, 21),
    "onnxoptimizer": by("onnxoptimizer", "optimize"),
    "onnxscript": by("onnxscript.optimizer", "optimize"),
    "onnxsim": by("onnxsim", "simplify", lambda made: made[0]),
    "onnxslim": by("onnxslim", "slim"),
}


def proof_of(changed: onnx.ModelProto, model: onnx.ModelProto) -> RuntimeProof:
    return prove(Question(changed, read_metadata(model)), RUNTIME)


@pytest.mark.parametrize("tool", sorted(TOOLS))
@pytest.mark.parametrize("score", ["softmax", "entropy", "margin"])
def test_what_a_tool_changed_is_proved(score: str, tool: str) -> None:
    model = model_of(score)
    proof = proof_of(TOOLS[tool](model), model)
    assert proof.verdict == "PROVED", proof.reason


def numbers_of(model: onnx.ModelProto) -> list[onnx.TensorProto]:
    """Every constant of the graph, wherever a tool keeps it."""
    inner = [a.t for n in model.graph.node if n.op_type == "Constant" for a in n.attribute]
    return [*model.graph.initializer, *inner]


@pytest.mark.parametrize("tool", sorted(TOOLS))
@pytest.mark.parametrize("number", ["temperature", "threshold"])
def test_a_number_that_is_moved_by_one_float_afterwards_is_refuted(number: str, tool: str) -> None:
    model = model_of("softmax")
    changed = TOOLS[tool](model)
    values = {"temperature": (T, 1.0 / T, -T, -1.0 / T), "threshold": (THRESHOLD,)}[number]
    stored = {np.float32(value).tobytes() for value in values}
    moved = 0
    for tensor in numbers_of(changed):
        value = numpy_helper.to_array(tensor)
        if value.dtype == np.float32 and value.size == 1 and value.tobytes() in stored:
            other = np.nextafter(value, np.float32(9))
            # no name tells what it was
            tensor.CopyFrom(numpy_helper.from_array(other, tensor.name))
            moved += 1
    assert moved > 0
    proof = proof_of(changed, model)
    assert (proof.verdict, number in proof.reason) == ("REFUTED", True), proof.reason
