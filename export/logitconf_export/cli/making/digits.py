"""The job of the demo: handwritten digits, a network trained on them, and scores fitted on it."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from logitconf.errors import MissingExtraError
from logitconf.fitting.logit_score import LogitScore
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf.metrics.selective import area_under_risk_coverage
from logitconf.scores.table import refusal
from logitconf.tasks import Layout
from logitconf_export.onnx_files.loading import load_model
from logitconf_export.onnx_files.types import Array
from logitconf_export.runtimes.sessions import Session

COVERAGE = 0.9
_SEED = 0
_TRAINING_ROWS, CALIBRATION_ROWS = 200, 600
_EPOCHS = 400


@dataclass(frozen=True, slots=True)
class Digits:
    """Images (N, 64) float32 in [0, 1] and labels (N,) int64."""

    images: Array
    labels: Array


@dataclass(frozen=True, slots=True)
class Trial:
    """One fitted score and how well it ranks the calibration digits.

    Attributes:
        score: with temperature and threshold.
        area: under the risk-coverage curve; low is good.
    """

    score: LogitScore
    area: float


class DigitNet(nn.Module):
    """A small network, trained long enough to be too sure of itself."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits (N, 10) of images (N, 64)."""
        logits: Tensor = self.layers(pixels)
        return logits


def load_digits() -> tuple[Digits, Digits, Digits]:
    """Digits to train, to calibrate and to test on.

    Raises:
        MissingExtraError: without scikit-learn.
    """
    try:
        from sklearn.datasets import load_digits as bundled
    except ImportError as error:
        raise MissingExtraError(_missing("scikit-learn")) from error
    images, labels = bundled(return_X_y=True)
    order = np.random.default_rng(_SEED).permutation(len(labels))
    images, labels = (images[order] / 16.0).astype(np.float32), labels[order].astype(np.int64)
    first, second = _TRAINING_ROWS, _TRAINING_ROWS + CALIBRATION_ROWS
    return (
        Digits(images[:first], labels[:first]),
        Digits(images[first:second], labels[first:second]),
        Digits(images[second:], labels[second:]),
    )


def train(digits: Digits) -> DigitNet:
    """A network trained on the digits; the random state of the caller is left as it was."""
    images, labels = torch.from_numpy(digits.images), torch.from_numpy(digits.labels)
    with torch.random.fork_rng(devices=[]), _one_thread():
        torch.manual_seed(_SEED)
        network = DigitNet()
        optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
        for _ in range(_EPOCHS):
            for rows in torch.split(torch.randperm(len(labels)), 64):
                loss = nn.functional.cross_entropy(network(images[rows]), labels[rows])
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
    return network.eval()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Threads cost more than they bring on so small a network, and most on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def exported(network: DigitNet) -> bytes:
    """The network as torch exports it, with a free batch.

    Raises:
        MissingExtraError: without onnxscript.
    """
    try:
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(_missing("onnxscript")) from error
    with _quiet_exporter():
        program = torch.onnx.export(
            network,
            (torch.zeros(2, 64),),
            input_names=["pixels"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("N")},),
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export must return a program when no file is named")
    content: bytes = program.model_proto.SerializeToString()
    return content


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Holds back what torch 2.13's exporter says of itself: a deprecation, and torchvision."""
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"`isinstance\(treespec", FutureWarning)
            yield
    finally:
        logger.setLevel(level)


def _missing(package: str) -> str:
    return f'the demo needs {package}; install it with: pip install "logitconf[cpu,demo]"'


def logits_of_network(network: DigitNet, digits: Digits) -> Tensor:
    """Logits (N, 10)."""
    with torch.no_grad():
        return network(torch.from_numpy(digits.images))  # type: ignore[no-any-return]


def fit_scores(logits: Tensor, labels: Array) -> list[Trial]:
    """Every score for classes, each with a threshold that accepts nine digits in ten."""
    wrong = logits.argmax(1).numpy() != labels
    trials = []
    layout = Layout("multiclass", logits.shape[1])
    for make in (c for name, c in SCORE_CLASSES.items() if not refusal(name, layout)):
        score = make().fit(logits, torch.from_numpy(labels))
        score.set_threshold(coverage=COVERAGE)
        area = area_under_risk_coverage(score.score(logits).numpy(), wrong)
        trials.append(Trial(score, area))
    return trials


def flips_against_network(
    network: DigitNet, score: LogitScore, shipped: Path, digits: Digits
) -> int:
    """How many digits the file, run by onnxruntime, decides unlike the network in torch."""
    expected = score.select(logits_of_network(network, digits))["selected"].numpy()
    with Session(load_model(shipped)) as session:
        mask = session.run({"pixels": digits.images}, ["mask"])[0]
    return int((mask != expected).sum())
