"""onnxruntime on another provider than the CPU's, which must compute every node itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import onnx

from logitconf.errors import LogitconfError
from logitconf.scores.bands import Sums
from logitconf_export.onnx_files.types import Array
from logitconf_export.runtimes.protocol import Answer, Gap, Job
from logitconf_export.runtimes.sessions import Session
from logitconf_export.runtimes.targets.in_process import each
from logitconf_export.runtimes.targets.table import RuntimeRequest


class OnProvider:
    """onnxruntime on one provider."""

    name = "onnxruntime"
    gaps: tuple[Gap, ...] = ()
    sums: Sums = "any order"
    # a session on a GPU takes as long as hundreds of runs
    kept: dict[bytes, Any] | None = None

    def __init__(self, provider: str) -> None:
        self._provider = provider

    def load(self) -> str:
        """Its version."""
        return RuntimeRequest("onnxruntime").load()[1]

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        """Runs every job; the first one of each model shows where its nodes are computed."""
        return each(jobs, self._placed, _Placed.run, (LogitconfError,), self.kept)

    def _placed(self, model: bytes) -> _Placed:
        # where a node would run on the CPU, onnxruntime refuses the model
        return _Placed(Session(onnx.load_model_from_string(model), provider=self._provider))


@dataclass(slots=True)
class _Placed:
    """A session, and whether the profile of its first run was looked at."""

    session: Session
    seen: bool = False

    def run(self, job: Job) -> list[Array]:
        """The outputs.

        Raises:
            LogitconfError: if the run fails, or a node ran on another provider.
        """
        if self.seen:
            return self.session.run(job.feeds, job.outputs)
        # what is left behind is the profile's file; the session goes on without a profile
        with self.session:
            answers: list[Array] = self.session.run(job.feeds, job.outputs)
            places = {*self.session.ran().values()}
        if places != {self.session.provider}:
            raise LogitconfError(
                f"every node must run on {self.session.provider} to be measured there, got nodes "
                f"on {sorted(places)}"
            )
        self.seen = True
        return answers
