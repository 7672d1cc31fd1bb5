"""How a result is shown: the options that every command has, and where it may be written.

Apart from the other options, so that what only looks at a file loads none of the runtimes' tables.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from logitconf.errors import LogitconfError
from logitconf.files import check_writable

SHOWN = "What is printed"
"""Title under which help shows these options."""
STDOUT = Path("-")
"""What stands for stdout where a file is named."""
Force = Annotated[bool, typer.Option("--force", help="Replace the output if it exists.")]


@dataclass(frozen=True, slots=True)
class View:
    """How much of a result is shown, and where it goes as JSON; every command has these options."""

    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show the details.", rich_help_panel=SHOWN)
    ] = False
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet", "-q", help="Show the verdict alone, the first line.", rich_help_panel=SHOWN
        ),
    ] = False
    json: Annotated[
        Path | None,
        typer.Option(
            "--json",
            help="Write the result as JSON; - writes it to stdout alone.",
            rich_help_panel=SHOWN,
        ),
    ] = None

    def check(self, *inputs: Path | None, force: bool, output: Path | None = None) -> None:
        """Refuses where the JSON is to go before any work is done; see `check_output`.

        Args:
            inputs: of the command, which are not to be overwritten.
            force: whether an existing file may be replaced.
            output: of the command, if it has one.

        Raises:
            LogitconfError: if it is not writable, is the output, or the view is both.
        """
        if self.verbose and self.quiet:
            raise LogitconfError("give one of -v and -q, got both")
        if self.json is None:
            return
        if self.json == output:
            place = "stdout" if output == STDOUT else f"the same file, {output}"
            raise LogitconfError(
                f"--output and --json must not go to one place, both were {place}; "
                "give one of them a file of its own"
            )
        if self.json != STDOUT:
            check_output(self.json, inputs, force=force)


def check_output(output: Path, inputs: Iterable[Path | None], *, force: bool) -> None:
    """Refuses an output before any work is done: one that exists, or is one of the inputs.

    The weights that an input keeps in other files are inputs, too.
    """
    for source in inputs:
        if source is not None and source.exists() and output.exists() and output.samefile(source):
            raise LogitconfError(f"the output must not be the input {source}; name another file")
    if check_writable(output, force=force).exists():
        from logitconf_export.onnx_files.loading import load_model
        from logitconf_export.onnx_files.saving import Destination

        for source in inputs:
            if source is not None and source.suffix == ".onnx" and source.exists():
                Destination(output, source).check(load_model(source), embedded=True)
