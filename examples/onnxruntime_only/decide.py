"""Use score and mask with onnxruntime and NumPy alone: nothing else is imported or needed.

Run it with: python examples/onnxruntime_only/decide.py MODEL_FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime


def main() -> None:
    """Decide all digits of the folder."""
    folder = Path(sys.argv[1])
    pixels = np.fromfile(folder / "pixels.f32", dtype="<f4").reshape(-1, 64)
    labels = np.fromfile(folder / "labels.u8", dtype=np.uint8)

    session = onnxruntime.InferenceSession(
        folder / "model.onnx", providers=["CPUExecutionProvider"]
    )
    logits, score, mask = session.run(["logits", "score", "mask"], {"pixels": pixels})

    # the score of maximum softmax is minus the calibrated probability of being right
    for row in (0, mask.argmin()):
        answer = f"a {logits[row].argmax()}" if mask[row] else "I don't know"
        print(f"digit {row}: {answer} (score {score[row]:.3f})")
    right = logits.argmax(axis=1) == labels
    print(f"accepted: {mask.sum()} of {len(mask)}")
    print(f"accuracy of all: {right.mean():.2%}")
    print(f"accuracy of accepted: {right[mask].mean():.2%}")


if __name__ == "__main__":
    main()
