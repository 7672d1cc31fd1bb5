"""Segment images pixel by pixel and show the pixels that the model would rather not decide.

Run it with: python examples/segmentation/segmentation.py NEW_PICTURE.png
"""

import logging
import sys
import warnings
from pathlib import Path

import matplotlib as mpl
import numpy as np
import onnx
import onnxruntime
import torch
from matplotlib import pyplot as plt
from matplotlib.colors import ListedColormap
from numpy.typing import NDArray
from torch import Tensor, nn

import logitconf

CLASSES = ("background", "disc", "square")
SIDE = 64


def drawn(count: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Noisy images (N, 1, 64, 64) of a disc and a square each, and the class of every pixel."""
    ys, xs = np.mgrid[:SIDE, :SIDE]
    images, classes = [], []
    for _ in range(count):
        truth = np.zeros((SIDE, SIDE), np.int64)
        (x, y), (left, top) = rng.integers(14, 50, 2), rng.integers(4, 40, 2)
        truth[(xs - x) ** 2 + (ys - y) ** 2 < rng.integers(7, 14) ** 2] = 1
        size = rng.integers(10, 20)
        truth[top : top + size, left : left + size] = 2
        image = np.array([0.2, 0.5, 0.8])[truth] + rng.normal(0, 0.25, truth.shape)
        images.append(image[None].astype(np.float32))
        classes.append(truth)
    return torch.from_numpy(np.array(images)), torch.from_numpy(np.array(classes))


def trained(images: Tensor, classes: Tensor) -> nn.Sequential:
    """A small convolutional network with a logit for each class and pixel."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.BatchNorm2d(1),
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 8, 5, padding=2),
        nn.ReLU(),
        nn.Conv2d(8, len(CLASSES), 1),
    )
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(12):
        for rows in torch.split(torch.randperm(len(images)), 4):
            loss = nn.functional.cross_entropy(network(images[rows]), classes[rows])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return network.eval()


def exported(network: nn.Module) -> onnx.ModelProto:
    """The network with a free batch, as torch's exporter writes it."""
    logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch 2.13's exporter warns of itself
        program = torch.onnx.export(
            network,
            (torch.zeros(2, 1, SIDE, SIDE),),
            input_names=["image"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("N")},),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model: onnx.ModelProto = program.model_proto
    return model


def picture(
    path: Path,
    image: NDArray[np.float32],
    classes: NDArray[np.int64],
    mask: NDArray[np.bool_],
    truth: NDArray[np.int64],
) -> None:
    """The image, what the model says, and what it says where it is sure."""
    mpl.use("Agg")
    colours = ListedColormap(["#e8eaed", "#2f6fb3", "#d9822b", "#1b1f24"])
    panels = [
        ("image", image, "gray"),
        ("what the model says", classes, colours),
        ("where it is sure (black: not)", np.where(mask, classes, len(CLASSES)), colours),
        ("its errors", np.where(classes == truth, 0, len(CLASSES)), colours),
    ]
    figure, axes = plt.subplots(1, len(panels), figsize=(11, 3.05), layout="constrained")
    for axis, (title, values, colour) in zip(axes, panels, strict=True):
        limits = {} if title == "image" else {"vmin": -0.5, "vmax": 3.5}
        axis.imshow(values, cmap=colour, interpolation="nearest", **limits)
        axis.set_title(title, fontsize=10)
        axis.set_axis_off()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Train, fit on pixels, attach with the class axis, draw one image."""
    path = Path(sys.argv[1])
    if path.exists():
        raise SystemExit(f"{path} exists; name a new picture")
    rng = np.random.default_rng(0)
    network = trained(*drawn(40, rng))

    images, truth = drawn(20, rng)
    with torch.no_grad():
        logits = network(images)
    # a pixel is a row for the fit: (N, K, H, W) becomes (N * H * W, K)
    rows = logits.movedim(1, -1).reshape(-1, len(CLASSES))
    score = logitconf.MarginScore().fit(rows, truth.reshape(-1))
    score.set_threshold(coverage=0.9)

    model = logitconf.attach(exported(network), score, logits="logits", class_axis=1)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    images, truth = drawn(20, rng)
    said, mask = session.run(["logits", "mask"], {"image": images.numpy()})
    classes = said.argmax(axis=1)
    right = classes == truth.numpy()
    print(f"mask of every pixel: {mask.shape}")
    print(f"accepted: {mask.mean():.1%} of the pixels")
    print(f"accuracy of all: {right.mean():.2%}")
    print(f"accuracy of accepted: {right[mask].mean():.2%}")
    picture(path, images[0, 0].numpy(), classes[0], mask[0], truth[0].numpy())
    print(f"the picture is {path}")


if __name__ == "__main__":
    main()
