"""Attach a head to a convolutional network as torch exports it, and compare with the checkpoint.

Run it with: python examples/torch_export/torch_export.py
"""

import logging
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

import logitconf


class Block(nn.Module):
    """Two convolutions and a shortcut, as in a residual network."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Features of the same shape."""
        return nn.functional.relu(images + self.layers(images))


def trained(images: Tensor, labels: Tensor) -> nn.Sequential:
    """A small residual network with global pooling, trained for a few seconds."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        Block(16),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        Block(32),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, 10),
    )
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(8):
        for rows in torch.split(torch.randperm(len(labels)), 64):
            loss = nn.functional.cross_entropy(network(images[rows]), labels[rows])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return network.eval()


def exported(network: nn.Module) -> onnx.ModelProto:
    """The network as torch's exporter writes it, with a free batch."""
    logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch 2.13's exporter warns of itself
        program = torch.onnx.export(
            network,
            (torch.zeros(2, 1, 8, 8),),
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("N")},),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model: onnx.ModelProto = program.model_proto
    return model


def main() -> None:
    """Train, fit, export, attach, verify, and decide the test digits both ways."""
    pixels, digits = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(digits))
    images = torch.from_numpy((pixels[order] / 16.0).astype(np.float32).reshape(-1, 1, 8, 8))
    labels = torch.from_numpy(digits[order].astype(np.int64))
    training, calibration, test = slice(500), slice(500, 1100), slice(1100, None)

    network = trained(images[training], labels[training])
    with torch.no_grad():
        logits = network(images)
    score = logitconf.SoftmaxScore().fit(logits[calibration], labels[calibration])
    score.set_threshold(coverage=0.9)

    shipped = logitconf.attach(exported(network), score)
    report = logitconf.verify(shipped, images[test].numpy(), rows_as="inputs")
    print(f"verified: {report.passed}")

    session = onnxruntime.InferenceSession(
        shipped.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (mask,) = session.run(["mask"], {"images": images[test].numpy()})
    accepted = score.select(logits[test])["selected"].numpy()
    print(f"decided otherwise than by the checkpoint: {(mask != accepted).sum()} of {len(mask)}")
    right = (logits[test].argmax(1) == labels[test]).numpy()
    print(f"accepted: {mask.mean():.1%}")
    print(f"accuracy of all: {right.mean():.2%}")
    print(f"accuracy of accepted: {right[mask].mean():.2%}")


if __name__ == "__main__":
    main()
