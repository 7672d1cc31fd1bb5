"""Fit a score on logits, choose a threshold, save the card, and abstain.

Run it with: python examples/quick_start/quick_start.py
"""

import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import logitconf


def main() -> None:
    """Handwritten digits, a linear classifier, and the ones it should not decide."""
    pixels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    pixels, labels = pixels[order], labels[order]
    training, validation, test = np.split(np.arange(len(labels)), [500, 1100])

    classifier = LogisticRegression(max_iter=5000, C=10.0).fit(pixels[training], labels[training])
    logits = classifier.decision_function(pixels)

    score = logitconf.MarginScore().fit(logits[validation], labels[validation])
    score.set_threshold(coverage=0.9)
    print(f"temperature {score.temperature:.4f}, accepted below {score.threshold:.4f}")

    selected = score.select(logits[test])["selected"]
    right = logits[test].argmax(axis=1) == labels[test]
    print(f"accepted: {selected.mean():.1%} of {len(test)}")
    print(f"accuracy of all: {right.mean():.2%}")
    print(f"accuracy of accepted: {right[selected].mean():.2%}")

    with tempfile.TemporaryDirectory() as folder:
        card = Path(folder) / "card.json"
        score.save(card)
        print(f"the saved card is the score: {logitconf.load(card) == score}")


if __name__ == "__main__":
    main()
