"""Follows the printed commands on real model files: ``PYTHONPATH=tests python -m support.flows``.

For each file: ``inspect`` is asked what to do, its commands are pasted one after the other (fit,
attach, verify), the head is taken off again, and the result must be the file as it was. It writes
``tests/records/flows.md``.
"""

import contextlib
import datetime
import io
import os
import shlex
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from support.made_up_rows import Feeds, made_up_labels, made_up_logits
from support.real_hosts import REAL_HOSTS, NotAvailableError, RealHost, fetch
from whole.test_real_hosts import fed

import logitconf
from logitconf.errors import LogitconfError
from logitconf_export import read_host
from logitconf_export.cli.app import run
from logitconf_export.hosts.candidates import Candidate, HostReading
from logitconf_export.onnx_files.loading import host_inputs, load_model

ROWS = 12
TARGET = Path(__file__).parents[1] / "records" / "flows.md"
NO_ROWS = "not run: weights of GB, or no input known"
CANNOT_FIT = "fit cannot run the file on the made-up rows, and says why"
NO_PLACE = "no place is read, and inspect prints no command"
WHOLE = "fit, attach and verify end with 0, detach gives the file back"
CHECK_FAILED = "verify ends with 1, detach gives the file back"
WRONG = "WRONG"


@dataclass(frozen=True)
class Ended:
    """How one command ended."""

    code: int
    out: str
    err: str


def command(words: list[str]) -> Ended:
    """Runs a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(words)
    return Ended(code, out.getvalue(), err.getvalue())


def flow(host: RealHost, path: Path) -> tuple[str, str]:
    """The outcome of one file, and what there is to say of it; in the working folder."""
    if not host.feeds:
        return NO_ROWS, ""
    model = load_model(path)
    reading, feeds = read_host(model), rows(host, model)
    asked = command(["inspect", str(path)])
    lines = (line.partition(": logitconf ") for line in asked.out.splitlines())
    pasted = [shlex.split(rest) for _, between, rest in lines if between]
    if asked.code or not pasted:
        return (NO_PLACE, "") if not asked.code else (WRONG, f"inspect: {asked.err.strip()}")
    outcome, words = WHOLE, f"{len(pasted)} commands"
    for each in pasted:
        if each[0] == "fit":
            try:
                save_rows(each, model, reading, feeds)
            except LogitconfError as error:
                return CANNOT_FIT, str(error).splitlines()[0]
        ended = command([*each, *([] if each[0] == "verify" else ["--force"])])
        if ended.code == 1 and each[0] == "verify":
            failures = [line for line in ended.out.splitlines() if line.startswith("failure: ")]
            outcome, words = CHECK_FAILED, failures[0].removeprefix("failure: ")
        elif ended.code:
            said = (ended.err or ended.out).strip().rpartition("\n")[2]
            return WRONG, f"{each[0]} ends with {ended.code}: {said}"
    command(["detach", "out.onnx", "-o", "back.onnx", "--force"])
    same = onnx.load("back.onnx", load_external_data=False) == model
    return (outcome, words) if same else (WRONG, "detach gives another model")


def rows(host: RealHost, model: onnx.ModelProto) -> Feeds:
    """Inputs as the tests of real hosts make them up, with more rows where there is an axis."""
    inputs = [value for value in host_inputs(model) if value.name in host.feeds]
    dims = {value.name: list(value.type.tensor_type.shape.dim) for value in inputs}
    free = [
        d.dim_param for value in inputs for d in dims[value.name] if d.dim_param not in ("", "?")
    ]
    wanted = dict(host.feeds)
    for position, (name, (kind, shape)) in enumerate(host.feeds.items()):
        sizes = list(shape)
        named = [k for k, d in enumerate(dims[name]) if free and free[0] and d.dim_param == free[0]]
        if named:
            sizes[named[0]] = ROWS
        elif sizes and (dims[name][0].dim_value <= 0 or position == 0):
            sizes[0] = ROWS
        wanted[name] = (kind, tuple(sizes))
    return fed(model, wanted)


def save_rows(each: list[str], model: onnx.ModelProto, reading: HostReading, feeds: Feeds) -> None:
    """The files of rows that a fit command reads."""
    options = dict(pairwise(each))
    place = _place(reading, options.get("--logits"))
    labels = made_up_labels(model, feeds, place, options.get("--task", "multiclass"))
    saved: dict[str, NDArray[Any]] = {**feeds, "labels": labels}
    if "--data" not in options:
        saved = {"logits": made_up_logits(model, feeds, place), "labels": labels}
    np.savez(options.get("--data", "logits.npz"), **saved)  # type: ignore[arg-type]


def _place(reading: HostReading, name: str | None) -> Candidate:
    if name is None and reading.chosen is not None:
        return reading.chosen
    return next(each for each in reading.candidates if name in (None, each.tensor))


def record() -> tuple[str, Counter[str]]:
    """The document, and how often each outcome came."""
    lines, counts = [], Counter[str]()
    for host in REAL_HOSTS:
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            try:
                outcome, words = flow(host, fetch(host))
            except NotAvailableError as reason:
                outcome, words = "not available", str(reason)
        counts[outcome] += 1
        sys.stderr.write(f"{host}: {outcome}; {words}\n")
        lines.append(f"| {host} | {outcome} | {words.replace('|', '/')[:200]} |")
    head = [
        "# The printed commands on real files",
        "",
        f"Written on {datetime.date.today()} by `PYTHONPATH=tests python -m support.flows`, with "
        f"logitconf {logitconf.__version__}, onnx {onnx.__version__}, onnxruntime "
        f"{onnxruntime.__version__}.",
        "",
        "`inspect` is asked what to do, its commands are pasted one after the other on made-up "
        f"rows ({ROWS}, or as many positions as they have), and `detach` must give the file back.",
        "",
        *(f"- {count}: {outcome}" for outcome, count in counts.most_common()),
        "",
        "| file | outcome | words |",
        "|---|---|---|",
    ]
    return "\n".join([*head, *lines]) + "\n", counts


def main() -> None:
    """Writes the record; exit code 1 if anything in it is wrong."""
    os.environ.setdefault("COLUMNS", "200")
    text, counts = record()
    TARGET.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{TARGET}: {dict(counts)}\n")
    sys.exit(1 if counts[WRONG] else 0)


if __name__ == "__main__":
    main()
