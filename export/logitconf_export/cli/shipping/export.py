"""The command ``export``: the head of a card as a model of its own."""

from logitconf_export.cli.common.head_options import HeadOptions, HeadShape
from logitconf_export.cli.common.options import Card, OutputFile
from logitconf_export.cli.common.output import print_facts, working


def export(card: Card, output: OutputFile, head: HeadOptions, shape: HeadShape) -> None:
    """Write the head of a card as an ONNX model of its own."""
    output.check(card)
    from logitconf.card.score_card import ScoreCard
    from logitconf_export.cli.common.model_facts import port_facts
    from logitconf_export.heads.conversion import to_onnx

    with working("Converting"):
        made = head.head(ScoreCard.load(card), shape)
        model = to_onnx(made, output.path, opset=shape.opset, force=output.force)
    facts = [*port_facts(model), ("opset", f"{shape.opset}, IR {model.ir_version}")]
    print_facts(f"{output.path}", facts)
