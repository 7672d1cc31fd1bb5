"""Ship a network and its head without ONNX, in torch's own format .pt2.

Run it with: python examples/pt2/pt2.py NEW_FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

import logitconf


class Abstaining(nn.Module):
    """A network with its head: logits, score and mask of one call."""

    def __init__(self, network: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.network, self.head = network, head

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (N, 10), score (N,) and mask (N,) of pixels (N, 64)."""
        logits = self.network(pixels)
        score, mask = self.head(logits)
        return logits, score, mask


def trained(pixels: Tensor, labels: Tensor) -> nn.Sequential:
    """A small network."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(30):
        for rows in torch.split(torch.randperm(len(labels)), 64):
            loss = nn.functional.cross_entropy(network(pixels[rows]), labels[rows])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return network.eval()


def main() -> None:
    """Train, fit, save as .pt2, load, and decide as before."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True)
    images, digits = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(digits))
    pixels = torch.from_numpy((images[order] / 16.0).astype(np.float32))
    labels = torch.from_numpy(digits[order].astype(np.int64))
    training, calibration, test = slice(500), slice(500, 1100), slice(1100, None)

    network = trained(pixels[training], labels[training])
    with torch.no_grad():
        logits = network(pixels)
    score = logitconf.SoftmaxScore().fit(logits[calibration], labels[calibration])
    score.set_threshold(coverage=0.9)

    model = Abstaining(network, score.compile()).eval()
    program = torch.export.export(
        model, (pixels[:2],), dynamic_shapes={"pixels": {0: torch.export.Dim("N")}}
    )
    torch.export.save(program, folder / "digits.pt2")

    loaded = torch.export.load(folder / "digits.pt2").module()
    with torch.no_grad():
        said, _, mask = loaded(pixels[test])
    expected = torch.as_tensor(score.select(logits[test])["selected"])
    print(f"decided otherwise by the file: {int((mask != expected).sum())} of {len(mask)}")
    right = said.argmax(1) == labels[test]
    print(f"accepted: {mask.float().mean():.1%}")
    print(f"accuracy of all: {right.float().mean():.2%}")
    print(f"accuracy of accepted: {right[mask].float().mean():.2%}")
    torch.save((pixels[test], mask), folder / "digits.pt")


if __name__ == "__main__":
    main()
