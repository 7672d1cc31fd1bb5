"""A host with three softmax outputs, and what its heads must say of it, in float64."""

from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import numpy_helper, parser
from support import reference

CLASSES = (5, 3, 4)
NAMES = ("first", "second", "third")
TEMPERATURE, THRESHOLD = 1.5, -0.6
ROWS = np.random.default_rng(8).normal(0, 1, (200, 6)).astype(np.float32)
TEXT = """
<ir_version: {ir}, opset_import: ["" : {opset}]>
reader (float[N, 6] x) => (float[N, 5] first, float[N, 3] second, float[N, 4] third) {{
  z1 = MatMul (x, w1)
  z2 = MatMul (x, w2)
  z3 = MatMul (x, w3)
  first = Softmax <axis = 1> (z1)
  second = Softmax <axis = 1> (z2)
  third = Softmax <axis = 1> (z3)
}}
"""


def weights() -> list[NDArray[np.float32]]:
    rng = np.random.default_rng(9)
    return [rng.normal(0, 1.5, (6, columns)).astype(np.float32) for columns in CLASSES]


def three_softmaxes(*, opset: int = 17, ir: int = 8) -> onnx.ModelProto:
    model = parser.parse_model(TEXT.format(opset=opset, ir=ir))
    for count, array in enumerate(weights(), 1):
        tensor = numpy_helper.from_array(array, f"w{count}")
        model.graph.initializer.append(tensor)
        if ir < 4:
            model.graph.input.append(
                onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
            )
    return model


def expected_scores(
    score: str = "softmax", rows: NDArray[Any] = ROWS, temperature: float = TEMPERATURE
) -> list[NDArray[np.float64]]:
    """Each head's score (N,)."""
    return [
        reference.score(score, rows.astype(np.float64) @ w, temperature, "multiclass")
        for w in weights()
    ]


def run(
    model: onnx.ModelProto, names: list[str] | None = None, rows: NDArray[Any] = ROWS
) -> dict[str, NDArray[Any]]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    wanted = names or [output.name for output in session.get_outputs()]
    return dict(zip(wanted, session.run(wanted, {"x": rows}), strict=True))
