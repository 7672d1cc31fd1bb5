"""The command ``fit``: labelled rows in, a score card out."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from logitconf.errors import LogitconfError
from logitconf_export.cli.common.fit_options import AUTO, PolicyOptions, RowMeaning, ScoreOptions
from logitconf_export.cli.common.options import LogitsLocation, OutputFile, RowSource, in_panel
from logitconf_export.cli.common.output import Facts, print_facts, working

if TYPE_CHECKING:
    from logitconf.fitting.choosing import ChosenScore
    from logitconf.fitting.logit_score import LogitScore
    from logitconf_export.cli.rows.npz import LabelledRows


def fit(
    source: RowSource,
    *,
    output: OutputFile,
    asked: ScoreOptions,
    meaning: RowMeaning,
    threshold: PolicyOptions,
    where: LogitsLocation,
    holdout: Annotated[
        float | None,
        in_panel(
            None,
            "--holdout",
            "Share of the rows kept for the threshold, not fitted on.",
            default="none: all rows for both",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="With --holdout: of the draw.")] = 0,
) -> None:
    """Fit temperature and threshold on labelled rows; write a score card.

    The rows are logits (VAL.npz holds 'logits' and 'labels'), or the inputs of --model. For the
    score learned, VAL.npz also holds 'confidence', the confidence logits.
    """
    if asked.score == AUTO and (meaning.per_member or asked.per_label):
        raise LogitconfError(
            "--score auto needs rows of one model, judged as a whole, got --per-member or "
            "--per-label; name a score with these"
        )
    output.check(source.rows, source.data, source.model)
    policy = threshold.arguments()
    from logitconf.wording.lists import first_few
    from logitconf_export.cli.rows.given import given_rows

    if threshold.ood is not None:
        from logitconf_export.runtimes.stored_arrays import named_array, read_arrays

        stored = read_arrays(threshold.ood, single="logits")
        policy["ood_logits"] = named_array(stored, "logits", threshold.ood)
        policy["kind"] = where.kind if source.model is None else None
    rows, task = given_rows(source, where, meaning, asked.score)
    chosen = _chosen(rows, task, seed) if asked.score == AUTO else None
    if chosen is not None:
        asked = replace(asked, score=chosen.score)
        rows = replace(rows, logits=chosen.logits, labels=chosen.labels)
    with working("Fitting"):
        fitted = _unfitted(asked, task, per_member=meaning.per_member)
        fitted.fit(
            rows.logits,
            rows.labels,
            kind=rows.kind,
            holdout=holdout,
            seed=seed,
            class_names=rows.class_names,
        )
        fitted.set_threshold(**policy)
        if chosen is not None:
            fitted.card = replace(fitted.card, score_choice=chosen.choice)
    if holdout is not None:
        rows = _held_out(rows, holdout, seed)
    fitted.save(output.path, force=output.force)
    facts = [*card_facts(fitted), *decision_facts(fitted, rows)]
    if rows.class_names is not None:
        facts.append(("labels", f"names, the columns being {first_few(rows.class_names, 10)}"))
    print_facts(f"{output.path}", facts)


def _chosen(rows: "LabelledRows", task: str, seed: int) -> "ChosenScore":
    """The score that ranks the rows best, and the rows that took no part in its choice."""
    from logitconf.fitting.choosing import choose_score

    with working("Comparing the scores"):
        return choose_score(rows.logits, rows.labels, task=task, kind=rows.kind, seed=seed)


def _unfitted(asked: ScoreOptions, task: str, *, per_member: bool) -> "LogitScore":
    from logitconf.fitting.score_classes import score_class
    from logitconf.scores.table import SCORES, check_defined
    from logitconf.tasks import Layout, check_task

    made = score_class(asked.score)
    parameters: dict[str, Any] = {}
    if per_member and not SCORES[asked.score].over_members:
        parameters["per_member"] = True
    if asked.per_label:
        check_defined(asked.score, Layout(check_task(task), None, per_label=True))
        parameters["per_label"] = True
    return made(task=task, **parameters)


def _held_out(rows: "LabelledRows", holdout: float, seed: int) -> "LabelledRows":
    from logitconf.rows import split_rows

    _, held = split_rows(len(rows.logits), holdout, seed)
    return replace(rows, logits=rows.logits[held], labels=rows.labels[held])


def card_facts(fitted: "LogitScore") -> Facts:
    """Score, task, temperature and threshold in words."""
    from logitconf.wording.choice import choice_of

    card = fitted.card
    choice = choice_of(card)
    facts = [("score", card.score if choice is None else f"{card.score}, {choice}")]
    facts.append(("task", card.task))
    fit = card.temperature_fit
    error = fit.standard_error if fit else None
    spread = f" ± {error:.2g}" if error is not None else ""
    note = f" (not identified: {fit.reason})" if fit and not fit.identified else ""
    facts.append(("temperature", f"{card.temperature:.6g}{spread}{note}"))
    if fit and fit.nll_before is not None and fit.nll_after is not None:
        facts.append(("NLL", f"{fit.nll_before:.6f} → {fit.nll_after:.6f} nats"))
    facts.append(("threshold", f"{card.threshold}"))
    return facts


def decision_facts(fitted: "LogitScore", rows: "LabelledRows") -> Facts:
    """How many rows are accepted, and how often all and the accepted ones are right."""
    from logitconf.fitting.fit import rows_right
    from logitconf.rows import Rows

    checked = Rows.checked(
        rows.logits,
        rows.labels,
        fitted.task,
        kind=rows.kind,
        per_member=fitted.per_member,
        per_label=fitted.card.per_label,
    )
    right = rows_right(fitted.name, checked, fitted.temperature)
    accepted = fitted.select(rows.logits, kind=rows.kind or "logits")["selected"]
    counted = f"{len(right)}"
    if checked.layout.per_label:
        counted = f"{right.size} labels of {len(right)} rows"
    facts = [
        ("rows", counted),
        ("accepted", f"{int(accepted.sum())} ({accepted.mean():.2%})"),
        ("accuracy of all", f"{right.mean():.2%}"),
    ]
    if accepted.any():
        facts.append(("accuracy of accepted", f"{right[accepted].mean():.2%}"))
    return facts
