"""An onnxruntime in another environment."""

from collections.abc import Sequence
from pathlib import Path

from logitconf.errors import MissingExtraError
from logitconf.scores.bands import Sums
from logitconf_export.runtimes.protocol import Answer, Gap, Job
from logitconf_export.runtimes.targets.processes import RUNNERS, answers, version


class OtherPython:
    """An onnxruntime of another version, in its own environment."""

    name: str
    gaps: tuple[Gap, ...] = ()
    sums: Sums = "pinned"

    def __init__(self, name: str, python: Path) -> None:
        self.name, self._python = name, python

    def load(self) -> str:
        """Its version."""
        return version(self._command(), [])

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        """Runs every job in one process."""
        return answers(self._command(), [], jobs)

    def _command(self) -> list[str]:
        if not self._python.exists():
            raise MissingExtraError(f"{self.name} needs an environment at {self._python}")
        return [str(self._python), str(RUNNERS / "python_runner.py")]
