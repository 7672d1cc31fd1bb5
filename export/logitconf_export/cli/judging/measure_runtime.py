"""The command ``measure-runtime``: how far each operation of a runtime is from exact."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from logitconf_export.cli.common.options import Provider
from logitconf_export.cli.common.output import show
from logitconf_export.cli.common.view import Force, View, check_output
from logitconf_export.cli.common.waiting import working

if TYPE_CHECKING:
    from logitconf_export.cli.results.result import Result
    from logitconf_export.proof.tables.operation_table import RuntimeTables


def measure_runtime(
    *,
    runtime: Annotated[
        str,
        typer.Option(
            "--on",
            metavar="RUNTIME",
            help="As verify takes it, or torch or numpy.",
        ),
    ] = "onnxruntime",
    provider: Provider = "cpu",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="File to write.", show_default="kept in the user's cache"
        ),
    ] = None,
    temperature: Annotated[
        list[float] | None,
        typer.Option("--temperature", help="Divide by it, too, as a head does; may be repeated."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="This operation alone, such as Exp; may be repeated."),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option("--seconds", help="For ranges of floats; what is left is sampled."),
    ] = None,
    limit: Annotated[
        float | None,
        typer.Option(
            "--limit",
            help="Seconds that all may take; what is not reached is left out, and told.",
            show_default="480, none with --thorough",
        ),
    ] = None,
    thorough: Annotated[
        bool,
        typer.Option("--thorough", help="Try every float where heads live, whatever it takes."),
    ] = False,
    view: View,
    force: Force = False,
) -> None:
    """Measure how far each operation of a runtime is from exact, on this processor.

    The floats that a head can reach are tried, in long buffers, short ones and alone: all of them
    as far as time allows, else a sample. What was measured is kept for verify --prove.
    """
    view.check(force=force, output=output)
    if output is not None:
        check_output(output, (), force=force)
    from logitconf.errors import LogitconfError
    from logitconf_export.proof.tables.budget import LIMIT
    from logitconf_export.proof.tables.evaluators import evaluator_of
    from logitconf_export.proof.tables.files import keep_tables, write_tables
    from logitconf_export.proof.tables.measuring import SECONDS, measure, wish_of

    if only and output is None:
        raise LogitconfError("tables of some operations are no tables of a runtime; add -o FILE")
    with working("Measuring", view):
        tables = measure(
            evaluator_of(runtime, provider),
            wish_of(temperature or ()),
            seconds=SECONDS if seconds is None else seconds,
            limit=limit or (math.inf if thorough else LIMIT),
            thorough=thorough,
            only=only or (),
        )
    if output is None:
        place = keep_tables(tables)
    else:
        write_tables(output, tables, force=force)
        place = output
    show(tables_result(tables, place), view, force=force)


def tables_result(tables: "RuntimeTables", place: Path) -> "Result":
    """What is shown of tables."""
    from logitconf_export.cli.results.blocks import Facts, Table, note
    from logitconf_export.cli.results.result import Result, headed, written
    from logitconf_export.proof.tables.files import digest, values_of

    where = tables.environment
    rows = [
        (
            table.operation if table.constant is None else f"{table.operation} {table.constant:g}",
            table.element,
            f"{table.pieces[0].low:.6g} to {table.pieces[-1].high:.6g}",
            table.path,
            "every float" if table.exhaustive else f"{table.tried} of them",
            f"{table.worst:.3g}",
            f"{table.backward_steps}",
        )
        for table in tables.operations
    ]
    sums = [
        (
            each.operation,
            f"{each.terms}",
            each.element,
            each.axis,
            f"{each.depth}" if each.probed == each.terms else f"{each.depth}, not probed",
        )
        for each in tables.sums
    ]
    blocks = []
    if rows:
        columns = ("operation", "type", "range", "path", "tried", "ulps", "backwards")
        blocks.append(Table(columns, rows, "Largest errors"))
    if sums:
        headers = ("operation", "terms", "type", "axis", "depth")
        blocks.append(Table(headers, sums, "Additions that a term passes through"))
    facts = [
        ("runtime", f"{where.runtime} {where.version}, {where.provider}"),
        ("processor", f"{where.processor}, {where.system}"),
        ("took", f"{tables.seconds:.0f} s"),
        written(place),
        ("SHA-256", digest(tables)),
    ]
    verdict = f"MEASURED: {where.runtime} {where.version}"
    return Result(
        verdict,
        lambda: headed("tables", values_of(tables), verdict=verdict),
        style="good",
        blocks=(Facts(facts),),
        details=blocks,
        notes=[note(text) for text in tables.refused],
    )
