"""The main job on real input: handwritten digits, from training to a model that abstains."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from logitconf.errors import LogitconfError, MissingExtraError
from logitconf.files import check_writable, write_atomically
from logitconf.fitting.logit_score import LogitScore
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf.metrics.calibration import expected_calibration_error
from logitconf.metrics.selective import area_under_risk_coverage
from logitconf.scores.table import refusal
from logitconf.tasks import Layout
from logitconf_export.attachment.attaching import attach
from logitconf_export.cli.common.output import print_facts, print_line, print_table, working
from logitconf_export.cli.rows.npz import arrays_as_bytes
from logitconf_export.onnx_files.loading import load_model
from logitconf_export.runtimes.sessions import Session
from logitconf_export.verification.report import VerificationReport
from logitconf_export.verification.verifying import verify

Array = npt.NDArray[Any]

HOST, CALIBRATION, CARD, SHIPPED = (
    "digits.onnx",
    "calibration.npz",
    "card.json",
    "digits-with-score.onnx",
)
COVERAGE = 0.9
_SEED = 0
_TRAINING_ROWS, _CALIBRATION_ROWS = 200, 600
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


def run_demo(folder: Path, *, force: bool) -> bool:
    """Trains, exports, fits, attaches and verifies; prints what a person wants to know.

    Args:
        folder: where the files go; made if needed.
        force: whether files in it may be replaced.

    Returns:
        Whether the file decides as the network in torch.

    Raises:
        LogitconfError: if a file is in the way.
        MissingExtraError: if scikit-learn, onnxscript or onnxruntime is missing.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LogitconfError(f"{folder} must be a folder to write to: {error.strerror}") from error
    paths = {name: folder / name for name in (HOST, CALIBRATION, CARD, SHIPPED)}
    for path in paths.values():
        check_writable(path, force=force)
    training, calibration, test = load_digits()
    with working("Training a small network on 200 handwritten digits"):
        network = train(training)
    with working("Exporting it with torch"):
        write_atomically(paths[HOST], exported(network), force=force)
    stored = arrays_as_bytes(inputs=calibration.images, labels=calibration.labels)
    write_atomically(paths[CALIBRATION], stored, force=force)
    with working("Fitting the scores"):
        trials = fit_scores(logits_of_network(network, calibration), calibration.labels)
        best = min(trials, key=lambda trial: trial.area).score
    best.save(paths[CARD], force=force)
    attach(paths[HOST], best.compile(), paths[SHIPPED], force=force)
    with working("Verifying"):
        report = verify(paths[SHIPPED], test.images, rows_as="inputs")
    flips = flips_against_network(network, best, paths[SHIPPED], test)
    _print_scores(trials, best)
    _print_test(best, logits_of_network(network, test), test)
    _print_parity(report, flips, len(test.labels))
    print_facts("Files", [(f"{paths[name]}", what) for name, what in _FILES.items()])
    return report.passed and flips == 0


_FILES = {
    HOST: "the network, exported by torch",
    CALIBRATION: "the digits that the score was fitted on, for logitconf fit --model",
    CARD: "the score card",
    SHIPPED: "the network with the outputs score and mask",
}


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
    first, second = _TRAINING_ROWS, _TRAINING_ROWS + _CALIBRATION_ROWS
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


def _print_scores(trials: Sequence[Trial], best: LogitScore) -> None:
    rows = [
        (
            trial.score.name,
            f"{trial.score.temperature:.4f}",
            f"{trial.score.threshold:.6g}",
            f"{trial.area:.5f}",
            "attached" if trial.score is best else "",
        )
        for trial in trials
    ]
    columns = ("score", "temperature", "threshold", "AURC", "")
    print_table(f"Fitted on {_CALIBRATION_ROWS} digits", columns, rows)


def _print_test(best: LogitScore, logits: Tensor, digits: Digits) -> None:
    right = logits.argmax(1).numpy() == digits.labels
    accepted = best.select(logits)["selected"].numpy()
    before = _calibration_error(SCORE_CLASSES[best.name](), logits, right)
    after = _calibration_error(best, logits, right)
    facts = [
        ("accuracy of all", f"{right.mean():.2%}"),
        ("accepted", f"{accepted.sum()} ({accepted.mean():.2%})"),
        ("accuracy of accepted", f"{right[accepted].mean():.2%}"),
        ("accuracy of rejected", f"{right[~accepted].mean():.2%}"),
        ("ECE at temperature 1", f"{before:.4f}"),
        (f"ECE at temperature {best.temperature:.4f}", f"{after:.4f}"),
    ]
    print_facts(f"On {len(right)} other digits", facts)


def _calibration_error(score: LogitScore, logits: Tensor, right: Array) -> float:
    confidence = score.probabilities(logits).amax(1).numpy()
    return expected_calibration_error(confidence, right)


def _print_parity(report: VerificationReport, flips: int, rows: int) -> None:
    largest = max((run.eager.largest_absolute for run in report.runs), default=float("nan"))
    facts = [
        ("digits decided differently", f"{flips} of {rows}"),
        ("rows compared, hard ones too", f"{report.rows}"),
        ("largest difference of scores", f"{largest:.2g}"),
        ("flips outside the rounding band", f"{sum(r.eager.flips_outside for r in report.runs)}"),
        ("verdict", "passed" if report.passed and not flips else "FAILED"),
    ]
    print_facts("torch against onnxruntime", facts)
    for failure in report.failures:
        print_line(f"failure: {failure}")
