"""What is remembered of a block: made once, never mistaken for another's."""

import threading
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from logitconf.blocks.memory import remembered, remembering
from logitconf.scores.evaluation import evaluate
from logitconf.scores.reductions import Form
from logitconf.scores.table import SCORES
from logitconf.tasks import Layout

Values = NDArray[np.float64]
calls: list[float] = []


@dataclass(frozen=True)
class Kind:
    """What a formula is told, of which only the power counts."""

    power: float
    name: str

    @property
    def memory_key(self) -> float:
        return self.power


@remembered
def powered(x: Values, power: float | Values, kind: Kind | None = None) -> Values:
    calls.append(float(power))
    return np.asarray(x**power + (kind.power if kind else 0.0))


@pytest.fixture(autouse=True)
def no_calls() -> None:
    calls.clear()


def test_a_result_is_made_once_for_the_same_array_and_numbers() -> None:
    x, alike = np.ones(3), np.ones(3)
    with remembering():
        assert powered(x, 2.0) is powered(x, 2.0)
        assert powered(x, np.asarray(2.0)) is powered(x, np.asarray(2.0))
        powered(x, 3.0)
        powered(alike, 2.0)
    assert calls == [2.0, 2.0, 3.0, 2.0]


def test_of_an_argument_with_a_key_nothing_else_counts() -> None:
    x = np.ones(3)
    with remembering():
        first = powered(x, 1.0, Kind(1.0, "a"))
        assert powered(x, 1.0, Kind(1.0, "b")) is first
        assert powered(x, 1.0, Kind(2.0, "a")) is not first


def test_nothing_is_remembered_outside_or_in_another_thread() -> None:
    x = np.ones(3)
    assert powered(x, 2.0) is not powered(x, 2.0)
    with remembering():
        powered(x, 2.0)
        other = threading.Thread(target=powered, args=(x, 2.0))
        other.start()
        other.join()
    powered(x, 2.0)
    assert len(calls) == 5


def test_an_array_that_is_gone_is_never_mistaken_for_a_new_one() -> None:
    with remembering():
        sums = [float(powered(np.full(4, float(value)), 1.0)[0]) for value in range(50)]
    assert sums == [*range(50)]


@pytest.mark.parametrize("n_classes", [2, 7, 300])
def test_scores_that_share_what_they_make_are_bit_for_bit_those_that_do_not(n_classes: int) -> None:
    x = (4.0 * np.random.default_rng(n_classes).normal(size=(64, n_classes))).astype(np.float32)
    x[3, 1], x[4, 0], x[5, :] = -np.inf, np.nan, 1.0
    layout = Layout("multiclass", n_classes)

    def scored() -> dict[str, NDArray[np.float32]]:
        made = {}
        for name, row in SCORES.items():
            if "categorical" not in row.families or row.learned or row.over_members:
                continue
            for value in (0.1, 1.0, 4.0, 7.0):
                own = {key: each.default for key, each in row.parameters.items()}
                own |= {key: value for key in ("gamma", "p") if key in own}
                form = Form(n_classes=n_classes, parameters=own)
                temperature = np.asarray(1.0 + value, np.float32)
                made[f"{name} {value}"] = evaluate(name, x, temperature, layout, form)
        return made

    apart = scored()
    with remembering():
        together = scored()
    assert len(apart) > 30
    for name, scores in apart.items():
        np.testing.assert_array_equal(together[name], scores, err_msg=name)
