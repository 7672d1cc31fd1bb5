"""Lay out a model repository for Triton Inference Server around a model with a head.

Run it with: python examples/triton_repository/make_repository.py MODEL_FOLDER NEW_FOLDER
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import onnxruntime

TYPES = {"tensor(float)": "TYPE_FP32", "tensor(bool)": "TYPE_BOOL", "tensor(int64)": "TYPE_INT64"}
LARGEST_BATCH = 256


def tensor(value: Any, labels: str = "") -> str:
    """An input or output as Triton describes it: without the batch, which it adds itself."""
    dims = value.shape[1:]
    lines = [f'    name: "{value.name}"', f"    data_type: {TYPES[value.type]}"]
    if dims:
        lines.append(f"    dims: [ {', '.join(map(str, dims))} ]")
    else:
        # one number a row has no dims of its own, but Triton asks for one
        lines += ["    dims: [ 1 ]", "    reshape { shape: [ ] }"]
    if labels:
        lines.append(f'    label_filename: "{labels}"')
    return "  {\n" + "\n".join(lines) + "\n  }"


def names_of(session: onnxruntime.InferenceSession) -> tuple[str, list[str]]:
    """The output with the classes and their names, by the card in the file; no names without."""
    entry = json.loads(session.get_modelmeta().custom_metadata_map["logitconf"])
    return entry["attached"]["output"], entry["card"].get("class_names") or []


def main() -> None:
    """Writes digits/config.pbtxt, digits/1/model.onnx and, of named classes, digits/labels.txt."""
    source, home = Path(sys.argv[1]) / "model.onnx", Path(sys.argv[2]) / "digits"
    (home / "1").mkdir(parents=True)
    shutil.copy(source, home / "1" / "model.onnx")
    session = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])
    parts = [f'name: "digits"\nbackend: "onnxruntime"\nmax_batch_size: {LARGEST_BATCH}']
    classes, names = names_of(session)
    if names:
        (home / "labels.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    for word, values in (("input", session.get_inputs()), ("output", session.get_outputs())):
        described = [
            tensor(value, "labels.txt" if names and value.name == classes else "")
            for value in values
        ]
        parts.append(f"{word} [\n" + ",\n".join(described) + "\n]")
    # every row is decided by itself, so requests may be put together
    parts.append("dynamic_batching { }")
    text = "\n".join(parts) + "\n"
    (home / "config.pbtxt").write_text(text, encoding="utf-8")
    print(text, end="")


if __name__ == "__main__":
    main()
