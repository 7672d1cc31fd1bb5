"""Inputs and outputs of a model: their types and dims, and both in words."""

import onnx


def port_words(value: onnx.ValueInfoProto) -> str:
    """An input or output in words: its name, its type and its dims.

    >>> port_words(onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 3, None]))
    'x float [N, 3, ?]'
    """
    element, dims = port_type(value)
    return f"{value.name} {element} [{', '.join(map(str, dims))}]" if element else value.name


def port_type(value: onnx.ValueInfoProto) -> tuple[str, list[int | str]]:
    """Element type and dims; no type for what is no tensor."""
    if not value.type.HasField("tensor_type"):
        return "", []
    tensor = value.type.tensor_type
    known = tensor.elem_type in onnx.TensorProto.DataType.values()
    element = (
        onnx.TensorProto.DataType.Name(tensor.elem_type).lower()
        if known
        else f"type {tensor.elem_type}"
    )
    return element, [
        dim.dim_value if dim.HasField("dim_value") else dim.dim_param or "?"
        for dim in tensor.shape.dim
    ]
