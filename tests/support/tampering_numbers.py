"""Tampering with numbers, and with what a runtime loads of the host."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, parser
from support import tampering
from support.tampering import Build, Tampering, alone_with, hosted_with

from logitconf_export import attach

GRAPH = "the graph is the card's"
NUMBERS = "temperature and threshold are the card's"
FIXED = "no number can be overridden"
ONCE = "every value is made once"
CHECKER = "onnx accepts the file"
HOST_RUNS = "the host runs"
LOADS = "the runtime loads the file"
HEAD_RUNS = "the head"


def _as_input(name: str) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        tensor = tampering.number(model, name)
        model.graph.input.append(
            helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
        )

    return change


def _next_float(name: str) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        tensor = tampering.number(model, name)
        value = numpy_helper.to_array(tensor)
        moved = np.nextafter(value, np.float32(0), dtype=np.float32)
        tensor.CopyFrom(numpy_helper.from_array(np.asarray(moved), tensor.name))

    return change


def _twice(model: onnx.ModelProto) -> None:
    tensor = tampering.number(model, "threshold")
    model.graph.initializer.insert(
        0, numpy_helper.from_array(np.array(-0.05, np.float32), tensor.name)
    )


def _sparse_beside(model: onnx.ModelProto) -> None:
    sparse = model.graph.sparse_initializer.add()
    sparse.values.CopyFrom(
        numpy_helper.from_array(np.array([-0.05], np.float32), "logitconf/threshold")
    )
    sparse.indices.CopyFrom(numpy_helper.from_array(np.array([0], np.int64)))
    sparse.dims[:] = [1]


def _constant_node(model: onnx.ModelProto) -> None:
    tensor = tampering.number(model, "threshold")
    value = numpy_helper.from_array(np.array(-0.05, np.float32))
    node = helper.make_node(
        "Constant", [], ["logitconf/threshold"], name="host/constant", value=value
    )
    model.graph.initializer.remove(tensor)
    model.graph.node.insert(0, node)


def _constant_node_beside(model: onnx.ModelProto) -> None:
    """A node makes what an initializer holds already."""
    value = numpy_helper.from_array(np.array(-0.05, np.float32))
    node = helper.make_node(
        "Constant", [], ["logitconf/threshold"], name="host/constant", value=value
    )
    model.graph.node.insert(0, node)


def _double(model: onnx.ModelProto) -> None:
    tensor = tampering.number(model, "threshold")
    tensor.CopyFrom(numpy_helper.from_array(np.array(-0.6, np.float64), tensor.name))


def _two_values_in_one(model: onnx.ModelProto) -> None:
    """Readers differ in which of the two they take."""
    tampering.number(model, "threshold").float_data.append(-0.05)


def _shadowed(model: onnx.ModelProto) -> None:
    """The comparison moves into a branch with a threshold of its own under the head's name."""
    node = tampering.made_by(model, "logitconf/lt")
    inner = onnx.NodeProto()
    inner.CopyFrom(node)
    inner.output[0] = "inner"
    threshold = numpy_helper.from_array(np.array(-0.05, np.float32), "logitconf/threshold")
    value = helper.make_tensor_value_info("inner", TensorProto.BOOL, ["N"])
    branches = [helper.make_graph([inner], name, [], [value], [threshold]) for name in ("t", "e")]
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    node.CopyFrom(
        helper.make_node(
            "If",
            ["yes"],
            ["logitconf/lt"],
            name=node.name,
            then_branch=branches[0],
            else_branch=branches[1],
        )
    )


def _other_constant(model: onnx.ModelProto) -> None:
    tensor = tampering.number(model, "-1.5")
    tensor.CopyFrom(numpy_helper.from_array(np.array(-np.inf, np.float32), tensor.name))


def _external(values: bytes, *, location: str = "numbers.bin") -> Build:
    """The threshold lies in another file."""

    def build(folder: Path) -> Path:
        model = tampering.hosted()
        tensor = tampering.number(model, "threshold")
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)
        if values:
            (folder / "numbers.bin").write_bytes(values)
        path = folder / "host.onnx"
        path.write_bytes(model.SerializeToString())
        return path

    return build


def _host(text: str, *, functions: str = "", imports: str = "") -> onnx.ModelProto:
    host = parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : 17{imports}]> host (float[N, 8] pixels) => '
        f"(float[N, 5] probabilities) {{ logits = Gemm (pixels, weight, bias) {text} }}{functions}"
    )
    host.graph.initializer.extend(tampering.weights("weight", "bias"))
    return host


def _unknown_operator(_: Path) -> onnx.ModelProto:
    text = "odd = strange.Layer (pixels) probabilities = Softmax <axis = 1> (logits)"
    host = _host(text, imports=', "strange" : 1')
    host.graph.output.append(helper.make_tensor_value_info("odd", TensorProto.FLOAT, ["N", 8]))
    return attach(host, tampering.head(), logits="logits")


def _weights_that_are_not_there(folder: Path) -> Path:
    model = tampering.hosted()
    tensor = next(t for t in model.graph.initializer if t.name == "weight")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="gone.bin")
    path = folder / "host.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def _never_runs(_: Path) -> onnx.ModelProto:
    """It loads, and no row goes through: seven columns do not fit five."""
    text = (
        "shape = Constant <value_ints = [1, 7]> () ones = ConstantOfShape (shape) "
        "odd = Expand (ones, shape) wide = Concat <axis = 1> (odd, logits) "
        "seven = Constant <value_ints = [0, 7]> () flat = Reshape (wide, seven) "
        "probabilities = Softmax <axis = 1> (logits) more = ReduceSum <keepdims = 0> (flat)"
    )
    host = _host(text)
    host.graph.output.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, []))
    return attach(host, tampering.head(), logits="logits")


def _no_rows(_: Path) -> onnx.ModelProto:
    """Whatever comes in, no row comes out."""
    host = parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]> host (float[N, 8] pixels) => '
        "(float[M, 5] probabilities) <int64[1] zero = {0}> { some = Slice (pixels, zero, zero) "
        "logits = Gemm (some, weight, bias) probabilities = Softmax <axis = 1> (logits) }"
    )
    host.graph.initializer.extend(tampering.weights("weight", "bias"))
    return attach(host, tampering.head(), logits="logits")


def _newest_format(model: onnx.ModelProto) -> None:
    model.ir_version = 99


def _extra_input(model: onnx.ModelProto) -> None:
    """A user must give it, and it does nothing."""
    model.graph.input.append(helper.make_tensor_value_info("gate", TensorProto.FLOAT, ["N"]))


def _extra_input_that_decides(model: onnx.ModelProto) -> None:
    """It adds to the logits before the head's first node."""
    _extra_input(model)
    model.graph.input[-1].type.tensor_type.shape.dim.add().dim_value = 1
    node = helper.make_node("Add", ["logits", "gate"], ["gated"], name="logitconf/gated")
    model.graph.node.insert(0, node)
    for other in list(model.graph.node)[1:]:
        other.input[:] = ["gated" if name == "logits" else name for name in other.input]


def _half_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT16


def _cycle(model: onnx.ModelProto) -> None:
    node = tampering.made_by(model, "logits")
    node.input[2] = "logits"


NUMBER_DESIGNS: dict[str, Tampering] = {
    "the threshold is an input too": Tampering(hosted_with(_as_input("threshold")), FIXED),
    "the temperature is an input too": Tampering(hosted_with(_as_input("temperature")), FIXED),
    "a constant is an input too": Tampering(hosted_with(_as_input("-1.5")), FIXED),
    "the threshold of a head alone is an input": Tampering(
        alone_with(_as_input("threshold")), FIXED
    ),
    "two thresholds": Tampering(hosted_with(_twice), ONCE),
    "a sparse threshold": Tampering(hosted_with(_sparse_beside), ONCE),
    "a threshold from a node": Tampering(hosted_with(_constant_node), NUMBERS),
    "a threshold from a node too": Tampering(hosted_with(_constant_node_beside), ONCE),
    "a threshold in double": Tampering(hosted_with(_double), LOADS),
    "two values in one threshold": Tampering(hosted_with(_two_values_in_one), CHECKER),
    "a threshold shadowed in a branch": Tampering(hosted_with(_shadowed), GRAPH),
    "a threshold one float away": Tampering(hosted_with(_next_float("threshold")), NUMBERS),
    "a temperature one float away": Tampering(hosted_with(_next_float("temperature")), NUMBERS),
    "another bound": Tampering(hosted_with(_other_constant), GRAPH),
    "a threshold in another file": Tampering(_external(np.float32(-0.05).tobytes()), NUMBERS),
    "a threshold in a file that is not there": Tampering(_external(b""), "must be readable"),
    "a threshold outside the folder": Tampering(
        _external(b"", location="../numbers.bin"), "own folder"
    ),
}

LOADING_DESIGNS: dict[str, Tampering] = {
    "an operator that no runtime has": Tampering(_unknown_operator, LOADS),
    "weights that are not there": Tampering(_weights_that_are_not_there, LOADS),
    "a host that never runs": Tampering(_never_runs, HOST_RUNS),
    "a host without rows": Tampering(_no_rows, "rows of the host were compared"),
    "a format to come": Tampering(hosted_with(_newest_format), LOADS),
    "a host in a circle": Tampering(hosted_with(_cycle), "cycle"),
    "an input more of a head alone": Tampering(alone_with(_extra_input), HEAD_RUNS),
    "an input that decides": Tampering(alone_with(_extra_input_that_decides), GRAPH),
    "a head alone that takes halves": Tampering(alone_with(_half_input), GRAPH),
}
