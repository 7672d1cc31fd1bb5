"""Run a model with a head by Hugging Face optimum, and see which of its classes keep the mask.

Run it with: python examples/optimum_model/optimum_model.py MODEL_FOLDER NEW_FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import helper
from optimum.onnxruntime import ORTModelForCustomTasks, ORTModelForImageClassification
from transformers import ViTConfig


def of_images(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with the input that optimum knows: `pixel_values` (N, 1, 8, 8)."""
    flat = helper.make_node("Flatten", ["pixel_values"], ["pixels"], name="flat", axis=1)
    model.graph.node.insert(0, flat)
    model.graph.input.pop(0)
    model.graph.input.append(
        helper.make_tensor_value_info("pixel_values", onnx.TensorProto.FLOAT, ["N", 1, 8, 8])
    )
    return model


def main() -> None:
    """Lay out the folder that optimum reads, load it twice, run."""
    source, home = Path(sys.argv[1]), Path(sys.argv[2])
    home.mkdir(parents=True)
    onnx.save(of_images(onnx.load(source / "model.onnx")), home / "model.onnx")
    ViTConfig(num_labels=10, image_size=8, num_channels=1).save_pretrained(home)

    pixels = np.fromfile(source / "pixels.f32", dtype="<f4").reshape(-1, 1, 8, 8)
    for kind in (ORTModelForImageClassification, ORTModelForCustomTasks):
        outputs = kind.from_pretrained(home)(pixel_values=pixels)
        print(f"{kind.__name__}: {', '.join(outputs)}")
    print(f"accepted: {outputs['mask'].sum()} of {len(pixels)}")


if __name__ == "__main__":
    main()
