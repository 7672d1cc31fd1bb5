"""Element types of ONNX under their other names: NumPy's words, and onnxruntime's."""

from collections.abc import Mapping

from onnx import TensorProto

FLOAT_WORDS: Mapping[int, str] = {
    TensorProto.FLOAT16: "float16",
    TensorProto.BFLOAT16: "bfloat16",
    TensorProto.FLOAT: "float32",
    TensorProto.DOUBLE: "float64",
}
"""The floating types that logits can have."""

ELEMENT_TYPES: Mapping[str, int] = {
    **{word: element for element, word in FLOAT_WORDS.items()},
    "bool": TensorProto.BOOL,
    "uint8": TensorProto.UINT8,
}
"""The type that a word stands for; of logits, scores and masks."""

RUNTIME_WORDS: Mapping[str, str] = {
    f"tensor({TensorProto.DataType.Name(element).lower()})": word
    for element, word in FLOAT_WORDS.items()
}
"""NumPy's word for each floating type as onnxruntime spells it, such as ``"tensor(float)"``."""
