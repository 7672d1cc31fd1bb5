"""The compiled head: the same scores and masks as the score it came from, wherever it is moved."""

import io
import pickle
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support import real_data, reference
from support.score_cases import (
    CASES,
    UNIT,
    assert_close,
    make,
    names,
    names_and_cases,
    names_and_tasks,
    names_for_all_cases,
    rounding_allowed,
)
from support.score_rows import SCORE_TESTS

import logitconf
from logitconf import (
    ConfidenceHead,
    LogitconfError,
    LogitconfWarning,
    LogitScore,
    SoftmaxScore,
)

runtimes = pytest.mark.parametrize("runtime", ["any", "onnxruntime", "cuda"])

COVERAGES = np.linspace(0.0025, 0.9975, 400)
HARD_ROWS = np.array(
    [
        [np.nan, 1, 2],
        [1, np.nan, 2],
        [1, 2, np.nan],
        [np.inf, 0, 0],
        [0, -np.inf, np.inf],
        [-np.inf] * 3,
        [-np.inf, 3, -np.inf],
        [3e38, 2e38, 1e38],
        [-3e38, -2e38, -1e38],
        [0, 0, 0],
        [1e-40, 0, -1e-40],
        [1e4, -1e4, 9999],
        [2, 2, -np.inf],
    ],
    np.float32,
)


def fitted(name: str, case: str = "ten classes", rows: int = 400) -> LogitScore:
    """A score with calibration rows, T = 1.5 and a threshold that accepts some 70 percent."""
    layout = CASES[case]
    score = make(name, layout.task, 1.5).fit(layout.logits(rows))
    score.set_threshold(q=0.7)
    return score


def head_of(name: str, case: str, **form: Any) -> ConfidenceHead:
    columns = CASES[case].tail[0] if CASES[case].tail else 1
    score = make(name, CASES[case].task, 1.5)
    score.card = replace(score.card, threshold=-0.4 if name != "entropy" else 0.6)
    return score.compile(n_classes=columns, **form)


def logits_for(case: str, rows: int = 200) -> torch.Tensor:
    return torch.from_numpy(CASES[case].logits(rows))


def rank_of(case: str) -> int:
    return 1 + len(CASES[case].tail)


@names
def test_the_state_is_the_temperature_and_the_threshold_in_float32(name: str) -> None:
    score = fitted(name)
    state = score.compile().state_dict()
    assert set(state) == {"temperature", "threshold"}
    for key in ("temperature", "threshold"):
        assert state[key].dtype == torch.float32
        assert state[key].shape == ()
        assert state[key].item() == getattr(score, key)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_another_dtype_never_rounds_the_buffers(dtype: torch.dtype) -> None:
    score = SoftmaxScore(temperature=1.1)
    score.set_threshold(value=-0.7)
    for move in ("to", "half", "double", "inside another module"):
        head = score.compile(n_classes=3)
        if move == "to":
            head.to(dtype)
        elif move == "inside another module":
            torch.nn.Sequential(torch.nn.Linear(3, 3), head).to(dtype)
        else:
            getattr(head, move)()
        for key, value in (("temperature", 1.1), ("threshold", -0.7)):
            buffer = head.state_dict()[key]
            assert buffer.dtype == torch.float32
            assert buffer.item() == float(np.float32(value))


@names_and_cases
def test_the_head_gives_a_float32_score_and_a_bool_mask_for_each_row(name: str, case: str) -> None:
    score, mask = head_of(name, case, rank=rank_of(case))(logits_for(case))
    assert (score.dtype, mask.dtype) == (torch.float32, torch.bool)
    assert score.shape == mask.shape == (200,)


@names_and_cases
@runtimes
def test_the_head_scores_equal_the_reference(name: str, case: str, runtime: str) -> None:
    logits = CASES[case].logits(50)
    head = head_of(name, case, rank=rank_of(case), runtime=runtime)
    score, mask = head(torch.from_numpy(logits))
    assert_close(score, name, logits, 1.5, CASES[case].task)
    assert torch.equal(mask, score < head.threshold)


@names
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_score_equal_to_the_threshold_is_rejected(name: str, precision: str) -> None:
    logits = logits_for("ten classes")
    observed = head_of(name, "ten classes", precision=precision)(logits)[0]
    score = make(name, temperature=1.5)
    score.set_threshold(value=observed.sort().values[100].item())
    found, mask = score.compile(n_classes=10, precision=precision)(logits)
    assert torch.equal(found, observed)
    assert int(mask.sum()) == 100
    assert not mask[found.eq(score.compile(n_classes=10).threshold)].any()


@names_and_tasks
@runtimes
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_hard_rows_are_scored_and_rejected_as_the_rule_says(
    name: str, runtime: str, task: str, precision: str
) -> None:
    score = make(name, task, 1.5)
    score.card = replace(score.card, threshold=3.4e38)
    head = score.compile(n_classes=3, runtime=runtime, precision=precision)
    found, mask = head(torch.from_numpy(HARD_ROWS))
    with np.errstate(over="ignore"):
        rounded = reference.score(name, HARD_ROWS, 1.5, task).astype(np.float32)
    scored = np.ones(len(HARD_ROWS), dtype=bool)
    if (name, task, runtime) == ("margin", "multiclass", "cuda"):
        # this form has no score with one class left, nor in float32 of logits beyond 2^127
        scored = ~np.isneginf(rounded)
        if precision == "float32":
            scored &= ~(np.abs(np.sort(HARD_ROWS)[:, -2:]) >= 2.0**127).any(axis=1)
        assert not np.isfinite(found.numpy()[~scored]).any()
    assert mask.tolist() == (np.isfinite(rounded) & scored).tolist()
    assert_close(found[torch.from_numpy(scored)], name, HARD_ROWS[scored], 1.5, task)


@names_and_cases
def test_an_empty_batch_passes_through_the_head(name: str, case: str) -> None:
    for runtime in ("any", "onnxruntime", "cuda"):
        score, mask = head_of(name, case, rank=rank_of(case), runtime=runtime)(logits_for(case, 0))
        assert score.shape == mask.shape == (0,)


@names_and_cases
def test_memory_head_and_loaded_card_decide_alike(name: str, case: str, tmp_path: Path) -> None:
    score = fitted(name, case)
    score.save(tmp_path / "card.json")
    loaded = logitconf.load(tmp_path / "card.json")
    logits = torch.from_numpy(CASES[case].logits(300, seed=99))
    rank = rank_of(case)
    expected = score.select(logits)
    assert 0 < int(expected["selected"].sum()) < 300
    state = io.BytesIO()
    torch.save(score.compile(rank=rank).state_dict(), state)
    restored = head_of(name, case, rank=rank)
    state.seek(0)
    restored.load_state_dict(torch.load(state, weights_only=True))
    for head in (score.compile(rank=rank), loaded.compile(rank=rank), restored):
        found, mask = head(logits)
        assert torch.equal(found, expected["score"])
        assert torch.equal(mask, expected["selected"])
    again = loaded.select(logits)
    assert torch.equal(again["score"], expected["score"])
    assert torch.equal(again["selected"], expected["selected"])


@pytest.mark.parametrize("data", real_data.LOGIT_SPLITS)
@names
def test_fitted_on_real_rows_no_mask_flips_at_400_coverages(
    name: str, data: str, tmp_path: Path
) -> None:
    split = real_data.LOGIT_SPLITS[data]()
    score = make(name).fit(split.fit_logits, split.fit_labels)
    logits = torch.from_numpy(split.test_logits)
    scores: list[torch.Tensor] = []
    flips: dict[float, int] = {}
    for coverage in COVERAGES.tolist():
        with warnings.catch_warnings(record=True):
            # ties and saturation are warned about, and may not flip here either
            warnings.simplefilter("always", LogitconfWarning)
            score.set_threshold(coverage=coverage)
        if not scores:
            scores = scores_in_five_places(score, logits, tmp_path / "card.json")
        # a mask compares a score with the threshold, so the flips follow from the scores
        assert isinstance(score.threshold, float)
        threshold = score.threshold
        masks = [found < threshold for found in scores]
        flips[coverage] = sum(int((mask != masks[0]).sum()) for mask in masks)
    assert {coverage: count for coverage, count in flips.items() if count} == {}


def scores_in_five_places(
    score: LogitScore, logits: torch.Tensor, path: Path
) -> list[torch.Tensor]:
    """In memory, loaded, and compiled from either, the last in the form of its own runtime."""
    score.save(path)
    loaded = logitconf.load(path)
    exact = [score.score(logits), loaded.score(logits), score.compile()(logits)[0]]
    exact.append(loaded.compile()(logits)[0])
    for found in exact[1:]:
        assert torch.equal(found, exact[0])
    return [*exact, score.compile(runtime="onnxruntime")(logits)[0]]


@names_for_all_cases
@pytest.mark.parametrize("case", ["ten classes", "binary (N,)", "binary (N, 2)", "six labels"])
@runtimes
def test_torch_export_keeps_scores_and_masks_for_any_batch(
    name: str, case: str, runtime: str
) -> None:
    head = head_of(name, case, rank=rank_of(case), runtime=runtime)
    batch = torch.export.Dim("batch")
    exported = torch.export.export(head, (logits_for(case, 7),), dynamic_shapes=({0: batch},))
    for rows in (3, 200):
        logits = logits_for(case, rows)
        expected, found = head(logits), exported.module()(logits)
        assert torch.equal(found[0], expected[0])
        assert torch.equal(found[1], expected[1])


@names
def test_torch_export_takes_a_free_number_of_classes(name: str) -> None:
    score = make(name, temperature=1.5)
    score.card = replace(score.card, threshold=-0.4)
    head = score.compile()
    shapes = ({0: torch.export.Dim("batch"), 1: torch.export.Dim("classes", min=3)},)
    exported = torch.export.export(head, (logits_for("ten classes", 7),), dynamic_shapes=shapes)
    for case in ("ten classes", "thousand classes"):
        logits = logits_for(case, 20)
        assert torch.equal(exported.module()(logits)[0], head(logits)[0])


def test_neither_state_nor_pickle_grows_with_the_calibration_rows() -> None:
    sizes = []
    for rows in (100, 20000):
        head = fitted("energy", rows=rows).compile()
        state = io.BytesIO()
        torch.save(head.state_dict(), state)
        sizes.append((len(pickle.dumps(head)), len(state.getvalue())))
    # the digits of the counts may differ, some thousands of scores may not
    assert abs(sizes[0][0] - sizes[1][0]) < 100
    assert abs(sizes[0][1] - sizes[1][1]) < 100
    assert sizes[1][0] < 10_000


def test_a_pickled_head_gives_the_same_scores() -> None:
    head = fitted("entropy").compile()
    logits = logits_for("ten classes")
    copy = pickle.loads(pickle.dumps(head))
    assert torch.equal(copy(logits)[0], head(logits)[0])


def test_compiling_without_a_threshold_is_refused() -> None:
    for score in (SoftmaxScore(1.5), SoftmaxScore().fit(logits_for("ten classes"))):
        with pytest.raises(LogitconfError, match="set_threshold"):
            score.compile(n_classes=10)


@names_for_all_cases
def test_a_binary_head_must_know_whether_it_gets_one_or_two_logits(name: str) -> None:
    score = make(name, "binary")
    score.card = replace(score.card, threshold=-0.5)
    for columns in (None, 3):
        with pytest.raises(LogitconfError, match="1 or 2"):
            score.compile(n_classes=columns)
    score.fit(logits_for("binary (N, 2)"))
    score.set_threshold(q=0.5)
    logits = logits_for("binary (N, 2)")
    assert torch.equal(score.compile()(logits)[0], score.score(logits))


@pytest.mark.parametrize(
    ("form", "phrase"),
    [
        ({"runtime": "tensorrt"}, "any.*onnxruntime.*tensorrt"),
        ({"precision": "float16"}, "float32.*float64.*float16"),
        ({"mask_type": "int8"}, "bool.*uint8.*float32.*int8"),
        ({"n_classes": 0}, "n_classes.*0"),
        ({"n_classes": 1}, "n_classes.*1"),
        ({"n_classes": 9}, "10.*9"),
        ({"rank": 0}, "rank.*0"),
        ({"rank": 3, "class_axis": 3}, "class_axis.*3"),
        ({"rank": 2, "class_axis": 2}, "class_axis.*2"),
    ],
)
def test_a_form_that_does_not_fit_is_refused(form: dict[str, Any], phrase: str) -> None:
    with pytest.raises(LogitconfError, match=phrase):
        fitted("softmax").compile(**form)


@names
@pytest.mark.parametrize("mask_type", ["uint8", "float32"])
def test_other_mask_types_hold_one_for_accepted_and_zero_for_rejected(
    name: str, mask_type: str
) -> None:
    logits = logits_for("ten classes")
    logits[3, 5] = torch.nan
    _, expected = fitted(name).compile()(logits)
    _, mask = fitted(name).compile(mask_type=mask_type)(logits)
    assert mask.dtype == getattr(torch, mask_type)
    assert torch.equal(mask, expected.to(mask.dtype))
    assert mask[3].item() == 0


AXES = [
    ((2, 5, 4), 1),
    ((2, 4, 5), 2),
    ((2, 5, 3, 4), 1),
    ((2, 3, 5, 4), 2),
    ((2, 3, 4, 5), 3),
    ((5, 7), 0),
]


@names_and_tasks
@runtimes
@pytest.mark.parametrize(("shape", "axis"), AXES)
def test_every_position_is_scored_over_the_class_axis(
    name: str, runtime: str, task: str, shape: tuple[int, ...], axis: int
) -> None:
    logits = (3.0 * np.random.default_rng(6).standard_normal(shape)).astype(np.float32)
    logits.reshape(-1)[7] = np.nan
    score = make(name, task, 1.5)
    score.card = replace(score.card, threshold=-0.4 if name != "entropy" else 0.6)
    head = score.compile(n_classes=5, rank=len(shape), class_axis=axis, runtime=runtime)
    found, mask = head(torch.from_numpy(logits))
    moved = np.moveaxis(logits, axis, -1)
    assert found.shape == mask.shape == moved.shape[:-1]
    assert_close(found.reshape(-1), name, moved.reshape(-1, 5), 1.5, task)
    expected = reference.score_along(name, logits, axis, 1.5, task)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(mask, found < head.threshold)


@names_and_cases
@runtimes
@pytest.mark.parametrize("scale", [0.1, 3.0, 30.0])
def test_float64_precision_rounds_the_exact_score_once(
    name: str, case: str, runtime: str, scale: float
) -> None:
    logits, task = CASES[case].logits(100, scale=scale), CASES[case].task
    head = head_of(name, case, rank=rank_of(case), runtime=runtime, precision="float64")
    score, mask = head(torch.from_numpy(logits))
    assert (score.dtype, mask.dtype) == (torch.float32, torch.bool)
    exact = reference.score(name, logits, 1.5, task)
    if SCORE_TESTS[name].near_zero or (name == "energy" and task == "multilabel"):
        # near 0 a sum of logarithms keeps its absolute accuracy, not that of its last place
        allowed = rounding_allowed(name, logits, 1.5, task, torch.float64)
        off = np.abs(score.numpy() - exact)
        assert (off <= allowed + UNIT[torch.float32] * np.abs(exact)).all()
    else:
        assert reference.ulp_distance(score.numpy(), exact.astype(np.float32)).max() <= 1


def test_float64_precision_is_exact_where_float32_is_not() -> None:
    logits = CASES["ten classes"].logits(500)
    rounded = reference.score("softmax", logits, 1.5).astype(np.float32)

    def ulps(precision: str) -> int:
        head = head_of("softmax", "ten classes", precision=precision)
        return int(reference.ulp_distance(head(torch.from_numpy(logits))[0].numpy(), rounded).sum())

    assert ulps("float64") == 0 < ulps("float32")


@names
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_logits_of_other_types_are_cast_at_the_door(name: str, dtype: torch.dtype) -> None:
    logits = logits_for("ten classes").to(dtype)
    head = head_of(name, "ten classes")
    assert torch.equal(head(logits)[0], head(logits.to(torch.float32))[0])


def test_the_head_works_inside_other_modules_and_moves_between_devices() -> None:
    head = fitted("margin").compile().eval()
    logits = logits_for("ten classes")
    model = torch.nn.Sequential(torch.nn.Identity(), head)
    assert torch.equal(model(logits)[0], head(logits)[0])
    assert head.to("meta").temperature.device.type == "meta"
