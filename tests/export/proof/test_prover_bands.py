"""The table's bands are what proofs give: no constant can be edited without the proof."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.proved_bands import (
    Cell,
    band_over,
    bounds,
    digests,
    is_pinned,
    recorded,
    smallest_constants,
    worst,
)

from logitconf.scores.bands import TABLES, Sums
from logitconf.scores.rounding import Rounding
from logitconf.scores.table import SCORES
from logitconf_export.proof.tables.evaluators import evaluator_of
from logitconf_export.proof.tables.sums.batches import measure_sums
from logitconf_export.runtimes.targets.table import RUNTIMES, RuntimeRequest

RECORD = Path(__file__).parents[2] / "records" / "bands.md"
PAGE = RECORD.parents[2] / "docs" / "reference" / "scores.md"
PROVED = [name for name, row in SCORES.items() if row.band.proved]
# of boxes whose bound is near the largest, where bands are as near to bounds as the formula can be
TIGHT = 6.0


def sample() -> list[Cell]:
    """Of each proved score the smallest and a large number of classes, or labels."""
    made = []
    for score in PROVED:
        row = SCORES[score]
        members = 31 if row.over_members else None
        if "categorical" in row.families:
            sizes = (10, 1000) if row.over_members else (2, 1000)
            made += [Cell(score, "multiclass", n, 1.5, members=members) for n in sizes]
        if "bernoulli" in row.families and not row.over_members:
            made += [Cell(score, "multilabel", 10, 1.5)]
    return [replace(cell, sums=sums) for cell in made for sums in ("pinned", "any order")]


@pytest.mark.parametrize(
    "cell", sample(), ids=lambda c: f"{c.score}, {c.task}, {c.n_classes}, {c.sums}"
)
def test_a_band_is_twice_the_bound_of_the_worst_runtime_and_not_many_times(cell: Cell) -> None:
    box = bounds(cell, worst(cell.sums, recorded()))
    counted = box.error > 2.0**-101
    ratio = band_over(cell, box, cell.constants)[counted] / (2.0 * box.error[counted])
    assert ratio.min() >= 1.0 - 1e-9
    large = box.error[counted] > 0.5 * box.error.max()
    assert np.median(ratio[large]) <= TIGHT


@pytest.mark.parametrize("sums", ["pinned", "any order"])
@pytest.mark.parametrize("n_classes", [10, 5000])
def test_the_searched_band_of_gen_is_two_bounds_at_its_default(n_classes: int, sums: Sums) -> None:
    cell = Cell("gen", "multiclass", n_classes, 0.05, sums)
    box = bounds(cell, worst(sums, recorded()))
    assert (band_over(cell, box, cell.constants) >= 2.0 * box.error).all()


def test_the_bands_come_from_tables_of_the_recorded_runtimes() -> None:
    """Tables may have been measured again since: that bands hold for those is asked above."""
    assert set(TABLES) <= set(digests(recorded()))
    assert all(re.fullmatch("[0-9a-f]{64}", sha) for sha in TABLES.values())


def test_runtimes_have_the_sums_that_their_tables_show() -> None:
    shown: dict[str, set[bool]] = {}
    for tables in recorded():
        shown.setdefault(tables.environment.runtime, set()).add(is_pinned(tables))
    declared: dict[str, Sums] = {name: RuntimeRequest(name).runtime().sums for name in RUNTIMES}
    assert shown["onnxruntime"] == shown["torch"] == shown["numpy"] == {True}
    for name, sums in declared.items():
        if sums == "pinned" and name in shown:
            assert shown[name] == {True}, name
    # its sums are pinned, but its exponentials are off by more than the others'
    assert declared["openvino"] == "any order"
    assert shown["tract"] == {False}
    # no table of their own: what they run is onnxruntime on the CPU, or NumPy
    of_others = {"onnxruntime-node", "onnxruntime-c", "ort-format", "onnx-reference"}
    assert {n for n, s in declared.items() if s == "pinned"} == {"onnxruntime", *of_others}


@pytest.mark.parametrize("name", ["onnxruntime", "numpy", "torch"])
@pytest.mark.parametrize("terms", [3, 7, 17, 33, 127, 520])
def test_sums_of_other_lengths_are_no_deeper(name: str, terms: int) -> None:
    orders = measure_sums(evaluator_of(name), terms, "last")
    assert orders
    for order in orders:
        assert order.probed == terms
        assert order.depth <= Rounding("softmax", terms).additions


def test_constants_that_are_too_small_or_far_too_large_would_be_seen() -> None:
    cell = Cell("softmax", "multiclass", 10, 1.5)
    box = bounds(cell, worst("pinned", recorded()))
    own = smallest_constants([(cell, box)])
    ratio = band_over(cell, box, own) / (2.0 * box.error)
    # rounded up to two digits, so by 10 % at most
    assert 1.0 <= ratio.min() <= 1.1
    less = replace(own, ulps=own.ulps / 2.0, once=(0.0, 0.0, 0.0), of_sum=(0.0, 0.0, 0.0))
    assert (band_over(cell, box, less) < 2.0 * box.error).any()


def record() -> list[list[str]]:
    """The rows of the first table of the record, cell by cell."""
    lines = RECORD.read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if re.match(r"^\| \w+ \| \w+ \| \d+ \| \d\S+ \|", line)]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in rows]


def test_no_error_that_was_found_is_beyond_its_bound_and_no_bound_beyond_its_band() -> None:
    rows = record()
    assert len(rows) > 50
    for row in rows:
        for bound, _, _, halves in (row[4:8], row[8:12]):
            if bound != "none":
                assert float(row[3]) <= float(bound), row
                assert float(halves) >= 1.0 or row[0] not in PROVED, row


@pytest.mark.parametrize("score", ["softmax", "margin", "gini"])
@pytest.mark.parametrize("n", [10, 1000])
def test_a_recorded_bound_is_what_is_proved(score: str, n: int) -> None:
    (row,) = (row for row in record() if row[:3] == [score, "multiclass", str(n)])
    places: tuple[tuple[int, Sums], ...] = ((4, "pinned"), (8, "any order"))
    for place, sums in places:
        box = bounds(Cell(score, "multiclass", n, 1.5), worst(sums, recorded()))
        assert float(row[place]) == pytest.approx(box.error.max(), rel=0.05)


def test_the_page_on_scores_names_those_whose_band_is_searched() -> None:
    text = PAGE.read_text(encoding="utf-8").split("Searched\ninstead")[1].split("means over")[0]
    assert re.findall(r"`(\w+)`", text) == [name for name in SCORES if name not in PROVED]
