"""The command ``retune``: other numbers in a head."""

from typing import Annotated

import typer

from logitconf_export.cli.common.options import Model, OutputFile, Temperature, Threshold
from logitconf_export.cli.common.output import print_facts


def retune(
    model: Model,
    output: OutputFile,
    *,
    temperature: Temperature = None,
    threshold: Threshold = None,
    head: Annotated[
        str | None,
        typer.Option("--head", help="Of several heads: the output that it judges, or all."),
    ] = None,
) -> None:
    """Change temperature or threshold of a head; its certificate, if any, is void."""
    output.check(model)
    from logitconf_export.attachment.retuning import retune as retune_heads
    from logitconf_export.cli.common.model_facts import number_facts, place_words
    from logitconf_export.heads.metadata import read_heads

    tuned = retune_heads(
        model,
        output.path,
        temperature=temperature,
        threshold=threshold,
        head=head,
        force=output.force,
    )
    facts: list[tuple[str, str]] = []
    heads = read_heads(tuned).heads
    for one in heads:
        if len(heads) > 1:
            facts.append(("attached to", place_words(one)))
        facts += number_facts(one.card)[1:]
    print_facts(f"{output.path}", facts)
