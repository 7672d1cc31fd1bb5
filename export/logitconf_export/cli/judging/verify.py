"""The command ``verify``: does a file decide as its card says, where it will run?"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from logitconf.errors import LogitconfError
from logitconf_export.cli.common.options import (
    Model,
    Providers,
    ReportFiles,
    Runtimes,
    check_output,
)
from logitconf_export.cli.common.output import print_facts, print_line, print_table, working

if TYPE_CHECKING:
    from logitconf_export.onnx_files.types import Array, Arrays
    from logitconf_export.verification.report import Check, VerificationReport

_VERDICTS = {True: "passed", False: "FAILED", None: "not checked"}


def verify(
    model: Model,
    *,
    data: Annotated[
        Path | None, typer.Option("--data", help="Rows for the model: .npz, inputs by name.")
    ] = None,
    inputs: Annotated[
        str | None,
        typer.Option(
            "--inputs",
            metavar="MODULE:FUNCTION",
            help="A function of yours that returns the inputs by name; --data is handed to it.",
        ),
    ] = None,
    runtime: Runtimes = None,
    provider: Providers = None,
    saved: ReportFiles,
) -> None:
    """Check that a model decides as its card says, wherever it will run; exit code 1 if not."""
    if provider and runtime and not any(name.split("==")[0] == "onnxruntime" for name in runtime):
        raise LogitconfError("--provider is one of onnxruntime's; add --on onnxruntime")
    for path in (saved.json, saved.junit):
        if path is not None:
            check_output(path, (model, data), force=saved.force)
    if saved.golden is not None and saved.golden.exists():
        raise LogitconfError(f"{saved.golden} exists; name another folder")
    from logitconf_export.verification.verifying import verify as verify_file

    rows, feeds, labels = _rows(model, data, inputs)
    with working("Verifying"):
        report = verify_file(
            model,
            rows,
            feeds=feeds,
            rows_as=None if rows is None else "logits",
            providers=tuple(provider or ("cpu",)),
            labels=labels,
            runtimes=tuple(runtime or ("onnxruntime",)),
        )
    _save(report, model, rows, saved)
    print_report(f"{model}", report)
    if not report.passed:
        raise typer.Exit(1)


def _save(
    report: "VerificationReport", model: Path, rows: "Array | None", saved: ReportFiles
) -> None:
    from logitconf.files import write_atomically
    from logitconf_export.verification.junit import to_junit

    if saved.json is not None:
        write_atomically(saved.json, report.to_json().encode(), force=saved.force)
    if saved.junit is not None:
        write_atomically(saved.junit, to_junit(report).encode(), force=saved.force)
    if saved.golden is not None:
        from logitconf_export.testing.golden import save_bundle

        save_bundle(model, saved.golden, rows=rows)


def _rows(
    model: Path, data: Path | None, inputs: str | None
) -> "tuple[Array | None, Mapping[str, Array] | None, Array | None]":
    """The user's rows, as logits for the head or as inputs for its host, and their labels."""
    from logitconf_export.cli.rows.user_function import made_arrays
    from logitconf_export.heads.metadata import read_heads
    from logitconf_export.onnx_files.loading import load_model
    from logitconf_export.runtimes.feeds import host_input_names
    from logitconf_export.runtimes.stored_arrays import (
        LABELS,
        ONE_INPUT,
        host_feeds,
        named_array,
        read_arrays,
    )

    if inputs is not None:
        arrays: Arrays = made_arrays(inputs, data)
        source = inputs
    elif data is not None:
        arrays, source = read_arrays(data, single=ONE_INPUT[0]), str(data)
    else:
        return None, None, None
    loaded = load_model(model)
    heads, names = read_heads(loaded).heads, host_input_names(loaded)
    certified = any(head.card.certificate is not None for head in heads)
    labels = arrays[LABELS] if certified and LABELS in arrays else None
    if heads[0].attached is None:
        given = [name for name in arrays if name != LABELS]
        alone = {"logits": arrays[ONE_INPUT[0]]} if given == [ONE_INPUT[0]] else arrays
        return named_array(alone, "logits", source), None, labels
    if "logits" in arrays and "logits" not in names:
        return arrays["logits"], None, labels
    return None, host_feeds(arrays, names, source), labels


def print_report(name: str, report: "VerificationReport") -> None:
    """The report: runs, where the nodes ran, what holds, and the verdict last."""
    from logitconf_export.verification.report import TABLE_HEADER

    print_table(f"{name}: each runtime against the reference", TABLE_HEADER, report.table())
    for record in report.placements:
        ran = ", ".join(f"{n} on {p}" for p, n in record.placement.providers.items())
        print_line(
            f"{record.part}, asked for {record.provider}, optimisation {record.optimisation}: "
            f"head nodes ran: {ran or 'none'}"
        )
    print_facts("Checks", [(check.name, _verdict(check)) for check in report.checks])
    for note in report.notes:
        print_line(f"note: {note}")
    for failure in report.failures:
        print_line(f"failure: {failure}")
    verdict = "passed" if report.passed else "FAILED"
    print_line(f"{verdict}: {report.rows} rows compared, rounding band {report.band:.3g}")


def _verdict(check: "Check") -> str:
    return _VERDICTS[check.passed] + (f" ({check.detail})" if check.detail else "")
