"""Train a network that learns its confidence, compare with maximum softmax, ship, and verify.

In each run two of the ten digits are held out: the network never sees them, and they stand for
inputs from elsewhere. Two networks are trained on the rest, one by cross-entropy alone and one by
LearnedConfidenceLoss, on the same rows in the same order, with noise added as augmentation.

Here the learned confidence does not beat maximum softmax for errors, and only draws level with it
for held-out digits, after long training. Mean AUROC of five seeds, learned against maximum softmax
of the network trained alone: errors .79 to .96 after 60 epochs, .89 to .97 after 240, .92 to .97
after 720; held-out digits .71 to .91, .90 to .94, .950 to .945 (ahead in four seeds, by less than
the spread). Nor does it in a small convolutional network trained as the authors' code trains (SGD
with Nesterov momentum, shifted copies, budgets of .1, .3 and .8, 60 and 200 epochs, with and
without noise; three seeds): on the calibration digits it was behind in all twelve settings, by .03
to .33 for errors and .13 to .68 for blends of two digits, so none was taken to the test digits.
Where the classes themselves are learned nearly without fault, the confidence has few errors to
learn from. Larger networks and images, for which the method was published, are not tried.

Run it with: python examples/learned_confidence/learned_confidence.py [--seeds 5] [--epochs 60]
"""

import argparse
import logging
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.datasets import load_digits
from torch import Tensor, nn

import logitconf

Array = NDArray[Any]
TRAINING_ROWS = 700
NOISE = 0.5


class Network(nn.Module):
    """Two hidden layers with the classes and, beside them, the confidence."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.classes = nn.Linear(64, classes)
        self.confidence = logitconf.ConfidenceBranch(64)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Class logits (N, K) and confidence logits (N, 1)."""
        features = self.features(pixels)
        return self.classes(features), self.confidence(features)


@dataclass(frozen=True)
class Digits:
    """Pixels (N, 64) in [0, 1] and classes, for training, calibration, test; held-out digits."""

    training: tuple[Tensor, Tensor]
    calibration: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]
    elsewhere: Tensor


def split(seed: int) -> Digits:
    """The digits 2 * seed and 2 * seed + 1 (of 0 to 9) held out, the rest shuffled."""
    pixels, labels = load_digits(return_X_y=True)
    images = torch.from_numpy((pixels / 16.0).astype(np.float32))
    held_out = np.isin(labels, [2 * seed % 10, 2 * seed % 10 + 1])
    kept = np.random.default_rng(seed).permutation(np.flatnonzero(~held_out))
    classes = torch.from_numpy(np.unique(labels[kept], return_inverse=True)[1])
    parts = np.split(np.arange(len(kept)), [TRAINING_ROWS, TRAINING_ROWS + 300])
    train, calibrate, test = ((images[kept[part]], classes[part]) for part in parts)
    return Digits(train, calibrate, test, images[held_out])


def train(digits: Digits, seed: int, epochs: int, *, learned: bool) -> tuple[Network, float]:
    """A network, and the penalty at the end."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    network = Network(8)
    confidence_loss = logitconf.LearnedConfidenceLoss(generator=torch.Generator().manual_seed(seed))
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    pixels, labels = digits.training
    for _ in range(epochs):
        order = torch.randperm(len(pixels), generator=generator)
        for start in range(0, len(pixels), 64):
            rows = order[start : start + 64]
            size = NOISE * torch.rand(len(rows), 1, generator=generator)
            noisy = pixels[rows] + size * torch.randn(len(rows), 64, generator=generator)
            logits, confidence = network(noisy)
            if learned:
                loss = confidence_loss(logits, confidence, labels[rows])
            else:
                loss = nn.functional.cross_entropy(logits, labels[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return network.eval(), float(confidence_loss.penalty)


def area(good: Array, bad: Array) -> float:
    """AUROC: how often a good row has a lower score than a bad one; ties count a half."""
    ranks = rankdata(np.concatenate([bad, good]))[: len(bad)]
    pairs = len(good) * len(bad)
    return float((ranks.sum() - len(bad) * (len(bad) + 1) / 2) / pairs)


def areas(network: Network, digits: Digits) -> dict[str, tuple[float, float, float]]:
    """Accuracy and AUROC for errors and for held-out digits, of both scores of a network."""
    pixels, labels = digits.test
    with torch.no_grad():
        logits, confidence = network(pixels)
        away_logits, away_confidence = network(digits.elsewhere)
    right = (logits.argmax(1) == labels).numpy()
    softmax, learned = logitconf.SoftmaxScore(), logitconf.LearnedConfidenceScore()
    found = {}
    for name, score, inside, outside in (
        ("softmax", softmax, logits, away_logits),
        # float64, so that confidences near 1 do not tie
        ("learned", learned, confidence.double(), away_confidence.double()),
    ):
        own, other = score.score(inside).numpy(), score.score(outside).numpy()
        errors = area(own[right], own[~right]) if not right.all() else float("nan")
        found[name] = (float(right.mean()), errors, area(own, other))
    return found


def compare(seeds: int, epochs: int) -> Network:
    """Prints both scores' areas over the seeds; the last network with a confidence."""
    rows: dict[str, list[tuple[float, float, float]]] = {}
    for seed in range(seeds):
        digits = split(seed)
        plain, _ = train(digits, seed, epochs, learned=False)
        network, penalty = train(digits, seed, epochs, learned=True)
        both = areas(network, digits)
        rows.setdefault("softmax, trained alone", []).append(areas(plain, digits)["softmax"])
        rows.setdefault("softmax, beside confidence", []).append(both["softmax"])
        rows.setdefault("learned confidence", []).append(both["learned"])
        pixels, labels = digits.training
        with torch.no_grad():
            wrong = int((network(pixels)[0].argmax(1) != labels).sum())
        print(f"seed {seed}: {wrong} of {len(labels)} training rows wrong, penalty {penalty:.4f}")
    print(f"mean and standard deviation over {seeds} seeds")
    print(f"{'':28}{'accuracy':>16}{'AUROC errors':>16}{'AUROC held out':>16}")
    for name, values in rows.items():
        table = np.array(values)
        spread = table.std(axis=0, ddof=1) if seeds > 1 else np.zeros(3)
        cells = (f"{m:.3f} ± {s:.3f}" for m, s in zip(table.mean(axis=0), spread, strict=True))
        print(f"{name:28}" + "".join(f"{cell:>16}" for cell in cells))
    learned = np.array(rows["learned confidence"])
    for name in ("softmax, trained alone", "softmax, beside confidence"):
        better = (learned[:, 1:] > np.array(rows[name])[:, 1:]).sum(axis=0)
        print(f"learned beats {name}: errors {better[0]}, held out {better[1]} of {seeds} seeds")
    return network


def export(network: Network) -> onnx.ModelProto:
    """The network in ONNX, with both outputs."""
    logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # torch 2.13's exporter warns of itself
        warnings.filterwarnings("ignore", r"`isinstance\(treespec", FutureWarning)
        program = torch.onnx.export(
            network,
            (torch.zeros(2, 64),),
            input_names=["pixels"],
            output_names=["logits", "confidence"],
            dynamic_shapes=({0: torch.export.Dim("N")},),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model: onnx.ModelProto = program.model_proto
    return model


def ship(network: Network, digits: Digits) -> None:
    """Fit on calibration digits, attach to the confidence, verify, run."""
    pixels, labels = digits.calibration
    with torch.no_grad():
        logits, confidence = network(pixels)
    right = logitconf.predictions_right(logits, labels)
    score = logitconf.LearnedConfidenceScore()
    with warnings.catch_warnings():
        # confidences that say nothing of the errors leave T at 1, with a warning
        warnings.simplefilter("ignore", logitconf.LogitconfWarning)
        score.fit(confidence, right)
        score.set_threshold(coverage=0.9)
    shipped = logitconf.attach(export(network), score, logits="confidence")
    test, labels = digits.test
    report = logitconf.verify(shipped, test.numpy(), rows_as="inputs", pairs=200)
    print(f"verified: {report.passed}, {report.rows} rows compared")
    session = onnxruntime.InferenceSession(
        shipped.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    found, mask = session.run(["logits", "mask"], {"pixels": test.numpy()})
    hits = found.argmax(axis=1) == labels.numpy()
    (away,) = session.run(["mask"], {"pixels": digits.elsewhere.numpy()})
    print(f"accepted: {mask.mean():.1%} of {len(test)} digits, {away.mean():.1%} of held-out ones")
    print(f"accuracy of all {hits.mean():.2%}, of accepted {hits[mask].mean():.2%}")


def main() -> None:
    """Compare over the seeds, then ship the last network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=60)
    options = parser.parse_args()
    network = compare(options.seeds, options.epochs)
    ship(network, split(options.seeds - 1))


if __name__ == "__main__":
    main()
