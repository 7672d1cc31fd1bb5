"""The runs of a head: which rows are compared, where, and in which batches."""

import re
from typing import Any

import numpy as np
import onnx
import pytest
from support import head_models

from logitconf.card.score_card import HeadForm
from logitconf_export.attachment.attaching import attach
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.verification.verifying import verify

QUICK: dict[str, Any] = {"optimisations": ["all"], "pairs": 50}


@pytest.fixture(scope="module")
def host() -> onnx.ModelProto:
    return attach(head_models.make_host(), head_models.make_head(n_classes=5))


def test_the_users_rows_are_a_run_of_their_own_and_each_of_them_is_compared() -> None:
    rows = np.random.default_rng(0).standard_normal((37, 10)).astype(np.float32)
    report = verify(to_onnx(head_models.make_head()), rows, **QUICK)
    (own,) = (run for run in report.runs if run.calibration)
    assert (own.name, own.part, own.shape) == ("your rows", "head", (37, 10))
    assert own.eager.rows == own.truth.rows == 37
    assert [run.name for run in report.runs].count("50 neighbouring pairs") == 1


def test_every_level_runs_the_same_rows_and_proves_that_it_ran_on_the_cpu() -> None:
    levels = ["off", "basic", "all"]
    report = verify(to_onnx(head_models.make_head()), optimisations=levels, pairs=50)
    by_level = [
        [(run.name, run.shape) for run in report.runs if run.optimisation == level]
        for level in levels
    ]
    assert by_level[0] == by_level[1] == by_level[2] != []
    assert [record.optimisation for record in report.placements] == levels
    for record in report.placements:
        assert set(record.placement.providers) == {"CPUExecutionProvider"}
        assert record.placement.seen > 0


def test_other_batches_hold_all_rows_again() -> None:
    report = verify(to_onnx(head_models.make_head()), **QUICK)
    (check,) = (c for c in report.checks if "decide alike in other batches" in c.name)
    assert check.passed
    count = re.match(r"(\d+) rows in batches of", check.detail)
    assert count is not None
    assert int(count[1]) == sum(run.eager.rows for run in report.runs)


def test_the_head_in_a_host_is_compared_on_the_logits_that_the_host_computes(
    host: onnx.ModelProto,
) -> None:
    report = verify(host, head_models.make_pixels(23), **QUICK)
    (run,) = (run for run in report.runs if run.part == "host")
    assert (run.shape, run.calibration, run.eager.rows) == ((23, 5), True, 23)
    assert {record.part for record in report.placements} == {"head", "host"}


def test_a_file_that_computes_something_else_differs_on_the_very_rows_that_show_it() -> None:
    """Scores one lower than they should be: every finite row differs, and masks flip."""
    model = to_onnx(head_models.make_head())
    (last,) = (node for node in model.graph.node if "score" in node.output)
    last.output[:] = [name if name != "score" else "honest" for name in last.output]
    for node in model.graph.node:
        node.input[:] = [name if name != "score" else "moved" for name in node.input]
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(1, np.float32), "one"))
    place = [*model.graph.node].index(last) + 1
    nodes = [*model.graph.node]
    nodes[place:place] = [
        onnx.helper.make_node("Sub", ["honest", "one"], ["moved"], name="shift"),
        onnx.helper.make_node("Identity", ["moved"], ["score"], name="shown"),
    ]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    rows = np.random.default_rng(1).standard_normal((40, 10)).astype(np.float32)
    (own,) = (run for run in verify(model, rows, **QUICK).runs if run.calibration)
    assert own.eager.beyond_rounding == 40
    assert own.eager.largest_absolute == pytest.approx(1.0, abs=1e-6)


def test_a_head_of_several_axes_is_compared_at_every_position() -> None:
    rows = np.random.default_rng(2).standard_normal((3, 5, 2, 4)).astype(np.float32)
    model = to_onnx(head_models.make_head(form=HeadForm(5, rank=4, class_axis=1)))
    (own,) = (run for run in verify(model, rows, **QUICK).runs if run.calibration)
    assert (own.shape, own.eager.rows) == ((3, 5, 2, 4), 24)
