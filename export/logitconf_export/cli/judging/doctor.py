"""The command ``doctor``: what is installed, and what works here, honestly tried."""

from typing import TYPE_CHECKING

import typer

from logitconf_export.cli.common.output import show
from logitconf_export.cli.common.view import Force, View
from logitconf_export.cli.common.waiting import working

if TYPE_CHECKING:
    from logitconf_export.cli.results.result import Result
    from logitconf_export.testing.diagnosis import Diagnosis


def doctor(*, view: View, force: Force = False) -> None:
    """Say what is installed, and what each runtime and provider can do here.

    A tiny head is run on each of them, in a process of its own. The exit code is 0 if scores can be
    fitted and heads attached.
    """
    view.check(force=force)
    from logitconf_export.testing.diagnosis import diagnose

    with working("Looking around", view):
        diagnosis = diagnose()
    show(diagnosis_result(diagnosis), view, force=force)
    if not diagnosis.works:
        raise typer.Exit(1)


def diagnosis_result(diagnosis: "Diagnosis") -> "Result":
    """What is shown of a diagnosis."""
    import platform

    from logitconf_export.cli.results.blocks import Facts, Table
    from logitconf_export.cli.results.result import Result, headed

    word = diagnosis.verdict.partition(":")[0]
    tried = [
        (each.runtime if each.provider is None else f"{each.runtime} on {each.provider}", each)
        for each in diagnosis.probes
    ]
    rows = [(name, each.outcome, each.detail) for name, each in tried if each.outcome != "missing"]
    absent = [(name, each.detail) for name, each in tried if each.outcome == "missing"]
    extras = [
        (each.name, f"missing {', '.join(each.missing)}; {each.install}")
        if each.missing
        else (each.name, "installed")
        for each in diagnosis.extras
    ]
    torch = diagnosis.packages.get("torch", 'not installed; pip install "logitconf[torch]"')
    here = [
        ("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        ("torch", torch),
        ("NVIDIA GPU", ", ".join(diagnosis.gpus) or diagnosis.no_gpu),
    ]
    return Result(
        diagnosis.verdict,
        lambda: headed("diagnosis", diagnosis.to_dict(), verdict=diagnosis.verdict),
        style={"WORKS": "good", "PARTLY": "caution"}.get(word, "bad"),
        blocks=(
            Table(("runtime", "outcome", "detail"), rows, "Tried here", flowing=("detail",)),
            Facts(absent, "Not here"),
            Facts(here, "This machine"),
            Facts(extras, "Extras"),
        ),
        details=(Facts([*diagnosis.packages.items()], "Packages"),),
    )
