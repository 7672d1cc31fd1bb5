"""The command ``demo``: the main job on real input, from training to a model that abstains."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from logitconf.errors import LogitconfError
from logitconf_export.cli.common.options import Force
from logitconf_export.cli.common.output import print_facts, print_line, print_table, working

if TYPE_CHECKING:
    from torch import Tensor

    from logitconf.fitting.logit_score import LogitScore
    from logitconf_export.cli.making.digits import Digits, Trial
    from logitconf_export.onnx_files.types import Array
    from logitconf_export.verification.report import VerificationReport

HOST, CALIBRATION, CARD, SHIPPED = (
    "digits.onnx",
    "calibration.npz",
    "card.json",
    "digits-with-score.onnx",
)
_FILES = {
    HOST: "the network, exported by torch",
    CALIBRATION: "the digits that the score was fitted on, for logitconf fit --model",
    CARD: "the score card",
    SHIPPED: "the network with the outputs score and mask",
}


def demo(
    out: Annotated[
        Path, typer.Option("--out", help="Folder for the files that the demo writes.")
    ] = Path("demo-output"),
    force: Force = False,
) -> None:
    """Do it all on scikit-learn's handwritten digits: train, export, fit, attach, verify."""
    paths = _paths(out, force=force)
    from logitconf.files import write_atomically
    from logitconf_export.attachment.attaching import attach
    from logitconf_export.cli.making import digits
    from logitconf_export.runtimes.stored_arrays import arrays_as_bytes
    from logitconf_export.verification.verifying import verify

    training, calibration, test = digits.load_digits()
    with working("Training a small network on 200 handwritten digits"):
        network = digits.train(training)
    with working("Exporting it with torch"):
        write_atomically(paths[HOST], digits.exported(network), force=force)
    stored = arrays_as_bytes(inputs=calibration.images, labels=calibration.labels)
    write_atomically(paths[CALIBRATION], stored, force=force)
    with working("Fitting the scores"):
        logits = digits.logits_of_network(network, calibration)
        trials = digits.fit_scores(logits, calibration.labels)
        best = min(trials, key=lambda trial: trial.area).score
    best.save(paths[CARD], force=force)
    attach(paths[HOST], best.compile(), paths[SHIPPED], force=force)
    with working("Verifying"):
        report = verify(paths[SHIPPED], test.images, rows_as="inputs")
    flips = digits.flips_against_network(network, best, paths[SHIPPED], test)
    _print_scores(trials, best, len(calibration.labels))
    _print_test(best, digits.logits_of_network(network, test), test)
    _print_parity(report, flips, len(test.labels))
    print_facts("Files", [(f"{paths[name]}", what) for name, what in _FILES.items()])
    if flips or not report.passed:
        raise typer.Exit(1)


def _paths(folder: Path, *, force: bool) -> dict[str, Path]:
    """Where the files go; the folder is made if needed.

    Raises:
        LogitconfError: if a file is in the way.
    """
    from logitconf.files import check_writable

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LogitconfError(f"{folder} must be a folder to write to: {error.strerror}") from error
    return {name: check_writable(folder / name, force=force) for name in _FILES}


def _print_scores(trials: "Sequence[Trial]", best: "LogitScore", rows: int) -> None:
    table = [
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
    print_table(f"Fitted on {rows} digits", columns, table)


def _print_test(best: "LogitScore", logits: "Tensor", digits: "Digits") -> None:
    from logitconf.fitting.score_classes import SCORE_CLASSES

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


def _calibration_error(score: "LogitScore", logits: "Tensor", right: "Array") -> float:
    from logitconf.metrics.calibration import expected_calibration_error

    confidence = score.probabilities(logits).amax(1).numpy()
    return expected_calibration_error(confidence, right)


def _print_parity(report: "VerificationReport", flips: int, rows: int) -> None:
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
