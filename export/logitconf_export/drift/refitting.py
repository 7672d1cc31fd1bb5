"""Temperature and threshold of a host's variant, fitted anew on the logits that it computes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import onnx

from logitconf.card.parts import Split
from logitconf.card.score_card import ScoreCard
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf.tasks import InputKind, Layout, check_task, logits_of
from logitconf.thresholds.certificate import promises_risk
from logitconf_export.attachment.retuning import write_cards
from logitconf_export.attachment.thresholds import policy_arguments
from logitconf_export.drift.measuring import checked_labels, decided
from logitconf_export.onnx_files.types import Array, ModelSource

# Of the rows, where a card promises a risk and does not say what was held out for it.
HOLDOUT = 0.5


def refit(
    variant: ModelSource,
    feeds: Mapping[str, Array],
    labels: Array,
    path: str | Path | None = None,
    *,
    provider: str = "cpu",
    force: bool = False,
) -> onnx.ModelProto:
    """The variant with temperature and threshold fitted on its own logits, by its card's policy.

    Parameters that are written into the graph, such as GEN's exponent, stay. A risk is certified
    anew, on rows that are held out as the card's own were: half of them where it does not say.

    Args:
        variant: a host with a head; it is not changed.
        feeds: inputs by name, one batch.
        labels: (N,) classes, or (N, L) for labels; one for each row or position.
        path: where to write the result too, whole or not at all.
        provider: short name of onnxruntime's provider.
        force: whether a file at ``path`` may be replaced.

    Raises:
        LogitconfError: if the head's policy cannot be followed again, or on these rows.
    """
    own_decisions = decided(variant, feeds, provider)
    card, form = own_decisions.head.metadata.card, own_decisions.head.metadata.form
    truth = checked_labels(own_decisions, labels)
    policy = policy_arguments(card)
    layout = Layout(check_task(card.task), own_decisions.logits.shape[1], per_label=card.per_label)
    kind = cast(InputKind, form.kind)
    logits = logits_of(own_decisions.logits, layout, kind)
    fixed: dict[str, Any] = dict(card.parameters)
    if card.per_label:
        fixed["per_label"] = True
    if card.calibration_map is not None:
        fixed["calibration"] = card.calibration_map.kind
    score = SCORE_CLASSES[card.score](card.temperature, card.task, **fixed)
    held = _held_out(card)
    score.fit(
        logits,
        truth.reshape(-1) if layout.one_logit else truth,
        kind="logits",
        holdout=None if held is None else held.holdout,
        seed=0 if held is None else held.seed,
    )
    score.set_threshold(**policy)
    return write_cards(variant, {0: score.card}, path, force=force)


def _held_out(card: ScoreCard) -> Split | None:
    """Which rows certify and are not fitted on; None where nothing is certified."""
    if not promises_risk(card):
        return None
    own = None if card.rows is None else card.rows.split
    return Split(HOLDOUT, 0) if own is None else own
