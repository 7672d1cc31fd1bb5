"""The command ``reattach``: heads put back as their cards say."""

from logitconf_export.cli.common.options import Model, OutputFile
from logitconf_export.cli.common.output import print_facts, working


def reattach(model: Model, output: OutputFile) -> None:
    """Put heads back as their cards say, after quantisation or float16 conversion rewired them."""
    output.check(model)
    from logitconf_export.attachment.reattaching import reattach as reattach_heads
    from logitconf_export.cli.common.model_facts import head_facts, port_facts

    with working("Attaching"):
        mended = reattach_heads(model, output.path, force=output.force)
    print_facts(f"{output.path}", [*head_facts(mended), *port_facts(mended)])
