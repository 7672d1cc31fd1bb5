"""Temperature and threshold of a host's variant, fitted anew on the logits that it computes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import onnx

from logitconf.card.score_card import ScoreCard
from logitconf.errors import LogitconfError
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf.tasks import InputKind, Layout, check_task, logits_of
from logitconf.thresholds.lookup import policy_of_card
from logitconf_export.attachment.retuning import write_cards
from logitconf_export.drift.measuring import checked_labels, decided
from logitconf_export.onnx_files.types import Array, ModelSource


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

    Parameters that are written into the graph, such as GEN's exponent, stay.

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
    score.fit(logits, truth.reshape(-1) if layout.one_logit else truth, kind="logits")
    score.set_threshold(**policy)
    return write_cards(variant, {0: score.card}, path, force=force)


def policy_arguments(card: ScoreCard) -> dict[str, Any]:
    """The arguments of ``set_threshold`` that follow a card's policy again.

    >>> policy_arguments(ScoreCard("softmax", "multiclass", policy={"name": "quantile", "q": 0.9}))
    {'q': 0.9}

    Raises:
        LogitconfError: for a threshold that was named, or a policy that needs other rows.
    """
    policy = policy_of_card(card.policy)
    if policy is None or policy.is_given or policy.needs_outliers:
        reason = "was given as a number"
        if policy is not None and policy.needs_outliers:
            reason = f"needs the rows of policy {policy.name}"
        raise LogitconfError(
            f"refitting follows the card's policy, but the threshold {reason}; fit a card on the "
            "variant and attach that"
        )
    return policy.to_arguments()
