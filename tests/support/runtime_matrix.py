"""Every head on one runtime: what was accepted, how accurate it was, which gaps showed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from logitconf.card.confidence import ConfidenceMap
from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.errors import LogitconfError
from logitconf.head_spec import Head
from logitconf.scores.bands import Sums
from logitconf.scores.table import SCORES, check_parameters, refusal
from logitconf.tasks import Layout, check_task
from logitconf_export.decisions.comparison import Decisions, FlipCount, near_threshold
from logitconf_export.decisions.further import agreements, where_there_is_a_score
from logitconf_export.decisions.hard_rows import arranged, columns_of, hard_rows, random_rows
from logitconf_export.decisions.reference import Reference
from logitconf_export.decisions.ulps import ulp_distance
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.onnx_files.types import Array
from logitconf_export.runtimes.protocol import Answer, Job, RunError, Runtime, as_mask

TASK_CLASSES = (
    ("multiclass", 10),
    ("multiclass", 1000),
    ("binary", 1),
    ("binary", 2),
    ("multilabel", 6),
)
"""Every task, with the number of columns that is tried."""

MEMBERS = 3
"""Of the ensembles that are tried."""

OTHER_FORMS: tuple[tuple[str, int, Mapping[str, float]], ...] = (
    ("gen", 10, {"top": 3}),
    ("gen", 1000, {"top": 100}),
)
"""Score, columns and parameters of heads whose graph is not that of the default parameters."""

_MEMBER_SCORES = ("softmax", "mutual_information", "predictive_variance")
_MOST_MEMBER_CLASSES = 10
_TEMPERATURE = 1.5
_RANDOM_ROWS = 200
_KNOTS = 9


@dataclass(slots=True)
class RuntimeRecord:
    """What one runtime did with all heads; filled case by case.

    Attributes:
        name: of the runtime.
        version: of the runtime.
        heads: how many heads it ran.
        rows: how many rows they decided.
        flips: rows that eager torch decides otherwise.
        beyond_rounding: finite scores farther off than the band.
        labels: how many labels and other further outputs were judged.
        wrong: how many of those are wrong; of rows without a score they do not count where the
            runtime gives one.
        largest_ulps: largest difference from eager torch, in float32 steps, of scores larger
            than 1e-3 in size.
        gaps: kinds of gaps that showed.
        refusals: what it refused to run, in words.
    """

    name: str
    version: str
    heads: int = 0
    rows: int = 0
    flips: FlipCount = field(default_factory=FlipCount)
    beyond_rounding: int = 0
    labels: int = 0
    wrong: int = 0
    largest_ulps: int = 0
    gaps: set[str] = field(default_factory=set)
    refusals: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Case:
    """One head with its rows."""

    what: str
    reference: Reference
    rows: Array
    model: bytes


def scores_for(task: str, n_classes: int, members: int | None = None) -> list[str]:
    """The scores that are defined for a task, in the order of their table.

    Args:
        task: what the columns mean.
        n_classes: of the logits.
        members: of an ensemble; None for a single model.
    """
    layout = Layout(check_task(task), n_classes, members=members)
    return [score for score in SCORES if not refusal(score, layout)]


def middling_head(
    score: str,
    task: str,
    n_classes: int,
    members: int | None = None,
    *,
    given: Mapping[str, float] | None = None,
    outputs: Sequence[str] = (),
) -> Head:
    """A portable head whose threshold lies in the middle of the scores of random rows.

    Args:
        score: its name.
        task: what the columns mean.
        n_classes: of the logits.
        members: of an ensemble; None for a single model.
        given: parameters of the score that are not its defaults.
        outputs: what it gives beside score and mask.
    """
    parameters = check_parameters(score, given or {})
    card = ScoreCard(score, task, _TEMPERATURE, 0.0, parameters=parameters, members=members)
    form = HeadForm(n_classes, members=members)
    rows = arranged(random_rows(_RANDOM_ROWS, columns_of(form), seed=1), form)
    scores = Reference(Head.of_card(card, form)).truth(rows).score
    card = replace(card, threshold=float(np.median(scores)))
    if "confidence" in outputs:
        card = replace(card, confidence=_falling(scores))
    return Head.of_card(card, replace(form, outputs=tuple(outputs)))


def _falling(scores: Array) -> ConfidenceMap:
    """A confidence that falls over the middle nine tenths of the scores."""
    knots = np.unique(np.quantile(scores, np.linspace(0.05, 0.95, _KNOTS)).astype(np.float32))
    values = np.linspace(0.98, 0.3, len(knots)).astype(np.float32)
    return ConfidenceMap(tuple(knots.tolist()), tuple(values.tolist()), len(scores))


def cases(seed: int = 0) -> list[Case]:
    """Every score and task that it has as a portable head, with hard and random rows.

    Of ensembles those scores that compare members, and the mean of one that does not. Scores whose
    parameters change the graph come once more for each of :data:`OTHER_FORMS`.
    """
    made = []
    for task, n_classes in TASK_CLASSES:
        made += [_case(score, task, n_classes, None, seed) for score in scores_for(task, n_classes)]
        if n_classes <= _MOST_MEMBER_CLASSES:
            made += [_case(score, task, n_classes, MEMBERS, seed) for score in _MEMBER_SCORES]
    for score, n_classes, given in OTHER_FORMS:
        made.append(_case(score, "multiclass", n_classes, None, seed, given=given))
    return made


def _case(
    score: str,
    task: str,
    n_classes: int,
    members: int | None,
    seed: int,
    *,
    given: Mapping[str, float] | None = None,
) -> Case:
    labels = [] if SCORES[score].learned else ["label"]
    outputs = [*labels, "confidence", "probabilities"]
    head = middling_head(score, task, n_classes, members, given=given, outputs=outputs)
    width = columns_of(head.form)
    rows = np.concatenate(
        [hard_rows(width, seed=seed), random_rows(_RANDOM_ROWS, width, seed=seed)]
    )
    of = "" if members is None else f" of {members} members"
    of += "".join(f", {name} {value:g}" for name, value in (given or {}).items())
    model = to_onnx(head).SerializeToString()
    what = f"{score}, {task}, {n_classes} columns{of}"
    return Case(what, Reference(head), arranged(rows, head.form), model)


def try_runtime(runtime: Runtime, tried: Sequence[Case]) -> RuntimeRecord:
    """Runs every case, its first row alone and an empty batch.

    Raises:
        MissingExtraError: if the runtime is not there.
    """
    record = RuntimeRecord(runtime.name, runtime.load())
    batches = [(case, case.rows[: _sizes(case)[i]]) for case in tried for i in range(3)]
    jobs = [
        Job(case.model, {"logits": rows}, case.reference.head.form.outputs)
        for case, rows in batches
    ]
    answers = runtime.run(jobs)
    if len(answers) != len(batches):
        raise LogitconfError(f"{runtime.name} must answer {len(batches)} jobs, got {len(answers)}")
    for (case, rows), answer in zip(batches, answers, strict=True):
        _add(record, case, rows, answer, runtime.sums)
    record.heads = len(tried)
    return record


def _sizes(case: Case) -> tuple[int, int, int]:
    return len(case.rows), 1, 0


def _add(record: RuntimeRecord, case: Case, rows: Array, answer: Answer, sums: Sums) -> None:
    what = f"{case.what}, {len(rows)} rows"
    if isinstance(answer, RunError):
        _refused(record, what, rows, answer.reason)
        return
    try:
        names = case.reference.head.form.outputs[2:]
        further = dict(zip(names, answer[2:], strict=True))
        decided = Decisions.of(answer[0], as_mask(answer[1]), further)
    except (LogitconfError, IndexError, ValueError) as error:
        _refused(record, what, rows, str(error))
        return
    if len(decided.score) != len(rows):
        _refused(record, what, rows, f"{len(decided.score)} scores came")
    else:
        _compared(record, case, rows, decided, sums)


def _refused(record: RuntimeRecord, what: str, rows: Array, reason: str) -> None:
    if len(rows):
        record.refusals.append(f"{what}: {reason[:200]}")
    else:
        record.gaps.add("empty batch")


def _compared(
    record: RuntimeRecord, case: Case, rows: Array, decided: Decisions, sums: Sums
) -> None:
    record.rows += len(rows)
    if not len(rows):
        return
    reference = case.reference
    expected, threshold = reference.decisions(rows), reference.thresholds(rows)
    finite = np.isfinite(expected.score)
    both = finite & np.isfinite(decided.score)
    with np.errstate(invalid="ignore", over="ignore"):
        off = np.where(both, np.abs(expected.score.astype(np.float64) - decided.score), 0.0)
    # some runtimes flush subnormals to zero
    smallest = float(np.finfo(np.float32).smallest_normal)
    sizes = reference.sizes(rows)
    scores = np.where(both, expected.score, 0.0)
    allowed = np.maximum(reference.allowed(scores, sizes=sizes, sums=sums), smallest)
    huge = _adds_up_beyond_float32(rows) & expected.mask & ~decided.mask
    at_threshold = reference.allowed(threshold, sizes=sizes, sums=sums)
    near = near_threshold(expected.score, threshold, at_threshold)
    record.flips += FlipCount.of(expected.mask, decided.mask | huge, near)
    record.beyond_rounding += int((both & (off > allowed)).sum())
    steps = ulp_distance(expected.score, decided.score)
    large = both & (np.abs(expected.score) > 1e-3)
    record.largest_ulps = max(record.largest_ulps, int(np.where(large, steps, 0).max()))
    gives_scores = bool(np.any(~finite & np.isfinite(decided.score)))
    if gives_scores:
        record.gaps.add("finite score")
    right = {}
    for name, values in reference.right(rows, expected, sums).items():
        values.low[huge] = np.nan
        right[name] = where_there_is_a_score(name, values) if gives_scores else values
    for output in agreements(right, decided.further):
        record.labels += output.judged
        record.wrong += output.wrong
    if huge.any():
        record.gaps.add("huge labels")


def _adds_up_beyond_float32(rows: Array) -> Array:
    sizes = np.where(np.isfinite(rows), np.abs(rows.astype(np.float64)), 0.0)
    beyond: Array = sizes.reshape(len(rows), -1).sum(axis=1) > np.finfo(np.float32).max
    return beyond


def markdown(records: Iterable[RuntimeRecord]) -> str:
    """The records as a table that says where a head may be shipped."""
    lines = [
        "| runtime | version | heads | rows | wrongly accepted | wrongly rejected "
        "| flips inside the band | largest difference | further values | wrong | gaps |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for record in records:
        gaps = ", ".join(sorted(record.gaps)) or "none"
        lines.append(
            f"| {record.name} | {record.version} | {record.heads} | {record.rows} "
            f"| {record.flips.wrongly_accepted} | {record.flips.wrongly_rejected} "
            f"| {record.flips.inside} "
            f"| {record.largest_ulps} ulp | {record.labels} | {record.wrong} | {gaps} |"
        )
    return "\n".join(lines) + "\n"
