"""The command ``fit``: labelled rows in, a score card out."""

from pathlib import Path
from typing import Any, TypedDict

from logitconf.errors import LogitconfError
from logitconf.fitting.fit import rows_right
from logitconf.fitting.logit_score import LogitScore
from logitconf.fitting.score_classes import score_class
from logitconf.rows import split_rows
from logitconf.scores.table import SCORES, check_defined
from logitconf.tasks import (
    Layout,
    check_labels,
    check_logits,
    check_task,
)
from logitconf_export.cli.common.output import Facts, print_facts, working
from logitconf_export.cli.rows.npz import LabelledRows


class Policy(TypedDict, total=False):
    """Arguments of :meth:`~logitconf.LogitScore.set_threshold`; none of them is its default."""

    coverage: float
    q: float
    risk: float
    confidence: float
    value: float
    per_class: bool


def policy_from_options(
    *,
    coverage: float | None,
    q: float | None,
    risk: float | None,
    confidence: float | None,
    threshold: float | None,
) -> Policy:
    """The one policy that the user asked for.

    Raises:
        LogitconfError: for several, or a confidence without a risk.
    """
    policy = Policy()
    if coverage is not None:
        policy["coverage"] = coverage
    if q is not None:
        policy["q"] = q
    if risk is not None:
        policy["risk"] = risk
    if threshold is not None:
        policy["value"] = threshold
    if len(policy) > 1:
        raise LogitconfError("give one of --coverage, --q, --risk and --threshold, got several")
    if confidence is not None:
        if risk is None:
            raise LogitconfError("--confidence belongs to --risk, got no --risk")
        policy["confidence"] = confidence
    return policy


def fit_card(
    rows: LabelledRows,
    output: Path,
    *,
    score: str,
    task: str,
    policy: Policy,
    holdout: float | None,
    seed: int,
    force: bool,
    per_member: bool = False,
    per_label: bool = False,
) -> None:
    """Fits, writes the card, and prints what the score does on the rows.

    Args:
        rows: labelled logits.
        output: where to write the card.
        score: name of the score.
        task: what the columns mean.
        policy: arguments of ``set_threshold``; its default if empty.
        holdout: share of the rows that are not fitted on; all that follows is about them alone.
        seed: of the draw.
        force: whether an existing file may be replaced.
        per_member: whether the logits have members along their last axis.
        per_label: whether each label is judged by itself.

    Raises:
        LogitconfError: if rows do not fit the task, or the policy cannot be met.
    """
    with working("Fitting"):
        made = score_class(score)
        alone = SCORES[score].over_members or not per_member
        asked: dict[str, Any] = {} if alone else {"per_member": True}
        if per_label:
            check_defined(score, Layout(check_task(task), None, per_label=True))
            asked["per_label"] = True
        fitted = made(task=task, **asked)
        fitted.fit(rows.logits, rows.labels, holdout=holdout, seed=seed)
        fitted.set_threshold(**policy)
    if holdout is not None:
        rows = _held_out(rows, holdout, seed)
    fitted.save(output, force=force)
    print_facts(f"{output}", [*card_facts(fitted), *decision_facts(fitted, rows)])


def _held_out(rows: LabelledRows, holdout: float, seed: int) -> LabelledRows:
    _, held = split_rows(len(rows.logits), holdout, seed)
    return LabelledRows(rows.logits[held], rows.labels[held])


def card_facts(fitted: LogitScore) -> Facts:
    """Score, task, temperature and threshold in words."""
    card = fitted.card
    facts = [("score", card.score), ("task", card.task)]
    fit = card.temperature_fit or {}
    error = fit.get("standard_error")
    spread = f" ± {error:.2g}" if error is not None else ""
    note = "" if fit.get("identified", True) else f" (not identified: {fit['reason']})"
    facts.append(("temperature", f"{card.temperature:.6g}{spread}{note}"))
    if fit:
        facts.append(("NLL", f"{fit['nll_before']:.6f} → {fit['nll_after']:.6f} nats"))
    facts.append(("threshold", f"{card.threshold}"))
    return facts


def decision_facts(fitted: LogitScore, rows: LabelledRows) -> Facts:
    """How many rows are accepted, and how often all and the accepted ones are right."""
    logits, layout = check_logits(
        rows.logits,
        fitted.task,
        per_member=fitted.per_member,
        per_label=fitted.card.per_label,
    )
    labels = check_labels(rows.labels, logits, layout)
    right = rows_right(fitted.name, logits, labels, layout, fitted.temperature).numpy()
    accepted = fitted.select(logits)["selected"].numpy()
    counted = f"{len(right)}"
    if layout.per_label:
        counted = f"{right.size} labels of {len(right)} rows"
    facts = [
        ("rows", counted),
        ("accepted", f"{int(accepted.sum())} ({accepted.mean():.2%})"),
        ("accuracy of all", f"{right.mean():.2%}"),
    ]
    if accepted.any():
        facts.append(("accuracy of accepted", f"{right[accepted].mean():.2%}"))
    return facts
