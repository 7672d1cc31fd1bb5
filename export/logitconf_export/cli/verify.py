"""The command ``verify``: does a file decide as its card says, where it will run?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from logitconf.errors import LogitconfError
from logitconf.files import write_atomically
from logitconf_export.cli.common.output import print_facts, print_line, print_table, working
from logitconf_export.cli.rows.npz import LABELS, ONE_INPUT, host_feeds, named_array, read_arrays
from logitconf_export.cli.rows.user_function import made_arrays
from logitconf_export.heads.metadata import read_heads
from logitconf_export.onnx_files.loading import load_model
from logitconf_export.onnx_files.types import Array
from logitconf_export.runtimes.host_runs import host_input_names
from logitconf_export.testing.golden import save_bundle
from logitconf_export.verification.junit import to_junit
from logitconf_export.verification.report import TABLE_HEADER, Check, VerificationReport
from logitconf_export.verification.verifying import verify

_VERDICTS = {True: "passed", False: "FAILED", None: "not checked"}


@dataclass(frozen=True, slots=True)
class Saved:
    """Where the result is kept besides what is printed.

    Attributes:
        json: file for the report, as ``report.schema.json`` describes it.
        junit: file for the report as JUnit XML.
        golden: folder to make, with head, rows and expected decisions.
        force: whether existing files may be replaced.
    """

    json: Path | None = None
    junit: Path | None = None
    golden: Path | None = None
    force: bool = False


def verify_file(
    model: Path,
    *,
    data: Path | None,
    inputs: str | None,
    providers: Sequence[str],
    saved: Saved,
) -> bool:
    """Prints a report about the file's decisions.

    Args:
        model: a head, or a host with one.
        data: the user's rows: the host's inputs by name, or ``logits``; a single array is the only
            input, or the logits. With ``inputs``, what its function is given.
        inputs: ``"module:function"`` that returns the rows.
        providers: short names of onnxruntime's providers.
        saved: what to write.

    Returns:
        Whether everything holds. A provider that was asked for and is not there is a failure.

    Raises:
        LogitconfError: if there is nothing to verify in the file, or the rows do not fit it.
    """
    if saved.golden is not None and saved.golden.exists():
        raise LogitconfError(f"{saved.golden} exists; name another folder")
    rows, feeds, labels = _rows(model, data, inputs)
    meaning = None if rows is None else "logits"
    with working("Verifying"):
        report = verify(
            model, rows, feeds=feeds, rows_as=meaning, providers=providers, labels=labels
        )
    if saved.json is not None:
        write_atomically(saved.json, report.to_json().encode(), force=saved.force)
    if saved.junit is not None:
        write_atomically(saved.junit, to_junit(report).encode(), force=saved.force)
    if saved.golden is not None:
        save_bundle(model, saved.golden, rows=rows)
    print_report(f"{model}", report)
    return report.passed


def _rows(
    model: Path, data: Path | None, inputs: str | None
) -> tuple[Array | None, Mapping[str, Array] | None, Array | None]:
    """The user's rows, as logits for the head or as inputs for its host, and their labels."""
    if inputs is not None:
        arrays, source = made_arrays(inputs, data), inputs
    elif data is not None:
        arrays, source = read_arrays(data, single=ONE_INPUT[0]), str(data)
    else:
        return None, None, None
    labels = arrays.pop(LABELS, None)
    loaded = load_model(model)
    names = host_input_names(loaded)
    if read_heads(loaded).heads[0].attached is None:
        alone = {"logits": arrays[ONE_INPUT[0]]} if list(arrays) == [ONE_INPUT[0]] else arrays
        return named_array(alone, "logits", source), None, labels
    if "logits" in arrays and "logits" not in names:
        return arrays["logits"], None, labels
    return None, host_feeds(arrays, names, source), labels


def print_report(name: str, report: VerificationReport) -> None:
    """The report: runs, where the nodes ran, what holds, and the verdict last."""
    print_table(f"{name}: onnxruntime against torch", TABLE_HEADER, report.table())
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


def _verdict(check: Check) -> str:
    return _VERDICTS[check.passed] + (f" ({check.detail})" if check.detail else "")
