"""The band of every score against NumPy, torch and onnxruntime, searched for rows that break it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support import reference

from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.head_spec import Head
from logitconf.scores.table import check_parameters
from logitconf_export.decisions.reference import Reference
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.onnx_files.types import Array
from logitconf_export.runtimes.sessions import Session

CASES = [(10, 1.5, 0.0), (100, 0.1, 300.0), (1000, 0.001, 1e6), (5000, 1.5, 0.0)]
"""Classes, T and offset of the rows."""
HALF_ULP_OF_ONE = 2.0**-24


def head_of(
    score: str,
    n_classes: int,
    temperature: float,
    *,
    members: int | None = None,
    parameters: Mapping[str, float] | None = None,
) -> Head:
    card = ScoreCard(
        score,
        "multiclass",
        temperature,
        0.0,
        n_classes=n_classes,
        members=members,
        parameters=check_parameters(score, parameters or {}),
    )
    return Head.of_card(card, HeadForm(n_classes=n_classes, members=members))


def in_onnxruntime(head: Head) -> Callable[[Array], Array]:
    model = to_onnx(head)

    def scores(rows: Array) -> Array:
        with Session(model, profile=False) as session:
            return np.asarray(session.run({"logits": rows}, ["score"])[0])

    return scores


def starting_rows(count: int, head: Head, offset: float, random: np.random.Generator) -> Array:
    """Rows of every kind: spread, alike, and one class ahead of many that a sum just loses."""
    shape = (count, head.form.n_classes or 0, head.form.members or 1)
    ahead = np.where(np.arange(shape[1]) == random.integers(shape[1], size=(count, 1)), 0.0, -1.0)
    behind = -np.log(HALF_ULP_OF_ONE) + random.uniform(-1.0, 1.0, (count, 1, 1))
    peaked = ahead[:, :, np.newaxis] * behind + random.normal(0.0, 1e-3, shape)
    spread = random.normal(size=shape) * 10.0 ** random.uniform(-3.0, 1.0, (count, 1, 1))
    kind = np.arange(count)[:, np.newaxis, np.newaxis] % 2
    rows = np.where(kind == 0, peaked, spread) * float(head.temperature) + offset
    return rows.astype(np.float32) if head.form.members else rows[:, :, 0].astype(np.float32)


def neighbours(row: Array, temperature: float, random: np.random.Generator) -> Array:
    """Rows around one: all differences stretched, or those to the largest moved."""
    largest = row.max(axis=0)
    below = row.astype(np.float64) - largest
    stretched = [below * (1.0 + 1e-2 * random.normal()) for _ in range(4)]
    moved = [below + (below < 0.0) * 0.1 * temperature * random.normal() for _ in range(4)]
    return np.stack([largest + each for each in stretched + moved]).astype(np.float32)


def widest_in_bands(head: Head, offset: float, *, count: int, seed: int = 0) -> float:
    """The largest difference between two runtimes or the truth that a short search comes to.

    In bands of the true score, which for the row that is judged last is that of the references in
    plain Python.
    """
    random = np.random.default_rng(seed)
    judge, name = Reference(head), head.card.score
    runs: list[Callable[[Array], Array]] = [
        lambda rows: np.asarray(head(rows)[0]),
        lambda rows: judge.decisions(rows).score,
        in_onnxruntime(head),
    ]
    if head.form.runtime == "onnxruntime":
        runs.append(in_onnxruntime(head.with_form(replace(head.form, runtime="any"))))
    temperature, members = float(head.temperature), head.form.members

    def differences(rows: Array, truth: Array) -> Array:
        scores = np.stack([run(rows).astype(np.float64) for run in runs] + [truth])
        spread = scores.max(axis=0) - scores.min(axis=0)
        widths: Array = spread / judge.allowed(truth, sizes=judge.sizes(rows))
        return widths

    rows = starting_rows(count, head, offset, random)
    for _ in range(4):
        widths = differences(rows, judge.truth(rows).score.astype(np.float64))
        worst = rows[widths.argmax()]
        rows = np.concatenate([worst[np.newaxis], neighbours(worst, temperature, random)])
    of_row: Any = reference.member_score if members else reference.score
    numbers = {} if members else dict(head.card.parameters)
    truth = of_row(name, worst[np.newaxis], temperature, **numbers)
    return float(differences(worst[np.newaxis], truth)[0])


@pytest.mark.parametrize("score", reference.SCORE_NAMES)
@pytest.mark.parametrize(("n_classes", "temperature", "offset"), CASES)
def test_no_two_runtimes_differ_by_more_than_the_band(
    score: str, n_classes: int, temperature: float, offset: float
) -> None:
    head = head_of(score, n_classes, temperature)
    assert widest_in_bands(head, offset, count=max(8, 20_000 // n_classes)) < 0.9


@pytest.mark.parametrize(
    ("score", "parameters"),
    [
        ("max_logit_norm", {"p": 0}),
        ("max_logit_norm", {"p": 1}),
        ("gen", {"gamma": 1.0}),
        ("gen", {"gamma": 0.01}),
        ("gen", {"gamma": 0.1, "top": 5}),
    ],
)
@pytest.mark.parametrize("n_classes", [100, 1000, 5000])
def test_nor_with_other_parameters(
    score: str, parameters: dict[str, float], n_classes: int
) -> None:
    head = head_of(score, n_classes, 1.5, parameters=parameters)
    assert widest_in_bands(head, 0.0, count=max(8, 20_000 // n_classes)) < 0.9


@pytest.mark.parametrize("score", ["softmax", "entropy", "gini", *reference.MEMBER_SCORE_NAMES])
@pytest.mark.parametrize("n_classes", [10, 1000, 5000])
def test_nor_do_scores_of_members(score: str, n_classes: int) -> None:
    head = head_of(score, n_classes, 1.5, members=5)
    assert widest_in_bands(head, 0.0, count=max(4, 4000 // n_classes)) < 0.9


@pytest.mark.parametrize(("n_classes", "temperature"), [(16, 0.1), (64, 0.001), (1000, 0.1)])
@pytest.mark.parametrize("offset", [0.0, 300.0, 1e5])
def test_nor_does_a_form_that_divides_first(
    n_classes: int, temperature: float, offset: float
) -> None:
    head = head_of("softmax", n_classes, temperature)
    head = head.with_form(replace(head.form, runtime="onnxruntime"))
    assert widest_in_bands(head, offset, count=max(8, 20_000 // n_classes)) < 0.9


@pytest.mark.parametrize("gamma", [0.1, 1.0])
@pytest.mark.parametrize("top", [1, 2, 8])
def test_nor_where_classes_all_but_tie_for_the_last_place_that_counts(
    gamma: float, top: int
) -> None:
    """Classes within 1e-5 of one another, one far below and, in half the rows, one above."""
    random = np.random.default_rng(0)
    rows = random.standard_normal((200, 24)) * 10.0 ** random.uniform(-6.0, -3.0, (200, 1))
    rows[:, 7] = -(10.0 ** random.uniform(0.0, 4.0, 200))
    rows[::2, 3] = 10.0 ** random.uniform(-1.0, 1.0, 100)
    rows = (rows * 50.0 + 3.0).astype(np.float32)
    head = head_of("gen", 24, 50.0, parameters={"gamma": gamma, "top": top})
    truth = reference.score("gen", rows, 50.0, gamma=gamma, top=top)
    band = Reference(head).allowed(truth) / 2.0
    for scores in (
        in_onnxruntime(head)(rows),
        head(rows)[0],
        Reference(head).decisions(rows).score,
    ):
        assert (np.abs(scores.astype(np.float64) - truth) <= band).all()


@pytest.mark.parametrize("shape", [(1, 300, 4), (4, 300, 2)])
def test_classes_that_lie_apart_are_added_one_after_the_other(shape: tuple[int, ...]) -> None:
    """Terms of half an ulp beside a 1, in one batch of one image and in one of several."""
    head = head_of("softmax", 300, 1.0)
    head = head.with_form(HeadForm(n_classes=300, rank=3, class_axis=1))
    judge, widest = Reference(head), 0.0
    for tail in np.linspace(-18.0, -15.0, 20, dtype=np.float32):
        rows = np.full(shape, tail)
        rows[:, 0] = 0.0
        truth = reference.score_along("softmax", rows, 1).reshape(-1)
        for scores in (in_onnxruntime(head)(rows), head(rows)[0], judge.decisions(rows).score):
            off = np.abs(scores.reshape(-1).astype(np.float64) - truth)
            widest = max(widest, float((off / judge.allowed(truth)).max()))
    # the band also covers exponentials that are off by more, in sums that lose as much at each step
    assert 0.05 < widest < 0.9


@pytest.mark.parametrize("score", ["softmax", "entropy", "gini"])
@pytest.mark.parametrize("n_classes", [33, 1000, 1001])
def test_a_row_alone_stays_within_the_band_of_the_row_in_its_batch(
    score: str, n_classes: int
) -> None:
    """What kernels do with a row depends on how many there are, and where it lies in memory."""
    head = head_of(score, n_classes, 1.5)
    rows = starting_rows(257, head, 0.0, np.random.default_rng(1))
    judge = Reference(head)
    with Session(to_onnx(head), profile=False) as session:
        batches = [rows, *np.split(rows, len(rows))]
        together, *single = [session.run({"logits": batch}, ["score"])[0] for batch in batches]
    alone = np.concatenate(single)
    assert (np.abs(together.astype(np.float64) - alone) <= judge.allowed(together) / 2.0).all()
