"""A score and a mask for every token: logits (N, T, V) of a model that guesses the next letter.

Run it with: python examples/tokens/tokens.py
"""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import numpy_helper

import logitconf

TEXT = (Path(__file__).resolve().parents[2] / "LICENSE").read_text(encoding="utf-8").lower()
LENGTH = 40
# the letter before the present one is that of the column to the left, and 0 at the start
HOST = """<ir_version: 8, opset_import: ["": 17]>
letters (int64[N, T] letters) => (float[N, T, V] logits) {
  before = Pad(letters, pads)
  left = Slice(before, starts, ends, axes)
  row = Mul(left, alphabet)
  pair = Add(row, letters)
  logits = Gather<axis = 0>(table, pair)
}"""


def as_rows(text: str, alphabet: str) -> NDArray[np.int64]:
    """Letters (N, T) as numbers, in rows of one length."""
    numbers = np.array([alphabet.index(letter) for letter in text])
    return numbers[: len(numbers) // LENGTH * LENGTH].reshape(-1, LENGTH)


def counted(rows: NDArray[np.int64], size: int) -> NDArray[np.float32]:
    """Logits (V * V, V) of the letter after two letters, from how often it came there."""
    pairs, singles = np.zeros((size, size, size)), np.zeros((size, size))
    flat = rows.reshape(-1)
    np.add.at(pairs, (flat[:-2], flat[1:-1], flat[2:]), 1.0)
    np.add.at(singles, (flat[:-1], flat[1:]), 1.0)
    shares = (singles + 0.1) / (singles + 0.1).sum(axis=1, keepdims=True)
    mixed = (pairs + 3.0 * shares) / (pairs.sum(axis=2, keepdims=True) + 3.0)
    return np.asarray(np.log(mixed).reshape(size * size, size), np.float32)


def as_onnx(table: NDArray[np.float32]) -> onnx.ModelProto:
    """The model: a table, looked up for every letter."""
    model = onnx.parser.parse_model(HOST)
    numbers = {
        "pads": [0, 1, 0, 0],
        "starts": [0],
        "ends": [-1],
        "axes": [1],
        "alphabet": table.shape[1],
    }
    for name, value in numbers.items():
        array = np.array(value, np.int64)
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    model.graph.initializer.append(numpy_helper.from_array(table, "table"))
    return model


def run(
    model: onnx.ModelProto, letters: NDArray[np.int64], *names: str
) -> list[NDArray[np.generic]]:
    """Outputs of the model."""
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return list(session.run(names, {"letters": letters}))


def main() -> None:
    """Count on the first part of a text, fit on the second, look at the third."""
    alphabet = "".join(sorted(set(TEXT)))
    first, second = int(0.7 * len(TEXT)), int(0.85 * len(TEXT))
    training, validation, test = (
        as_rows(part, alphabet) for part in (TEXT[:first], TEXT[first:second], TEXT[second:])
    )
    host = as_onnx(counted(training, len(alphabet)))

    # what is to be guessed is the next letter, so the last of each row has no label
    (logits,) = run(host, validation, "logits")
    score = logitconf.SoftmaxScore()
    score.fit(logits[:, :-1].reshape(-1, len(alphabet)), validation[:, 1:].reshape(-1))
    score.set_threshold(coverage=0.3)

    model = logitconf.attach(host, score, logits="logits", kind="logits", class_axis=2)
    logits, mask = run(model, test, "logits", "mask")
    print(f"logits {logits.shape}, mask {mask.shape}")
    guess = logits.argmax(axis=2)
    right, mask = guess[:, :-1] == test[:, 1:], mask[:, :-1]
    print(f"accepted: {mask.mean():.1%} of {mask.size} letters")
    print(f"accuracy of all: {right.mean():.2%}")
    print(f"accuracy of accepted: {right[mask].mean():.2%}")
    for row in (2, 3):
        text = "".join(alphabet[letter] for letter in test[row, 1:])
        letters = zip(guess[row, :-1], mask[row], strict=True)
        shown = "".join(alphabet[letter] if sure else "." for letter, sure in letters)
        print(f"text    |{text}|".replace("\n", "/"))
        print(f"guessed |{shown}|".replace("\n", "/"))


if __name__ == "__main__":
    main()
