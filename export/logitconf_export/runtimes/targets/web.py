"""onnxruntime-web."""

from collections.abc import Sequence
from pathlib import Path

from logitconf.scores.bands import Sums
from logitconf_export.runtimes.protocol import Answer, Gap, Job
from logitconf_export.runtimes.targets.processes import (
    MODULES,
    RUNNERS,
    answers,
    package,
    program,
    version,
)


class WebRuntime:
    """onnxruntime-web (wasm, one thread) in a real headless Chromium."""

    name = "onnxruntime-web"
    gaps: tuple[Gap, ...] = ()
    sums: Sums = "any order"

    def __init__(self, modules: Path = MODULES, browser: str = "chromium") -> None:
        self._modules, self._browser = modules, browser

    def load(self) -> str:
        """Its version; the browser is started."""
        package(self._modules, "onnxruntime-web")
        package(self._modules, "playwright-core")
        return version(self._command(), self._arguments())

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        """Runs every job in one page."""
        return answers(self._command(), self._arguments(), jobs)

    def _command(self) -> list[str]:
        return [program("node"), str(RUNNERS / "web_runner.cjs")]

    def _arguments(self) -> list[str]:
        return [str(self._modules), program(self._browser)]
