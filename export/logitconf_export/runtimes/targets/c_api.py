"""onnxruntime's C function table."""

import shutil
import subprocess
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path

from logitconf.errors import LogitconfError, MissingExtraError
from logitconf.scores.bands import Sums
from logitconf_export.runtimes.protocol import Answer, Gap, Job
from logitconf_export.runtimes.sessions import load_onnxruntime
from logitconf_export.runtimes.targets.processes import RUNNERS, answers, program, version

_API_VERSION = 16


class CApi:
    """onnxruntime's C function table, through a small C file that is compiled on the spot."""

    name = "onnxruntime C API"
    gaps: tuple[Gap, ...] = ()
    sums: Sums = "pinned"

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="logitconf"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)

    def load(self) -> str:
        """Version of the library that comes with onnxruntime's Python package."""
        return version([str(self._runner())], self._arguments(), folder_place=1)

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        """Runs every job in one process."""
        return answers([str(self._runner())], self._arguments(), jobs, folder_place=1)

    def _arguments(self) -> list[str]:
        return [str(_library()), str(_API_VERSION)]

    def _runner(self) -> Path:
        runner = self._folder / "c_runner"
        if not runner.exists():
            source = RUNNERS / "c_runner.c"
            command = [program("cc"), "-O1", "-o", str(runner), str(source), "-ldl"]
            compiled = subprocess.run(command, capture_output=True, text=True, check=False)
            if compiled.returncode:
                raise LogitconfError(f"the C runner must compile, got: {compiled.stderr[:500]}")
        return runner


def _library() -> Path:
    home = Path(str(load_onnxruntime().__file__)).parent / "capi"
    libraries = sorted(home.glob("libonnxruntime.so*"))
    if not libraries:
        raise MissingExtraError(f"onnxruntime's shared library must be in {home}, got none")
    return libraries[0]
