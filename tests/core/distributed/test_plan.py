"""A plan makes the card of `fit`, however the rows are spread."""

import json
import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from support.planned_fits import Block, driven, labelled_rows, spread, total_over

import logitconf
from logitconf import FitPlan, LogitconfError, ScoreCard


def fitted(block: Block, *args: Any, **options: Any) -> ScoreCard:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", logitconf.LogitconfWarning)
        return logitconf.fit(*block, *args, **options).card


def check_alike(card: ScoreCard, other: ScoreCard) -> None:
    """The same card, but for what a plan leaves out and the last places of the fit's report."""
    own, others = card.to_dict(), other.to_dict()
    fits = own.pop("temperature_fit"), others.pop("temperature_fit")
    sure = own.pop("confidence", None), others.pop("confidence", None)
    if (own["policy"] or {})["name"] == "per class":
        # of thresholds by class a plan keeps no sketch
        others.pop("sketch")
    for name in {*own, *others}:
        assert own.get(name) == others.get(name), name
    # the draw of a confidence's folds goes by the order of rows, which a plan does not know
    assert (sure[0] or {}).get("values") == (sure[1] or {}).get("values")
    knots = [(each or {}).get("scores", ()) for each in sure]
    assert knots[0] == pytest.approx(knots[1], rel=1e-6)
    assert (fits[0] is None) == (fits[1] is None)
    for name, value in (fits[0] or {}).items():
        close = pytest.approx(fits[1][name], rel=1e-7) if type(value) is float else fits[1][name]
        assert name == "passes" or value == close, name


POLICIES: list[dict[str, Any]] = [
    {"coverage": 0.9},
    {"q": 0.8},
    {"value": -0.5},
    {"risk": 0.3, "confidence": 0.9},
    {"cost": (4.0, 1.0)},
    {"min_confidence": 0.7},
    {"coverage": 0.7, "per_class": True},
    {"risk": 0.5, "confidence": 0.8, "per_class": True},
    {"risk": 0.6, "confidence": 0.8, "per_class": True, "simultaneous": True},
]


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_the_card_is_that_of_fit_on_the_same_rows(policy: dict[str, Any]) -> None:
    block = labelled_rows(3000)
    card = driven(FitPlan("softmax", **policy), spread(*block, 5, seed=1))
    check_alike(card, fitted(block, "softmax", **policy))


def yes_or_no(count: int, *labels: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(8)
    logits = rng.normal(0.0, 3.0, (count, *labels)).astype(np.float32)
    return logits, (rng.random(logits.shape) < 1.0 / (1.0 + np.exp(-logits / 1.5))).astype(float)


def members() -> tuple[Any, Any]:
    logits, labels = labelled_rows(900, 4)
    noise = np.random.default_rng(3).normal(0.0, 1.0, (900, 4, 3)).astype(np.float32)
    return logits[:, :, None] + noise, labels


OTHER_TASKS: dict[str, tuple[tuple[Any, Any], dict[str, Any]]] = {
    "one logit": (yes_or_no(1500), {"task": "binary", "coverage": 0.8}),
    "two logits": (labelled_rows(1500, 2), {"task": "binary", "risk": 0.3, "confidence": 0.9}),
    "labels": (yes_or_no(1500, 4), {"task": "multilabel", "coverage": 0.8}),
    "each label": (yes_or_no(1500, 4), {"task": "multilabel", "per_label": True, "q": 0.9}),
    "each label's risk": (
        yes_or_no(1500, 4),
        {"task": "multilabel", "per_label": True, "risk": 0.2, "confidence": 0.9},
    ),
    "a value for all labels": (
        yes_or_no(1500, 4),
        {"task": "multilabel", "per_label": True, "value": -0.8},
    ),
    "members": (members(), {"per_member": True, "coverage": 0.9}),
    "half precision": (
        (labelled_rows(1500)[0].astype(np.float16), labelled_rows(1500)[1]),
        {"coverage": 0.9},
    ),
    "double precision": (
        (labelled_rows(1500)[0].astype(np.float64) * 1.1, labelled_rows(1500)[1]),
        {"coverage": 0.9, "score": "energy"},
    ),
    "without labels": ((labelled_rows(1500)[0], None), {"coverage": 0.9}),
    "a parameter": (
        labelled_rows(1500),
        {"score": "gen", "parameters": {"gamma": 0.1}, "coverage": 0.9},
    ),
}


@pytest.mark.parametrize("case", OTHER_TASKS)
def test_every_task_has_the_card_of_fit(case: str) -> None:
    (logits, labels), options = OTHER_TASKS[case]
    card = driven(FitPlan(**options), spread(logits, labels, 5, seed=1))
    check_alike(card, fitted((logits, labels), **options))


def test_probabilities_are_fitted_where_they_are_said_to_be() -> None:
    logits, labels = labelled_rows(1000)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    options: dict[str, Any] = {"kind": "probabilities", "coverage": 0.9}
    card = driven(FitPlan(**options), spread(shares, labels, 3, seed=0))
    check_alike(card, fitted((shares, labels), **options))


def test_a_score_that_ranks_errors_at_random_is_told() -> None:
    logits, labels = labelled_rows(2000)
    plan = FitPlan(coverage=0.9)
    labels = np.random.default_rng(0).permutation(labels)
    while (request := plan.next()) is not None:
        plan.send(request.id, request.total_of(logits, labels))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        plan.card()
    with warnings.catch_warnings(record=True) as expected:
        warnings.simplefilter("always")
        logitconf.fit(logits, labels, coverage=0.9)
    assert [str(each.message) for each in caught] == [str(each.message) for each in expected]
    assert any("does not tell wrong rows from right" in str(each.message) for each in caught)


@pytest.mark.parametrize("seed", range(4))
def test_the_card_is_the_same_to_the_byte_however_rows_are_spread(seed: int) -> None:
    block = labelled_rows(2500)
    plan: dict[str, Any] = {"score": "entropy", "risk": 0.4, "confidence": 0.8, "holdout": 0.4}
    whole = driven(FitPlan(**plan), [block]).to_json()
    partitions = int(np.random.default_rng(seed).integers(1, 18))
    assert driven(FitPlan(**plan), spread(*block, partitions, seed), seed).to_json() == whole


def test_a_plan_goes_on_from_its_state_at_every_step() -> None:
    block, plan = labelled_rows(2000), FitPlan("margin", coverage=0.8)
    whole = driven(FitPlan("margin", coverage=0.8), [block]).to_json()
    while (request := plan.next()) is not None:
        assert FitPlan.from_state(plan.state()).next() == request
        plan = pickle.loads(pickle.dumps(FitPlan.from_state(plan.state())))
        plan.send(request.id, request.total_of(*block))
    assert FitPlan.from_state(plan.state()).card().to_json() == whole
    assert json.loads(plan.state())["arguments"]["coverage"] == 0.8


def test_a_total_counts_once_and_only_for_its_own_request() -> None:
    block, plan = labelled_rows(500), FitPlan(coverage=0.8)
    first = plan.next()
    assert first is not None
    total = first.total_of(*block)
    with pytest.raises(LogitconfError, match="waits for the total of request 1, got that of 2"):
        plan.send(2, total)
    plan.send(1, total)
    with pytest.raises(LogitconfError, match="waits for the total of request 2, got that of 1"):
        plan.send(1, total)
    with pytest.raises(LogitconfError, match="waits for the total of request 2, got that of 1"):
        plan.send(2, total)
    with pytest.raises(LogitconfError, match="another pass"):
        plan.card()


def test_a_pass_over_other_rows_is_refused_and_can_be_made_again() -> None:
    block, plan = labelled_rows(500), FitPlan(coverage=0.8)
    first = plan.next()
    assert first is not None
    plan.send(first.id, first.total_of(*block))
    second = plan.next()
    assert second is not None
    part = second.total_of(block[0][:400], block[1][:400])
    with pytest.raises(LogitconfError, match=r"got 500 in the first and 400 now; .* missing"):
        plan.send(second.id, part)
    twice = second.total_of(*block).plus(part)
    with pytest.raises(LogitconfError, match=r"got 500 in the first and 900 now; .* twice"):
        plan.send(second.id, twice)
    assert plan.next() == second
    assert driven(plan, [block]).to_json() == driven(FitPlan(coverage=0.8), [block]).to_json()


def test_rows_without_a_score_are_counted_as_fit_counts_them() -> None:
    logits, labels = labelled_rows(800)
    logits[3, 2], logits[5], logits[7, 1] = np.nan, -np.inf, np.inf
    logits[9, (labels[9] + 1) % 10] = -np.inf
    logits[11, labels[11]] = -np.inf
    card = driven(FitPlan(coverage=0.9), spread(logits, labels, 6, seed=2))
    check_alike(card, fitted((logits, labels), coverage=0.9))
    assert card.rows is not None
    assert card.rows.not_finite == 3
    assert card.temperature_fit is not None
    assert card.temperature_fit.rows_left_out == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y: (x, y + 1), "labels must be in 0..9"),
        (lambda x, y: (x, y + 0.5), "got fractions"),
        (lambda x, y: (x, np.where(y == 3, np.nan, y)), "got NaN"),
        (lambda x, y: (x, np.stack([y, y], axis=1)), r"got shape \(N, 2\)"),
        (lambda x, y: (x[:, :1], y), r"got shape \(N, 1\)"),
        (lambda x, y: (np.zeros((len(x), 4), np.float32) + 0.25, y % 4), "as probabilities do"),
    ],
)
def test_what_is_wrong_with_rows_is_told_by_the_driver_in_the_same_words(
    change: Any, message: str
) -> None:
    logits, labels = change(*labelled_rows(300))
    words = set()
    for blocks in ([(logits, labels)], spread(logits, labels, 7, seed=0)):
        plan = FitPlan(coverage=0.9)
        request = plan.next()
        assert request is not None
        with pytest.raises(LogitconfError, match=message) as caught:
            plan.send(request.id, total_over(request, blocks, np.random.default_rng(0)))
        words.add(str(caught.value))
    assert len(words) == 1


def test_blocks_of_different_rows_are_refused() -> None:
    plan = FitPlan(coverage=0.9)
    request = plan.next()
    assert request is not None
    total = request.total_of(*labelled_rows(50)).plus(
        request.total_of(*labelled_rows(50, classes=12))
    )
    with pytest.raises(LogitconfError, match=r"float32 of shape \(N, 10\) with labels and"):
        plan.send(request.id, total)


def test_a_later_pass_over_rows_of_another_kind_is_refused() -> None:
    plan, (logits, labels) = FitPlan(coverage=0.9), labelled_rows(50)
    for block in ((logits, labels), (logits.astype(np.float64), labels)):
        request = plan.next()
        assert request is not None
        total = request.total_of(*block)
        if request.id == 1:
            plan.send(1, total)
    with pytest.raises(LogitconfError, match=r"got float32 of shape .* and float64 of shape"):
        plan.send(2, total)


def test_what_a_plan_cannot_fit_is_refused_at_once() -> None:
    with pytest.raises(LogitconfError, match="calibration='temperature', got 'vector'"):
        FitPlan(calibration="vector")
    with pytest.raises(LogitconfError, match="parameters"):
        FitPlan("max_logit_norm")
    with pytest.raises(LogitconfError, match="the name of a score, got 'auto'"):
        FitPlan("auto")
    with pytest.raises(LogitconfError, match="learned"):
        FitPlan("learned", task="binary")
    with pytest.raises(LogitconfError, match="no out-of-distribution rows, got fpr"):
        FitPlan(fpr=0.1)
    with pytest.raises(LogitconfError, match="state of a plan"):
        FitPlan.from_state("{}")
