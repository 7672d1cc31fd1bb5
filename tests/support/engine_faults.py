"""A plan whose workers are killed: in some passes, once each, before their second block."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from logitconf.distributed.plan import FitPlan
from logitconf.distributed.request import Request


@dataclass(frozen=True, slots=True)
class KillingRequest(Request):
    """A request that kills the process that answers it.

    Attributes:
        marker: files of this name with endings say what has happened already.
    """

    marker: str = ""

    def total_of(self, logits: Any, labels: Any) -> Any:
        self._die_once()
        return Request.total_of(self, logits, labels)

    def scores_of(self, logits: Any, labels: Any) -> Any:
        self._die_once()
        return Request.scores_of(self, logits, labels)

    def total_of_scores(self, scores: Any, marks: Any) -> Any:
        self._die_once()
        return Request.total_of_scores(self, scores, marks)

    def _die_once(self) -> None:
        for event in ("begun", "killed"):
            try:
                # of all processes just one makes the file
                os.close(os.open(f"{self.marker}.{event}", os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                continue
            if event == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            return


class KillingPlan:
    """Asks as a plan does; in some passes its requests kill a worker each.

    Attributes:
        killed: the passes in which a worker was killed.
    """

    def __init__(self, plan: FitPlan, passes: Iterable[int], folder: Path) -> None:
        self._plan, self._passes, self._folder = plan, tuple(passes), folder

    @property
    def killed(self) -> list[int]:
        return sorted(int(path.stem) for path in self._folder.glob("*.killed"))

    def next(self) -> Request | None:
        request = self._plan.next()
        if request is None or request.id not in self._passes:
            return request
        own = {each.name: getattr(request, each.name) for each in fields(request)}
        return KillingRequest(**own, marker=str(self._folder / f"{request.id}"))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plan, name)
