"""The command line: options and exit codes. What each command does is in the ``cli_*`` modules.

Exit codes: 0 done, 1 a check failed, 2 misuse or bad input, explained in one sentence.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from logitconf.errors import LogitconfError
from logitconf_export.cli import edit as cli_changing
from logitconf_export.cli import judging as cli_judging
from logitconf_export.cli.common.options import (
    Card,
    Force,
    Kind,
    Logits,
    MaskType,
    Model,
    Output,
    Precision,
    Probabilities,
    Rows,
    RunData,
    RunModel,
    Runtime,
    ScoreName,
    Task,
    check_output,
)
from logitconf_export.cli.common.output import print_error, print_line, warnings_as_lines

app = typer.Typer(
    name="logitconf",
    help="Fit a confidence score on logits, bake it into an ONNX model, and check its decisions.",
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def logitconf(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Checks that there is something to do."""
    if version:
        from logitconf import __version__

        print_line(f"logitconf {__version__}")
        raise typer.Exit(0)
    if context.invoked_subcommand is None:
        raise LogitconfError("a command must be given; see them with logitconf --help")


@app.command()
def fit(
    rows: Rows = None,
    *,
    output: Output,
    score: ScoreName,
    task: Task = "multiclass",
    model: RunModel = None,
    data: RunData = None,
    coverage: Annotated[
        float | None, typer.Option("--coverage", help="Share of the rows to accept, in (0, 1].")
    ] = None,
    q: Annotated[
        float | None, typer.Option("--q", help="Quantile of the scores; .99 if nothing is asked.")
    ] = None,
    risk: Annotated[
        float | None,
        typer.Option("--risk", help="At most this share of the accepted rows is wrong, certified."),
    ] = None,
    confidence: Annotated[
        float | None, typer.Option("--confidence", help="With --risk: of that promise; .95.")
    ] = None,
    threshold: Annotated[float | None, typer.Option("--threshold", help="This threshold.")] = None,
    holdout: Annotated[
        float | None,
        typer.Option("--holdout", help="Share of the rows kept for the threshold, not fitted on."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="With --holdout: of the draw.")] = 0,
    logits: Logits = None,
    kind: Kind = None,
    class_logits: Annotated[
        str | None,
        typer.Option(
            "--class-logits",
            help="For a learned confidence, which --logits names: the tensor of the classes.",
        ),
    ] = None,
    per_member: Annotated[
        bool, typer.Option("--per-member", help="The logits of an ensemble: members come last.")
    ] = False,
    per_class: Annotated[
        bool, typer.Option("--per-class", help="A threshold for each predicted class.")
    ] = False,
    per_label: Annotated[
        bool, typer.Option("--per-label", help="Multilabel: judge each label by itself.")
    ] = False,
    force: Force = False,
) -> None:
    """Fit temperature and threshold on labelled rows; write a score card.

    The rows are logits (VAL.npz holds 'logits' and 'labels'), or the inputs of --model. For the
    score learned, VAL.npz also holds 'confidence', the confidence logits.
    """
    check_output(output, (rows, data, model), force=force)
    from logitconf_export.cli import fit as cli_fit
    from logitconf_export.cli.rows import given as cli_rows

    policy = cli_fit.policy_from_options(
        coverage=coverage, q=q, risk=risk, confidence=confidence, threshold=threshold
    )
    if per_class:
        policy["per_class"] = True
    labelled, task = cli_rows.given_rows(
        rows,
        data,
        model,
        task=task,
        logits=logits,
        kind=kind,
        score=score,
        class_logits=class_logits,
        per_member=per_member,
    )
    cli_fit.fit_card(
        labelled,
        output,
        score=score,
        task=task,
        policy=policy,
        holdout=holdout,
        seed=seed,
        force=force,
        per_member=per_member,
        per_label=per_label,
    )


@app.command()
def export(
    card: Card,
    *,
    output: Output,
    opset: Annotated[int, typer.Option("--opset", help="7 to 26.")] = 17,
    runtime: Runtime = "any",
    precision: Precision = "float32",
    mask_type: MaskType = "bool",
    probabilities: Probabilities = False,
    n_classes: Annotated[
        int | None, typer.Option("--n-classes", help="Columns, if the card does not say.")
    ] = None,
    rank: Annotated[int | None, typer.Option("--rank", help="Axes of the logits; 2.")] = None,
    class_axis: Annotated[int, typer.Option("--class-axis", help="Where the classes are.")] = 1,
    force: Force = False,
) -> None:
    """Write the head of a card as an ONNX model of its own."""
    check_output(output, (card,), force=force)
    from logitconf_export.cli import ship as cli_ship

    options = cli_ship.HeadOptions(
        runtime, precision, mask_type, probabilities, n_classes, rank, class_axis
    )
    cli_ship.export_head(card, output, opset=opset, options=options, force=force)


@app.command()
def attach(
    host: Model,
    cards: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[CARD.json]", help="A card that fit wrote; with --several one for each place."
        ),
    ] = None,
    *,
    output: Output,
    score: Annotated[
        str | None, typer.Option("--score", help="Instead of a card: the score.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option("--temperature", help="Instead of a card: T > 0; 1.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option("--threshold", help="Instead of a card: accept below it.")
    ] = None,
    task: Annotated[
        str | None, typer.Option("--task", help="Instead of a card: the task; multiclass.")
    ] = None,
    logits: Annotated[
        list[str] | None,
        typer.Option(
            "--logits", help="The tensor to take; found otherwise. With --several repeated."
        ),
    ] = None,
    kind: Kind = None,
    class_axis: Annotated[
        int | None,
        typer.Option("--class-axis", help="Where the classes are, if the graph does not tell."),
    ] = None,
    several: Annotated[
        str | None,
        typer.Option(
            "--several", help="Heads on several places, with one decision: joint; or each."
        ),
    ] = None,
    runtime: Runtime = "any",
    precision: Precision = "float32",
    mask_type: MaskType = "bool",
    probabilities: Probabilities = False,
    copy_weights: Annotated[
        bool,
        typer.Option("--copy-weights", help="Copy weights in other files to the output's folder."),
    ] = False,
    self_contained: Annotated[
        bool, typer.Option("--self-contained", help="Take weights in other files into the output.")
    ] = False,
    force: Force = False,
) -> None:
    """Add the outputs score and mask to a model."""
    check_output(output, (host, *(cards or ())), force=force)
    from logitconf_export.cli import ship as cli_ship

    cli_ship.attach_head(
        host,
        cli_ship.cards_from_options(
            cards or [], score=score, temperature=temperature, threshold=threshold, task=task
        ),
        output,
        where=cli_ship.LogitsLocation(logits, kind, class_axis, several),
        options=cli_ship.HeadOptions(runtime, precision, mask_type, probabilities),
        copy_weights=copy_weights,
        self_contained=self_contained,
        force=force,
    )


app.command()(cli_changing.detach)
app.command()(cli_changing.retune)
app.command()(cli_changing.reattach)
app.command()(cli_changing.ensemble)
app.command()(cli_judging.compare)
app.command()(cli_judging.verify)
app.command()(cli_judging.drift)
app.command()(cli_judging.inspect)


@app.command()
def demo(
    out: Annotated[
        Path, typer.Option("--out", help="Folder for the files that the demo writes.")
    ] = Path("demo-output"),
    force: Force = False,
) -> None:
    """Do it all on scikit-learn's handwritten digits: train, export, fit, attach, verify."""
    from logitconf_export.cli import demo as digits

    if not digits.run_demo(out, force=force):
        raise typer.Exit(1)


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; says what went wrong in one line on stderr.

    Args:
        arguments: without the program's name; those of the process unless given.

    Returns:
        The exit code.
    """
    with warnings_as_lines():
        try:
            code = app(
                args=None if arguments is None else list(arguments),
                prog_name="logitconf",
                standalone_mode=False,
            )
        except LogitconfError as error:
            print_error(str(error).replace("overwrite it with force", "overwrite it with --force"))
            return 2
        except typer.TyperException as error:
            print_error(error.format_message())
            return 2
        except typer.Abort:
            return 130
    return int(code or 0)


def main() -> None:
    """The console script."""
    sys.exit(run())


if __name__ == "__main__":
    main()
