"""The command ``monitor``: whether a card's promise still holds on the rows that come."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from logitconf.errors import LogitconfError
from logitconf_export.cli.common.options import ModelOrCard
from logitconf_export.cli.common.output import show
from logitconf_export.cli.common.view import Force, View

if TYPE_CHECKING:
    from logitconf.card.score_card import ScoreCard
    from logitconf.monitoring.monitor import Monitor
    from logitconf_export.cli.results.result import Result


def monitor(
    model: ModelOrCard,
    *,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            help="The rows that came (.npz): 'score' and 'mask' as the model gave them and, where "
            "labels are known, 'right': 1, 0, or -1 for a row without a label.",
            show_default="none: what the log says",
        ),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(
            "--log",
            help="Go on from this file, and append to it.",
            show_default="none: nothing is kept",
        ),
    ] = None,
    alpha: Annotated[
        float,
        typer.Option("--alpha", help="Bound on the probability of any false alarm, ever."),
    ] = 0.05,
    margin: Annotated[
        float,
        typer.Option("--margin", help="By how much a share may grow before that is a change."),
    ] = 0.05,
    copy: Annotated[
        Path | None,
        typer.Option(
            "--copy",
            help="Write monitor.py, which needs NumPy alone, and card.json into this new folder.",
            show_default="none",
        ),
    ] = None,
    force: Force = False,
    view: View,
) -> None:
    """Say whether a card's promise still holds: holds, in doubt or void; exit code 1 if not.

    Without labels the shares of doubtful and rejected rows are watched: inputs change. With labels
    the certified promise itself is: it can be broken. The probability of any false alarm is at most
    --alpha, however long the stream is and however often one looks.
    """
    view.check(model, data, log, force=force)
    from logitconf.monitoring.monitor import Monitor

    card = _card(model)
    try:
        watching = Monitor(card.to_dict(), log, alpha=alpha, margin=margin)
        if data is not None:
            watching.update(**_rows(data))
    except ValueError as error:
        if isinstance(error, LogitconfError):
            raise
        raise LogitconfError(str(error)) from error
    if copy is not None:
        _write_copy(card, copy)
    show(monitor_result(watching), view, force=force)
    if watching.verdict != "holds":
        raise typer.Exit(1)


def monitor_result(watching: "Monitor") -> "Result":
    """What is shown of a monitor."""
    from logitconf.wording.numbers import counted, percent
    from logitconf_export.cli.results.blocks import Facts, note
    from logitconf_export.cli.results.result import Result, headed

    reasons = {
        "holds": "nothing speaks against it",
        "in doubt": "the inputs have changed",
        "void": "the promise is broken",
    }
    verdict = f"{watching.verdict.upper()}: {reasons[watching.verdict]}, after "
    verdict += counted(watching.rows, "row")
    facts = [("accepted", f"{watching.accepted:,}")]
    if watching.labelled:
        facts.append(("with labels", f"{watching.wrong:,} of {watching.labelled:,} are wrong"))
    if watching.promise is None:
        facts.append(
            ("promise", "the card certifies none of all rows, so inputs alone are watched")
        )
    alarms: dict[str, Any] = {}
    for name, bets in (("inputs changed", watching.inputs), ("promise broken", watching.promise)):
        if bets is not None and bets.alarm is not None:
            facts.append(
                (name, f"since about row {bets.changed:,} (certain at row {bets.alarm:,})")
            )
            alarms[name] = {"since": bets.changed, "certain": bets.alarm}
    estimate = watching.estimate()
    notes = []
    if estimate is not None:
        facts.append(("right, estimated", percent(estimate)))
        notes = [note("the estimate holds only while a score means what it meant in calibration")]
    values = {
        "state": watching.verdict,
        "rows": watching.rows,
        "accepted": watching.accepted,
        "labelled": watching.labelled,
        "wrong": watching.wrong,
        "alarms": alarms,
        "estimated_accuracy": estimate,
    }
    return Result(
        verdict,
        lambda: headed("monitor", values, verdict=verdict),
        style={"holds": "good", "in doubt": "caution", "void": "bad"}[watching.verdict],
        blocks=(Facts(facts),),
        notes=notes,
    )


def _card(model: Path) -> "ScoreCard":
    """The card itself, or that of the head in a model."""
    from logitconf_export.heads.metadata import read_metadata
    from logitconf_export.heads.sources import card_of
    from logitconf_export.onnx_files.loading import is_model, load_model

    return read_metadata(load_model(model)).card if is_model(model) else card_of(model)


def _rows(path: Path) -> dict[str, Any]:
    from logitconf_export.runtimes.stored_arrays import named_array, read_arrays

    arrays = read_arrays(path)
    rows = {"scores": named_array(arrays, "score", path), "mask": named_array(arrays, "mask", path)}
    return {**rows, "right": arrays.get("right")}


def _write_copy(card: "ScoreCard", folder: Path) -> None:
    from logitconf.files import write_folder
    from logitconf.monitoring import monitor as module

    source = Path(module.__file__)
    write_folder(folder, {"monitor.py": source, "card.json": card.to_json().encode()})
