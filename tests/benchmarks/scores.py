"""How well every score ranks the errors of real models.

    PYTHONPATH=tests python -m benchmarks.scores

T and parameters are fitted on one half of the rows, and the other half is ranked: AURC, and AUROC
of telling errors from right rows, each with a 95 % bootstrap interval. The files are those of
`real_data`. Prompts of one language model, and classifiers of one data set, stand for ensembles.

Left out: the learned confidence, since the files hold none; scores that need the logits' common
offset, on files that hold probabilities of classes; the ImageNet file, which holds one probability
a row. Probabilities are clipped to 2^-24 from 0 and 1.
"""

import argparse
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from support import real_data

from logitconf import LogitconfWarning
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf.metrics.intervals import Interval, bootstrap
from logitconf.metrics.selective import area_under_risk_coverage, area_under_roc
from logitconf.rows import split_rows
from logitconf.scores.table import SCORES, refusal
from logitconf.tasks import check_logits, check_task

Array = NDArray[Any]
LEAST = 2.0**-24
KITTI = ("1layer_NN", "AdaBoost", "XGBoost", "random_forest")
PROMPTS = ("base", "shared", "task")


@dataclass(frozen=True, slots=True)
class Split:
    """Logits (N, ...) and labels to fit on, and others to rank.

    Attributes:
        lacks_offset: whether the logits are logarithms of probabilities.
    """

    task: str
    fit_logits: Array
    fit_labels: Array
    test_logits: Array
    test_labels: Array
    per_member: bool = False
    lacks_offset: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """One score on one file."""

    score: str
    rows: int
    errors: int
    aurc: Interval
    auroc: Interval


def halves(task: str, logits: Array, labels: Array, **more: bool) -> Split:
    """Two random halves."""
    fit, test = split_rows(len(labels), 0.5, real_data.SPLIT_SEED)
    return Split(task, logits[fit], labels[fit], logits[test], labels[test], **more)


def of_logits(read: Callable[[], real_data.LogitSplit]) -> Split:
    """A file of logits, split as its source does."""
    found = read()
    return Split(
        "multiclass", found.fit_logits, found.fit_labels, found.test_logits, found.test_labels
    )


def of_prompts(read: Callable[[str], real_data.LogitSplit]) -> Split:
    """The prompts of one language model as members."""
    found = [read(prompt) for prompt in PROMPTS]
    return Split(
        "multiclass",
        np.stack([split.fit_logits for split in found], axis=-1),
        found[0].fit_labels,
        np.stack([split.test_logits for split in found], axis=-1),
        found[0].test_labels,
        per_member=True,
    )


def of_kitti(*classifiers: str) -> Split:
    """One classifier of two classes, or several as members."""
    found = [real_data.kitti(name) for name in classifiers]
    logits = np.stack([np.log(clipped(one.probabilities)) for one in found], axis=-1)
    several = len(found) > 1
    return halves(
        "binary",
        logits if several else logits[..., 0],
        found[0].labels,
        per_member=several,
        lacks_offset=True,
    )


def of_coco() -> Split:
    """Labels, whose sigmoids give back their logits."""
    found = real_data.coco()
    p = clipped(found.probabilities)
    return halves("multilabel", np.log(p) - np.log1p(-p), found.labels)


def clipped(probabilities: Array) -> Array:
    """In float64, away from 0 and 1."""
    return np.clip(probabilities.astype(np.float64), LEAST, 1.0 - LEAST)


FILES: dict[str, Callable[[], Split]] = {
    **{name: partial(of_logits, read) for name, read in real_data.LOGIT_SPLITS.items()},
    **{f"kitti_{name}": partial(of_kitti, name) for name in (*KITTI, "mondrian_forest")},
    "coco": of_coco,
    "llmuq_llama, 3 prompts": partial(of_prompts, real_data.llmuq_llama),
    "llmuq_mistral, 3 prompts": partial(of_prompts, real_data.llmuq_mistral),
    "kitti, 4 classifiers": partial(of_kitti, *KITTI),
}


def names_for(split: Split) -> list[str]:
    """The scores of the table that the file can be ranked by."""
    _, layout = check_logits(split.test_logits, check_task(split.task), per_member=split.per_member)
    return [
        name
        for name, row in SCORES.items()
        if not refusal(name, layout)
        and not row.learned
        and not (row.needs_logits and split.lacks_offset)
    ]


def errors_of(split: Split) -> NDArray[np.bool_]:
    """Whether the decision is wrong, in any label; an ensemble decides by its mean probability."""
    options = {"per_member": True} if split.per_member else {}
    softmax = SCORE_CLASSES["softmax"](task=split.task, **options)  # type: ignore[arg-type]
    softmax.fit(split.fit_logits, split.fit_labels)
    shares = softmax.probabilities(split.test_logits)
    if split.task == "multilabel":
        wrong: NDArray[np.bool_] = ((shares > 0.5) != (split.test_labels > 0)).any(axis=1)
        return wrong
    missed: NDArray[np.bool_] = shares.argmax(axis=1) != split.test_labels
    return missed


def cells(split: Split, *, draws: int, names: list[str] | None = None) -> Iterator[Cell]:
    """The scores in the table's order."""
    wrong = errors_of(split)
    for name in names or names_for(split):
        pointwise = split.per_member and not SCORES[name].over_members
        options = {"per_member": True} if pointwise else {}
        score = SCORE_CLASSES[name](task=split.task, **options)  # type: ignore[arg-type]
        with warnings.catch_warnings():
            # that a score does not tell errors apart is what is measured here
            warnings.simplefilter("ignore", LogitconfWarning)
            score.fit(split.fit_logits, split.fit_labels)
        found = score.score(split.test_logits).astype(np.float64)
        yield Cell(
            name,
            len(wrong),
            int(wrong.sum()),
            bootstrap(area_under_risk_coverage, found, wrong, seed=0, draws=draws),
            bootstrap(roc_of_errors, found, wrong, seed=0, draws=draws),
        )


def roc_of_errors(scores: Array, wrong: Array) -> float:
    """How often an error scores higher than a right row."""
    return area_under_roc(scores[~wrong], scores[wrong])


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=1000, help="of the bootstrap")
    parser.add_argument("--files", nargs="*", default=list(FILES), choices=list(FILES))
    arguments = parser.parse_args()
    # a temperature that cannot be identified stays 1, which the table shows as it is
    warnings.simplefilter("ignore", LogitconfWarning)
    print("| file (rows, errors) | score | AURC | 95 % | AUROC | 95 % |\n|---|---|---|---|---|---|")
    for name in arguments.files:
        for cell in cells(FILES[name](), draws=arguments.draws):
            print(
                f"| {name} ({cell.rows}, {cell.errors}) | {cell.score} "
                f"| {cell.aurc.estimate:.4f} | {cell.aurc.lower:.4f} to {cell.aurc.upper:.4f} "
                f"| {cell.auroc.estimate:.4f} | {cell.auroc.lower:.4f} to {cell.auroc.upper:.4f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
