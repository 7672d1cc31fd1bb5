"""The demo's network as other exporters would have written it."""

from collections.abc import Callable, Mapping

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def softmax_at_the_end(model: onnx.ModelProto) -> onnx.ModelProto:
    """It gives probabilities (N, 10), and its logits are a value inside."""
    return _ending(model, {"probabilities": ("logits", 10)})


def two_headed(model: onnx.ModelProto) -> onnx.ModelProto:
    """It also says whether the digit is odd: probabilities of ten classes and of two."""
    odd = np.stack([np.arange(10) % 2 == 0, np.arange(10) % 2 == 1], axis=1).astype(np.float32)
    model.graph.initializer.append(numpy_helper.from_array(odd, "odd_of_digit"))
    model.graph.node.append(helper.make_node("MatMul", ["logits", "odd_of_digit"], ["odd_logits"]))
    return _ending(model, {"digit": ("logits", 10), "odd": ("odd_logits", 2)})


def _ending(model: onnx.ModelProto, outputs: Mapping[str, tuple[str, int]]) -> onnx.ModelProto:
    del model.graph.output[:]
    for name, (logits, classes) in outputs.items():
        model.graph.node.append(helper.make_node("Softmax", [logits], [name], axis=1))
        shape = helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", classes])
        model.graph.output.append(shape)
    return model


OTHER_HOSTS: Mapping[str, tuple[Callable[[onnx.ModelProto], onnx.ModelProto], tuple[str, ...]]] = {
    "softmax at the end": (softmax_at_the_end, ()),
    "two heads": (two_headed, ("--logits", "logits")),
}
"""Each host with what fit and attach must be told besides, where the graph leaves a choice."""
