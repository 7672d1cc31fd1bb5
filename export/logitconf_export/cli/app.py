"""The command line: the table of commands, and exit codes.

Exit codes: 0 done, 1 a check failed, 2 misuse or bad input, explained in one sentence; after a
signal 128 and its number. Nobody reading on is no error.
"""

import signal
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from logitconf.errors import LogitconfError
from logitconf_export.cli.common.grouping import with_groups
from logitconf_export.cli.common.output import print_error, print_line, warnings_as_lines
from logitconf_export.cli.common.streams import ending_signals, guarded_streams
from logitconf_export.cli.common.usage import Commands, command_class, help_text

COMMANDS: Mapping[str, str] = {
    "fit": "making",
    "compare": "making",
    "export": "shipping",
    "attach": "shipping",
    "detach": "shipping",
    "retune": "shipping",
    "recertify": "shipping",
    "reattach": "shipping",
    "ensemble": "shipping",
    "verify": "judging",
    "drift": "judging",
    "inspect": "judging",
    "report": "judging",
    "monitor": "judging",
    "doctor": "judging",
    "measure-runtime": "judging",
    "demo": "making",
}
"""Every command with its folder: the function of its name in the file of its name, with _ for -."""

_INTERRUPTED = 128 + signal.SIGINT
_PANELS = {"making": "Make a score", "shipping": "Ship it", "judging": "Judge it"}


def application(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """The command line with the commands named; the others are not imported."""
    app = typer.Typer(
        name="logitconf",
        help="Fit a confidence score on logits, bake it into an ONNX model, check its decisions.",
        cls=Commands,
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
    )
    app.callback(invoke_without_command=True)(logitconf)
    for name in names:
        folder, function = COMMANDS[name], name.replace("-", "_")
        command = getattr(import_module(f"logitconf_export.cli.{folder}.{function}"), function)
        grouped = with_groups(command)
        app.command(
            name,
            cls=command_class(grouped),
            help=help_text(command),
            rich_help_panel=_PANELS[folder],
        )(grouped)
    return app


def logitconf(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version.")] = False,
) -> None:
    """Shows the version, or the help where nothing is asked for."""
    if version:
        from logitconf import __version__

        print_line(f"logitconf {__version__}")
        raise typer.Exit(0)
    if context.invoked_subcommand is None:
        text = context.get_help()  # which rich prints, and then returns nothing
        if text:
            print_line(text)


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; says what went wrong in one line on stderr.

    Args:
        arguments: without the program's name; those of the process unless given.

    Returns:
        The exit code.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        with guarded_streams():
            return _outcome(given)
    except LogitconfError as error:
        print_error(str(error))
        return 2


def _outcome(given: Sequence[str]) -> int:
    """The exit code of a command; whatever it raises is explained."""
    wanted: Iterable[str] = COMMANDS
    if given and given[0] in COMMANDS:
        wanted = given[:1]
    elif list(given) in (["--version"], ["-V"]):
        wanted = ()
    with warnings_as_lines(), ending_signals() as received:
        try:
            app = application(wanted)
            code = app(args=list(given), prog_name="logitconf", standalone_mode=False)
        except LogitconfError as error:
            print_error(str(error).replace("overwrite it with force", "overwrite it with --force"))
            return 2
        except typer.TyperException as error:
            print_error(error.format_message())
            return 2
        except (typer.Abort, KeyboardInterrupt):
            code = _INTERRUPTED
        except MemoryError:
            print_error("not enough memory; give fewer rows at once")
            return 2
        # A fault of ours is no failed check, which is what exit code 1 says.
        except Exception as error:
            print_error(f"{_described(error)}; this is a fault of logitconf, please report it")
            return 2
    return 128 + received[0] if received else int(code or 0)


def _described(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(frame.filename).name}, line {frame.lineno}"
    return f"unexpected {type(error).__name__}: {error} ({place})"


def main() -> None:
    """The console script."""
    sys.exit(run())


if __name__ == "__main__":
    main()
