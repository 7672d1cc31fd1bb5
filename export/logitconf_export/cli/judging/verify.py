"""The command ``verify``: does a file decide as its card says, where it will run?"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from logitconf.errors import LogitconfError
from logitconf_export.cli.common.options import (
    PROOF,
    Model,
    Providers,
    ReportFiles,
    Runtimes,
    in_panel,
)
from logitconf_export.cli.common.output import show
from logitconf_export.cli.common.pages import PageFile, check_page_file, with_page
from logitconf_export.cli.common.view import View, check_output
from logitconf_export.cli.common.waiting import working

if TYPE_CHECKING:
    from logitconf_export.onnx_files.types import Array, Arrays
    from logitconf_export.verification.report import VerificationReport


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
    prove: Annotated[
        bool,
        in_panel(PROOF, "--prove", "Prove it for all rows instead; exit code 2 if that fails."),
    ] = False,
    tables: Annotated[
        Path | None,
        in_panel(
            PROOF,
            "--tables",
            "A folder of tables that measure-runtime wrote.",
            default="what was measured before, or is now",
        ),
    ] = None,
    limit: Annotated[
        float | None,
        in_panel(PROOF, "--limit", "Cover finite logits up to this size.", default="100"),
    ] = None,
    page: PageFile = None,
    saved: ReportFiles,
    view: View,
) -> None:
    """Check that a model decides as its card says, wherever it will run; exit code 1 if not."""
    if provider and runtime and not any(name.split("==")[0] == "onnxruntime" for name in runtime):
        raise LogitconfError("--provider is one of onnxruntime's; add --on onnxruntime")
    view.check(model, data, force=saved.force)
    if saved.junit is not None:
        check_output(saved.junit, (model, data), force=saved.force)
    if saved.golden is not None and saved.golden.exists():
        raise LogitconfError(f"{saved.golden} exists; name another folder")
    check_page_file(page, (model, data), force=saved.force)
    if prove:
        rows, feeds, _ = _rows(model, _arrays(data, inputs), inputs or f"{data}")
        asked = {"runtimes": runtime, "providers": provider, "tables": tables, "limit": limit}
        _prove(model, view, {"rows": rows, "feeds": feeds, **asked})
        return
    if tables is not None or limit is not None:
        raise LogitconfError("--tables and --limit are for proofs; add --prove")
    if page is not None and data is None and inputs is None:
        raise LogitconfError("--report shows rows; give them with --data or --inputs")
    from logitconf_export.cli.results.verifications import verification_result
    from logitconf_export.verification.verifying import verify as verify_file

    arrays = _arrays(data, inputs)
    rows, feeds, labels = _rows(model, arrays, inputs or f"{data}")
    with working("Verifying", view):
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
    result = verification_result(model, report)
    if page is not None and arrays is not None:
        from logitconf_export.display.page.given_rows import GivenRows
        from logitconf_export.display.page.reporting import model_page

        with working("Drawing", view):
            drawn = model_page(
                model,
                GivenRows(arrays),
                data=data,
                providers=tuple(provider or ("cpu",)),
                runtimes=tuple(runtime or ("onnxruntime",)),
                verification=report,
            )
        result = with_page(result, drawn, page, force=saved.force)
    show(result, view, force=saved.force)
    if not report.passed:
        raise typer.Exit(1)


def _prove(model: Path, view: View, asked: dict[str, Any]) -> None:
    """Proves instead of trying; calibration rows say how near their scores come."""
    from logitconf_export.cli.results.proofs import proof_result
    from logitconf_export.verification.proofs.proving import prove_file

    given = {name: value for name, value in asked.items() if value is not None}
    with working("Proving", view):
        report = prove_file(model, **given)
    show(proof_result(report), view)
    if report.exit_code:
        raise typer.Exit(report.exit_code)


def _save(
    report: "VerificationReport", model: Path, rows: "Array | None", saved: ReportFiles
) -> None:
    from logitconf.files import write_atomically
    from logitconf_export.verification.junit import to_junit

    if saved.junit is not None:
        write_atomically(saved.junit, to_junit(report).encode(), force=saved.force)
    if saved.golden is not None:
        from logitconf_export.testing.golden import save_bundle

        save_bundle(model, saved.golden, rows=rows)


def _arrays(data: Path | None, inputs: str | None) -> "Arrays | None":
    """The user's rows by name, if there are any."""
    from logitconf_export.cli.rows.user_function import made_arrays
    from logitconf_export.runtimes.stored_arrays import ONE_INPUT, read_arrays

    if inputs is not None:
        return made_arrays(inputs, data)
    return None if data is None else read_arrays(data, single=ONE_INPUT[0])


def _rows(
    model: Path, arrays: "Arrays | None", source: str
) -> "tuple[Array | None, Mapping[str, Array] | None, Array | None]":
    """The user's rows, as logits for the head or as inputs for its host, and their labels."""
    from logitconf_export.heads.metadata import read_heads
    from logitconf_export.onnx_files.loading import load_model
    from logitconf_export.runtimes.feeds import host_input_names
    from logitconf_export.runtimes.stored_arrays import LABELS, ONE_INPUT, host_feeds, named_array

    if arrays is None:
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
