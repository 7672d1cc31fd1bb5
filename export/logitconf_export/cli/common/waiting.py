"""What a terminal shows while a command works: what it does, how much is done, the time left."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from logitconf.telling.progress import Advance, heard_by
from logitconf_export.cli.common.output import watched
from logitconf_export.cli.common.view import STDOUT, View

if TYPE_CHECKING:
    from rich.progress import Progress, Task

_SHOWN_AFTER = 1.0
"""Seconds; what is done sooner is not worth a line."""


@contextmanager
def working(description: str, view: View | None = None) -> Iterator[None]:
    """Shows the work in the block on stderr, if someone looks at it and asked for more than little.

    Args:
        description: of the whole, in a word or two.
        view: nothing is drawn with ``-q``, nor where JSON goes to stdout.
    """
    silent = view is not None and (view.quiet or view.json == STDOUT)
    if silent or not watched(sys.stderr):
        yield
        return
    with _display() as progress:
        progress.add_task(description, total=None)

        @contextmanager
        def listen(what: str, total: int | None) -> Iterator[Advance]:
            task = progress.add_task(what, total=total)
            try:
                yield lambda parts: progress.advance(task, parts)
            finally:
                progress.remove_task(task)

        with heard_by(listen):
            yield


def _display() -> "Progress":
    """A line for each piece of work that goes on for a while; all go when the work is done."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    class Lasting(Progress):
        """Shows the first task, which is the whole, and of the others those that last."""

        def get_renderables(self) -> Iterator[object]:  # type: ignore[override]
            tasks = self.tasks
            yield self.make_tasks_table([*tasks[:1], *filter(_lasts, tasks[1:])])

    return Lasting(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        Remaining(compact=True),
        console=Console(stderr=True),
        transient=True,
    )


def _lasts(task: "Task") -> bool:
    """Whether a piece of work goes on for more than a moment, as far as it has come."""
    if task.elapsed is None:
        return False
    if task.total and task.completed:
        return task.elapsed * task.total / task.completed > _SHOWN_AFTER
    return task.elapsed > _SHOWN_AFTER
