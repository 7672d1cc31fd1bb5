"""What runtimes share that run in a process of their own, which reads a folder of jobs."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from logitconf.errors import LogitconfError, MissingExtraError
from logitconf_export.onnx_files.types import Array
from logitconf_export.runtimes.protocol import Answer, Job, RunError

RUNNERS = Path(__file__).parent / "runners"
MODULES = Path("node_modules")
"""Where npm puts packages, in the working folder."""
_SECONDS = 300


def program(name: str) -> str:
    """Where a program is.

    Raises:
        MissingExtraError: if it is not installed.
    """
    path = shutil.which(name)
    if path is None:
        raise MissingExtraError(f"the program {name} is not installed; install it")
    return path


def package(modules: Path, name: str) -> None:
    """Checks that an npm package is there.

    Raises:
        MissingExtraError: if it is not.
    """
    if not (modules / name).is_dir():
        raise MissingExtraError(
            f"the npm package {name} is not in {modules}; install it in the folder above with "
            f"npm install --ignore-scripts {name}"
        )


def version(command: list[str], arguments: list[str], *, folder_place: int = 0) -> str:
    """What a runner says of its runtime's version."""
    with tempfile.TemporaryDirectory() as folder:
        lines = _lines(command, arguments, Path(folder), [], folder_place)
    return str(lines[0]["version"])


def answers(
    command: list[str], arguments: list[str], jobs: Sequence[Job], *, folder_place: int = 0
) -> list[Answer]:
    """What a runner answers, one answer a job.

    Args:
        command: starts the runner.
        arguments: what it takes besides the folder of jobs.
        jobs: written into that folder.
        folder_place: before which of the arguments the folder stands.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = _lines(command, arguments, folder, jobs, folder_place)[1:]
        answers = [_answer(folder, index, line) for index, line in enumerate(lines)]
    missing = len(jobs) - len(answers)
    return answers + [RunError("the process ended before it")] * missing


def _lines(
    command: list[str],
    arguments: list[str],
    folder: Path,
    jobs: Sequence[Job],
    folder_place: int,
) -> list[dict[str, object]]:
    """What a runner says, one JSON object a line: its version, then each job."""
    _write(folder, jobs)
    given = [*arguments[:folder_place], str(folder), *arguments[folder_place:]]
    try:
        done = subprocess.run(
            [*command, *given], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise LogitconfError(f"{command[-1]} must end within {_SECONDS} seconds") from error
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines or "version" not in lines[0]:
        raise LogitconfError(
            f"{Path(command[-1]).name} must start, got exit code {done.returncode}: "
            f"{done.stderr[-500:]}"
        )
    return lines


def _write(folder: Path, jobs: Sequence[Job]) -> None:
    models: dict[bytes, str] = {}
    described, plain = [], []
    for index, job in enumerate(jobs):
        name = models.setdefault(job.model, f"{len(models)}.onnx")
        (folder / name).write_bytes(job.model)
        inputs = []
        for place, (key, value) in enumerate(job.feeds.items()):
            file = f"{index}.in{place}.bin"
            np.ascontiguousarray(value).tofile(folder / file)
            shape = list(value.shape)
            inputs.append({"name": key, "file": file, "dtype": str(value.dtype), "shape": shape})
        described.append({"model": name, "inputs": inputs, "outputs": list(job.outputs)})
        first, value = inputs[0], next(iter(job.feeds.values()))
        dims = " ".join(map(str, (value.ndim, *value.shape)))
        outputs = " ".join((str(len(job.outputs)), *job.outputs))
        plain.append(f"{name} {first['name']} {first['file']} {dims} {outputs}\n")
    (folder / "jobs.json").write_text(json.dumps(described))
    (folder / "jobs.txt").write_text("".join(plain))


def _answer(folder: Path, index: int, line: dict[str, object]) -> Answer:
    if "error" in line:
        return RunError(str(line["error"]))
    outputs = line["outputs"]
    if not isinstance(outputs, list):
        raise LogitconfError(f"a runner must list its outputs, got {outputs!r}")
    return tuple(_read(folder / f"{index}.out{i}.bin", o) for i, o in enumerate(outputs))


def _read(path: Path, described: dict[str, object]) -> Array:
    values = np.fromfile(path, dtype=str(described["dtype"]))
    shape = described["shape"]
    if not isinstance(shape, list):
        raise LogitconfError(f"a runner must give a shape, got {shape!r}")
    return values.reshape(shape)
