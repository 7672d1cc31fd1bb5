"""The command ``demo``: the main job on real input, from training to a model that abstains."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from logitconf.errors import LogitconfError
from logitconf_export.cli.common.output import show
from logitconf_export.cli.common.pages import PageFile, as_typed, check_page_file, with_page
from logitconf_export.cli.common.suggestions import verify_command
from logitconf_export.cli.common.view import Force, View
from logitconf_export.cli.common.waiting import working
from logitconf_export.cli.results.result import quoted

if TYPE_CHECKING:
    from torch import Tensor

    from logitconf.fitting.logit_score import LogitScore
    from logitconf_export.cli.making.digits import Digits, Trial
    from logitconf_export.cli.results.blocks import Block
    from logitconf_export.cli.results.result import Result
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


@dataclass(frozen=True, slots=True)
class _Done:
    """What the demo has made and measured."""

    trials: "Sequence[Trial]"
    best: "LogitScore"
    fitted_rows: int
    logits: "Tensor"
    test: "Digits"
    report: "VerificationReport"
    flips: int


def demo(
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FOLDER", help="Folder for the files that the demo writes."),
    ] = Path("demo-output"),
    *,
    page: PageFile = None,
    force: Force = False,
    view: View,
    context: typer.Context,
) -> None:
    """Do it all on scikit-learn's handwritten digits: train, export, fit, attach, verify."""
    view.check(force=force)
    check_page_file(page, (), force=force)
    paths = _paths(out, force=force)
    from logitconf.files import write_atomically
    from logitconf_export.attachment.attaching import attach
    from logitconf_export.cli.making import digits
    from logitconf_export.runtimes.stored_arrays import arrays_as_bytes
    from logitconf_export.verification.verifying import verify

    training, calibration, test = digits.load_digits()
    with working("Training a small network on 200 handwritten digits", view):
        network = digits.train(training)
    with working("Exporting it with torch", view):
        write_atomically(paths[HOST], digits.exported(network), force=force)
    stored = arrays_as_bytes(inputs=calibration.images, labels=calibration.labels)
    write_atomically(paths[CALIBRATION], stored, force=force)
    with working("Fitting the scores", view):
        logits = digits.logits_of_network(network, calibration)
        trials = digits.fit_scores(logits, calibration.labels)
        best = min(trials, key=lambda trial: trial.area).score
    best.save(paths[CARD], force=force)
    attach(paths[HOST], best.compile(), paths[SHIPPED], force=force)
    with working("Verifying", view):
        report = verify(paths[SHIPPED], test.images, rows_as="inputs")
    flips = digits.flips_against_network(network, best, paths[SHIPPED], test)
    logits = digits.logits_of_network(network, test)
    done = _Done(trials, best, len(calibration.labels), logits, test, report, flips)
    following = [
        f"inspect with: logitconf inspect {quoted(paths[SHIPPED])}",
        verify_command(paths[SHIPPED], paths[CALIBRATION]),
    ]
    result = _result(done, paths, following)
    if page is not None:
        from logitconf_export.display.page.given_rows import GivenRows
        from logitconf_export.display.page.reporting import model_page

        rows = GivenRows.of({"inputs": test.images, "labels": test.labels})
        lines = [("this page, and the model", as_typed(context))]
        drawn = model_page(paths[SHIPPED], rows, verification=report, lines=lines)
        result = with_page(result, drawn, page, force=force)
    show(result, view, force=force)
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


def _result(done: "_Done", paths: dict[str, Path], following: "Sequence[str]") -> "Result":
    from logitconf_export.cli.results.blocks import Facts, failure
    from logitconf_export.cli.results.result import Result, commands, headed, size
    from logitconf_export.cli.results.verifications import report_row

    passed = done.report.passed and not done.flips
    rows = len(done.test.labels)
    verdict = (
        f"{'PASSED' if passed else 'FAILED'}: {done.flips} of {rows} digits decided differently by "
        f"{paths[SHIPPED]} than by torch"
    )
    files = [
        (f"{paths[name]}", f"{what} ({size(paths[name].stat().st_size)})")
        for name, what in _FILES.items()
    ]
    return Result(
        verdict,
        lambda: headed(
            "demo",
            {
                "passed": passed,
                "digits": rows,
                "decided_differently": done.flips,
                "card": done.best.card.to_dict(),
                "files": {what: f"{path}" for what, path in paths.items()},
                "verification": done.report.to_dict(),
                "next": commands(following),
            },
            verdict=verdict,
        ),
        style="good" if passed else "bad",
        blocks=(*_blocks(done), report_row(done.report), Facts(files, "Files")),
        notes=tuple(failure(text) for text in done.report.failures),
        following=following,
    )


def _blocks(done: "_Done") -> "Iterator[Block]":
    """How the scores came out on the digits that they were fitted on, and the best on others."""
    from logitconf.wording.facts import card_facts
    from logitconf.wording.numbers import counted, short
    from logitconf_export.cli.results.blocks import Facts, Table
    from logitconf_export.cli.results.cards import threshold_words
    from logitconf_export.cli.results.fits import figure_facts, figures_of
    from logitconf_export.display.judged import judge

    table = [
        (
            trial.score.name,
            short(trial.score.temperature),
            threshold_words(trial.score.card),
            f"{trial.area:.5f}",
            "attached" if trial.score is done.best else "",
        )
        for trial in done.trials
    ]
    columns = ("score", "temperature", "threshold", "AURC", "")
    yield Table(columns, table, f"Fitted on {done.fitted_rows} digits, to accept nine in ten")
    yield Facts(
        card_facts(done.best.card, rule=True, counts=False),
        "The score that was attached, of least AURC",
    )
    figures = figures_of(judge(done.best.card, done.logits, done.test.labels, noun="digit"))
    yield Facts(figure_facts(figures), f"Measured on {counted(figures.decisions, 'other digit')}")
