"""Dask, really run: what it fits is what one process fits, also when its workers are killed."""

import sys

import pytest
from support.engines import check_engine, outcome

from logitconf.distributed.engines.dask_collections import fit_dask
from logitconf.distributed.plan import FitPlan
from logitconf.errors import MissingExtraError


def test_the_card_is_that_of_one_process_to_the_last_byte_also_with_killed_workers() -> None:
    check_engine("dask", "dask")


def test_arrays_that_are_cut_differently_are_fitted_alike() -> None:
    arrays = outcome("dask", "arrays", "-")["fits"]
    assert arrays == outcome("local", "local", "-", "column", "label")["fits"][:1]


def test_without_the_engine_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dask", None)
    with pytest.raises(MissingExtraError, match=r'pip install "logitconf\[dask\]"$'):
        fit_dask(object(), FitPlan())
