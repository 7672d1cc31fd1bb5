"""The command ``export``: the head of a card as a model of its own."""

from logitconf_export.cli.common.head_options import HeadOptions, HeadShape
from logitconf_export.cli.common.options import Card, Names, OutputFile
from logitconf_export.cli.common.output import deliver
from logitconf_export.cli.common.view import View
from logitconf_export.cli.common.waiting import working
from logitconf_export.cli.results.result import named, quoted


def export(
    card: Card,
    *,
    output: OutputFile,
    head: HeadOptions,
    shape: HeadShape,
    names: Names = None,
    view: View,
) -> None:
    """Write the head of a card as an ONNX model of its own."""
    output.check(card, view=view)
    from logitconf.card.score_card import ScoreCard
    from logitconf_export.cli.results.heads import head_words, heads_of, model_result
    from logitconf_export.cli.rows.class_names import given_names
    from logitconf_export.heads.conversion import to_onnx

    with working("Converting", view):
        made = head.head(ScoreCard.load(card), shape)
        model = to_onnx(
            made,
            output.file,
            opset=shape.opset,
            class_names=given_names(names),
            force=output.force,
        )
    result = model_result(
        f"Exported: {named(output.path)} {head_words(heads_of(model))}",
        output.path,
        model,
        facts=[("opset", f"{shape.opset}, IR {model.ir_version}")],
        following=[f"verify with: logitconf verify {quoted(output.path)}"] if output.file else [],
    )
    deliver(result, model, output, view)
