"""Runtimes that run in a process of their own: node, a browser, C, another Python."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from logitconf.errors import LogitconfError, MissingExtraError
from logitconf_export.onnx_files.types import Array
from logitconf_export.runtimes.protocol import Answer, Gap, Job, RunError

_RUNNERS = Path(__file__).parent / "runners"
_SECONDS = 300


class NodeRuntime:
    """onnxruntime-node, from a folder of installed npm packages."""

    name = "onnxruntime-node"
    gaps: tuple[Gap, ...] = ()

    def __init__(self, modules: Path) -> None:
        self._modules = modules

    def load(self) -> str:
        """Its version."""
        node = _program("node")
        _package(self._modules, "onnxruntime-node")
        return _version([node, str(_RUNNERS / "node_runner.cjs")], [str(self._modules)])

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        """Runs every job in one process."""
        command = [_program("node"), str(_RUNNERS / "node_runner.cjs")]
        return _answers(command, [str(self._modules)], jobs)


class WebRuntime:
    """onnxruntime-web (wasm, one thread) in a real headless Chromium."""

    name = "onnxruntime-web"
    gaps: tuple[Gap, ...] = ()

    def __init__(self, modules: Path, browser: str = "chromium") -> None:
        self._modules, self._browser = modules, browser

    def load(self) -> str:
        """Its version; the browser is started."""
        _package(self._modules, "onnxruntime-web")
        _package(self._modules, "playwright-core")
        return _version(self._command(), self._arguments())

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        """Runs every job in one page."""
        return _answers(self._command(), self._arguments(), jobs)

    def _command(self) -> list[str]:
        return [_program("node"), str(_RUNNERS / "web_runner.cjs")]

    def _arguments(self) -> list[str]:
        return [str(self._modules), _program(self._browser)]


class OtherPython:
    """An onnxruntime of another version, in its own environment."""

    name: str
    gaps: tuple[Gap, ...] = ()

    def __init__(self, name: str, python: Path) -> None:
        self.name, self._python = name, python

    def load(self) -> str:
        """Its version."""
        return _version(self._command(), [])

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        """Runs every job in one process."""
        return _answers(self._command(), [], jobs)

    def _command(self) -> list[str]:
        if not self._python.exists():
            raise MissingExtraError(f"{self.name} needs an environment at {self._python}")
        return [str(self._python), str(_RUNNERS / "python_runner.py")]


class CApi:
    """onnxruntime's C function table, through a small C file that is compiled on the spot."""

    name = "onnxruntime C API"
    gaps: tuple[Gap, ...] = ()

    def __init__(self, folder: Path, api_version: int = 16) -> None:
        """Keeps the program in a folder.

        Args:
            folder: where the compiled program goes.
            api_version: version of the table that is asked for.
        """
        self._folder, self._api_version = folder, api_version

    def load(self) -> str:
        """Version of the library that comes with onnxruntime's Python package."""
        return _version([str(self._program())], self._arguments(), folder_place=1)

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        """Runs every job in one process."""
        return _answers([str(self._program())], self._arguments(), jobs, folder_place=1)

    def _arguments(self) -> list[str]:
        return [str(_library()), str(self._api_version)]

    def _program(self) -> Path:
        program = self._folder / "c_runner"
        if not program.exists():
            source = _RUNNERS / "c_runner.c"
            command = [_program("cc"), "-O1", "-o", str(program), str(source), "-ldl"]
            compiled = subprocess.run(command, capture_output=True, text=True, check=False)
            if compiled.returncode:
                raise LogitconfError(f"the C runner must compile, got: {compiled.stderr[:500]}")
        return program


def _library() -> Path:
    from logitconf_export.runtimes.sessions import load_onnxruntime

    home = Path(str(load_onnxruntime().__file__)).parent / "capi"
    found = sorted(home.glob("libonnxruntime.so*"))
    if not found:
        raise MissingExtraError(f"onnxruntime's shared library must be in {home}, got none")
    return found[0]


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise MissingExtraError(f"the program {name} is not installed")
    return found


def _package(modules: Path, name: str) -> None:
    if not (modules / name).is_dir():
        raise MissingExtraError(f"the npm package {name} is not in {modules}")


def _version(command: list[str], arguments: list[str], *, folder_place: int = 0) -> str:
    with tempfile.TemporaryDirectory() as folder:
        lines = _lines(command, arguments, Path(folder), [], folder_place)
    return str(lines[0]["version"])


def _answers(
    command: list[str], arguments: list[str], jobs: Sequence[Job], *, folder_place: int = 0
) -> list[Answer]:
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
