"""The same lines decide for NumPy, torch and every array of the standard, without warnings."""

import itertools
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import array_api_strict
import numpy as np
import numpy.typing as npt
import pytest
import torch

from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.head import ConfidenceHead
from logitconf.head_spec import Head, decide
from logitconf.scores.table import SCORES, check_parameters, refusal
from logitconf.tasks import Layout, check_task

# one float32 step of exp and of each sum; NumPy's and torch's differ there
CLOSE = 3e-6

# name: task, columns, form, thresholds
LAYOUTS: dict[str, tuple[str, int | None, dict[str, Any], Any]] = {
    "two classes": ("multiclass", 2, {}, -0.6),
    "ten classes": ("multiclass", 10, {}, -0.6),
    "a hundred": ("multiclass", 100, {}, -0.6),
    "free": ("multiclass", None, {}, -0.6),
    "a threshold a class": ("multiclass", 10, {}, tuple(-0.1 * k for k in range(10))),
    "an image": ("multiclass", 10, {"rank": 4}, -0.6),
    "positions": ("multiclass", 70, {"rank": 3, "class_axis": 2}, -0.6),
    "members": ("multiclass", 10, {"members": 3}, 0.1),
    "one logit": ("binary", 1, {}, -0.6),
    "two logits": ("binary", 2, {}, -0.6),
    "labels": ("multilabel", 4, {}, -0.6),
    "members' labels": ("multilabel", 4, {"members": 3}, 0.1),
    "probabilities": ("multiclass", 10, {"kind": "probabilities"}, -0.6),
    "labels' log-probabilities": ("multilabel", 4, {"kind": "log-probabilities"}, -0.6),
    "with probabilities": ("multiclass", 10, {"outputs": ("probabilities",)}, -0.6),
    "with labels": ("multiclass", 10, {"outputs": ("label",)}, -0.6),
    "with labels of members": ("multiclass", 10, {"members": 3, "outputs": ("label",)}, 0.1),
    "with two labels": ("binary", 2, {"outputs": ("label", "probabilities")}, -0.6),
    "with yes or no": ("binary", 1, {"outputs": ("label",)}, -0.6),
    "with many labels": ("multilabel", 4, {"outputs": ("label",)}, -0.6),
    "with labels of an image": ("multilabel", 4, {"rank": 4, "outputs": ("label",)}, -0.6),
    "judged labels": ("multilabel", 4, {}, (-0.6, -0.5, -0.7, -0.9)),
}
_LABELLED = ("softmax", "energy", "margin", "mutual_information")
RUNTIMES, PRECISIONS = ("any", "onnxruntime", "cuda"), ("float32", "float64")


def heads() -> "list[tuple[str, ScoreCard, HeadForm]]":
    made = []
    for name, (task, columns, form, threshold) in LAYOUTS.items():
        per_label = name == "judged labels"
        layout = Layout(check_task(task), columns, 1, form.get("members"), per_label)
        for score, row in SCORES.items():
            if refusal(score, layout) or (row.needs_logits and "kind" in form):
                continue
            if "label" in form.get("outputs", ()) and score not in _LABELLED:
                continue
            card = ScoreCard(
                score,
                task,
                1.5,
                threshold,
                members=form.get("members"),
                parameters=check_parameters(score, {}),
                per_label=per_label,
            )
            for runtime, precision in itertools.product(RUNTIMES, PRECISIONS):
                spec = HeadForm(columns, runtime=runtime, precision=precision, **form)
                made.append((f"{score} {name} {runtime} {precision}", card, spec))
    return made


HEADS = heads()


def rows_for(form: HeadForm) -> npt.NDArray[np.float32]:
    """Ordinary and hard rows in the layout of the form."""
    random = np.random.default_rng(0)
    shape = [60, 5, 3, 2][: form.input_rank]
    if form.class_axis < form.input_rank:
        shape[form.class_axis] = form.n_classes or 6
    if form.members is not None:
        shape[-1] = form.members
    values = random.normal(0.0, 4.0, shape)
    if form.kind != "logits":
        values = 1.0 / (1.0 + np.exp(-values))
    if form.kind == "log-probabilities":
        values = np.log(values)
    logits = values.astype(np.float32)
    hard = np.array([np.nan, np.inf, -np.inf, -np.inf, 3e38, -3e38, 1e-40, 0.0], np.float32)
    flat = logits[20:].reshape(-1)
    places = random.choice(flat.size, flat.size // 10, replace=False)
    flat[places] = random.choice(hard, places.size)
    logits[:2] = -np.inf
    return logits


def test_numpy_and_the_strict_namespace_decide_as_torch_does_and_say_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    decisions = 0
    for where, card, form in HEADS:
        rows, head = rows_for(form), Head.of_card(card, form)
        expected = [value.numpy() for value in ConfidenceHead(card, form)(torch.tensor(rows))]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            ours = head(rows)
        strict = array_api_strict.asarray
        with np.errstate(all="ignore"):
            theirs = decide(
                strict(rows), strict(head.temperature), strict(head.threshold), card, form
            )
        for kind, results in (("NumPy", ours), ("strict", theirs)):
            for found, wanted in zip(map(np.asarray, results), expected, strict=True):
                assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape), (kind, where)
            score, mask = (np.asarray(result) for result in results[:2])
            np.testing.assert_allclose(
                score, expected[0], rtol=CLOSE, atol=CLOSE, err_msg=f"{kind} {where}"
            )
            np.testing.assert_array_equal(mask, expected[1], err_msg=f"{kind} {where}")
            if "label" in form.outputs:
                np.testing.assert_array_equal(results[2], expected[2], err_msg=f"{kind} {where}")
            decisions += mask.size
    with capsys.disabled():
        print(f"\n{len(HEADS)} heads: {decisions} decisions as torch's")
    assert decisions > 10_000


def test_every_head_runs_on_meta_without_a_constant_elsewhere() -> None:
    for where, card, form in HEADS:
        rows = torch.from_numpy(rows_for(form))
        expected = ConfidenceHead(card, form)(rows)
        found = ConfidenceHead(card, form).to("meta")(rows.to("meta"))
        for ours, theirs in zip(found, expected, strict=True):
            assert ours.is_meta, where
            assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype), where


def some(*scores: str) -> list[Any]:
    return [
        pytest.param(card, form, id=where)
        for where, card, form in HEADS
        if card.score in scores
        and form.precision == "float32"
        and not isinstance(card.threshold, tuple)
    ]


@pytest.mark.parametrize(("card", "form"), some("softmax", "energy", "margin", "gen"))
def test_torch_export_takes_the_head(card: ScoreCard, form: HeadForm) -> None:
    head, rows = ConfidenceHead(card, form), torch.from_numpy(rows_for(form))
    program = torch.export.export(head, (rows,), strict=False)
    for found, expected in zip(program.module()(rows), head(rows), strict=True):
        torch.testing.assert_close(found, expected, equal_nan=True)


@pytest.mark.parametrize(
    ("card", "form"), [pair for pair in some("softmax", "entropy") if "labels" in str(pair.id)]
)
def test_torch_compile_takes_the_whole_head_at_once(card: ScoreCard, form: HeadForm) -> None:
    head, rows = ConfidenceHead(card, form), torch.from_numpy(rows_for(form))
    # one forward serves all heads, and only so many of them are compiled in one process
    torch._dynamo.reset()
    compiled = torch.compile(head, fullgraph=True, backend="eager")
    for found, expected in zip(compiled(rows), head(rows), strict=True):
        torch.testing.assert_close(found, expected, equal_nan=True)


@pytest.mark.parametrize("score", ["softmax", "entropy", "energy", "margin", "gini"])
def test_a_head_is_differentiable_and_maps_over_batches(score: str) -> None:
    card = ScoreCard(score, "multiclass", 1.5, -0.6)
    for runtime in RUNTIMES:
        head = ConfidenceHead(card, HeadForm(5, runtime=runtime, precision="float64"))
        rows = torch.from_numpy(np.random.default_rng(1).normal(0, 2, (3, 4, 5)))
        torch.autograd.gradcheck(
            lambda x, head=head: head(x)[0], rows[0].requires_grad_(), atol=1e-3, eps=1e-2
        )
        mapped = torch.vmap(head)(rows.detach())
        for ours, theirs in zip(mapped, head(rows.detach().reshape(12, 5)), strict=True):
            assert torch.equal(ours.reshape(12), theirs)


def test_half_precision_logits_and_a_halved_head_decide_in_float32() -> None:
    card = ScoreCard("energy", "multiclass", 1.1, -2.0)
    rows = torch.randn(50, 7, generator=torch.Generator().manual_seed(0)).half()
    head = ConfidenceHead(card, HeadForm(7))
    expected = head(rows.float())
    for found, wanted in zip(head.half()(rows), expected, strict=True):
        assert torch.equal(found, wanted)


def test_a_head_of_plain_values_loads_no_torch() -> None:
    script = (
        "import sys, numpy as np\n"
        "from logitconf.card.score_card import HeadForm, ScoreCard\n"
        "from logitconf.head_spec import Head\n"
        "head = Head.of_card(ScoreCard('margin', 'multiclass', 2.0, -1.0), HeadForm(3))\n"
        "print(head(np.array([[5, 1, 0], [1, 1, 0]], np.float32))[1].tolist())\n"
        "assert 'torch' not in sys.modules, 'torch is loaded'\n"
    )
    root = Path(__file__).parents[2]
    environment = {"PYTHONPATH": f"{root}:{root / 'export'}"}
    result = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, check=False, text=True
    )
    assert result.stdout == "[True, False]\n", result.stderr
