"""onnxruntime-node."""

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


class NodeRuntime:
    """onnxruntime-node, from a folder of installed npm packages."""

    name = "onnxruntime-node"
    gaps: tuple[Gap, ...] = ()
    sums: Sums = "pinned"

    def __init__(self, modules: Path = MODULES) -> None:
        self._modules = modules

    def load(self) -> str:
        """Its version."""
        node = program("node")
        package(self._modules, "onnxruntime-node")
        return version([node, str(RUNNERS / "node_runner.cjs")], [str(self._modules)])

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        """Runs every job in one process."""
        command = [program("node"), str(RUNNERS / "node_runner.cjs")]
        return answers(command, [str(self._modules)], jobs)
