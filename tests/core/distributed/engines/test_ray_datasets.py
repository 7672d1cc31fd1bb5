"""Ray, really run: what it fits is what one process fits, also when its workers are killed."""

import sys

import pytest
from support.engines import check_engine

from logitconf.distributed.engines.ray_datasets import fit_ray
from logitconf.distributed.plan import FitPlan
from logitconf.errors import MissingExtraError


def test_the_card_is_that_of_one_process_to_the_last_byte_also_with_killed_workers() -> None:
    check_engine("ray", "ray")


def test_without_the_engine_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r'pip install "logitconf\[ray\]"$'):
        fit_ray(object(), FitPlan())
