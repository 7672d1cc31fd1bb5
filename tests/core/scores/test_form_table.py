"""A form is taken where it is faster on every processor that was measured."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from benchmarks.form_table import CHOICES, faster, first_that_pays, written

from logitconf.scores import form_table
from logitconf.scores.form_table import MEASURED, NEVER, pays
from logitconf.scores.reductions import Form, divides_first, one_softmax
from logitconf.scores.top_two import half_deficit


def test_the_slowest_processor_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    first = replace(MEASURED[0], softmax=100, full_softmax=32, table=40)
    monkeypatch.setattr(form_table, "MEASURED", (first, replace(first, softmax=70, table=60)))
    assert [pays("softmax", k) for k in (16, 31, 32, 80, 99, 100)] == [
        False, False, True, True, False, True,
    ]  # fmt: skip
    assert [pays("table", k) for k in (48, 59, 60, 64)] == [False, False, True, True]


@pytest.mark.parametrize("n_classes", [64, 1000])
def test_the_forms_follow_the_table(n_classes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    form = Form(n_classes=n_classes, runtime="onnxruntime")
    for limit in (1, NEVER):
        row = replace(
            MEASURED[0], softmax=limit, full_softmax=limit, energy=limit, full_energy=limit
        )
        monkeypatch.setattr(form_table, "MEASURED", (row,))
        assert divides_first(form) == one_softmax(form) == (limit == 1)
        assert not divides_first(replace(form, runtime="any"))
        assert not divides_first(replace(form, n_classes=None))


@pytest.mark.parametrize("limit", [1, NEVER])
def test_the_two_largest_are_the_same_by_table_and_by_tournament(
    limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form_table, "MEASURED", (replace(MEASURED[0], table=limit),))
    rows = np.random.default_rng(0).normal(0, 3, (50, 36)).astype(np.float32)
    ordered = np.sort(rows, axis=1)
    expected = ordered[:, -2] * 0.5 - ordered[:, -1] * 0.5
    np.testing.assert_array_equal(half_deficit(rows, Form(n_classes=36)), expected)


def test_a_form_pays_from_the_first_number_of_classes_that_none_behind_contradicts() -> None:
    good, bad = [1.2, 1.1, 1.0], [1.5, 1.5, 0.9]
    assert faster(good, 0.95)
    assert faster(bad, 0.95) is False
    assert faster(bad, 0.85)
    assert first_that_pays({20: good, 50: bad, 100: good, 200: good}, 0.95, NEVER) == 100
    assert first_that_pays({20: good, 50: good, 100: bad}, 0.95, NEVER) == NEVER


def test_what_is_neither_faster_nor_slower_leaves_the_table_as_it_is() -> None:
    good, even, slow = [1.2, 1.1], [1.06, 0.96], [0.9, 0.9]
    assert faster(even, 0.8) is None
    assert faster([1.0, 1.0, 1.0], 0.95) is None
    assert faster(slow, 0.8) is False
    tried = {40: even, 60: even, 80: even, 100: good}
    assert [first_that_pays(tried, 0.8, today) for today in (60, 80, 100, NEVER)] == [
        60, 80, 100, 100,
    ]  # fmt: skip
    assert first_that_pays({**tried, 80: slow}, 0.8, 60) == 100
    assert first_that_pays({**tried, 60: good}, 0.8, 60) == 60
    # one that gains below others that do not may be chance
    assert first_that_pays({**tried, 60: good}, 0.8, 80) == 80
    assert first_that_pays({**tried, 60: good, 80: good}, 0.8, 80) == 60


def test_the_table_is_as_its_script_writes_it() -> None:
    assert written(MEASURED) == Path(form_table.__file__).read_text(encoding="utf-8")
    measured = {field.name for field in fields(MEASURED[0])} - {"processor", "onnxruntime", "date"}
    assert set(CHOICES) == measured
    never = written([replace(MEASURED[0], processor="another", softmax=NEVER)])
    assert "        softmax=NEVER,\n" in never
    compile(never, "form_table", "exec")
