"""The ends of the scores' ranges: where formulas of one line lead, and what is not known yet."""

import math
from itertools import product
from typing import Any

import numpy as np
import pytest

from logitconf.scores import ranges
from logitconf.scores.ranges import Case


def case(
    n_classes: float = math.inf,
    *,
    temperature: float = 1.0,
    members: float = math.inf,
    joined: bool = False,
    **parameters: float,
) -> Case:
    return Case(n_classes, temperature, members, joined, parameters)


def simplex(n_classes: int, steps: int = 24) -> Any:
    """Every distribution over the classes whose probabilities are whole parts of `steps`."""
    parts = product(range(steps + 1), repeat=n_classes)
    return np.array([part for part in parts if sum(part) == steps]) / steps


@pytest.mark.parametrize("gamma", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("top", [0, 1, 2, 3])
def test_no_distribution_has_a_gen_beyond_its_end(gamma: float, top: int) -> None:
    shares = np.sort(simplex(4), axis=1)[:, ::-1][:, : top or 4]
    most = ((shares * (1 - shares)) ** gamma).sum(axis=1).max()
    low, high = ranges.GEN.categorical(case(4, gamma=gamma, top=float(top)))
    assert low == 0.0
    # one class counts most at 1/2, which a grid of 24 parts holds, as it holds 1/3 and 1/4
    expected = most if top != 1 else 0.25**gamma
    assert high == pytest.approx(expected)


def test_the_gen_of_classes_that_are_not_counted_yet_has_no_highest_value() -> None:
    assert ranges.GEN.categorical(case(gamma=0.1, top=0.0)) == (0.0, math.inf)
    assert ranges.GEN.categorical(case(gamma=0.5, top=10.0))[1] == pytest.approx(10 * 0.3)


def test_no_variance_or_information_of_members_is_beyond_what_they_can_disagree() -> None:
    # as many members as classes, each certain of its own: sum over classes of 1/M (1 - 1/M)
    assert ranges.VARIANCE.categorical(case(5, members=3)) == pytest.approx(
        (0.0, 3 * 1 / 3 * 2 / 3)
    )
    assert ranges.VARIANCE.categorical(case(2, members=7)) == (0.0, 0.5)
    assert ranges.MUTUAL_INFORMATION.categorical(case(5, members=3))[1] == pytest.approx(
        math.log(3)
    )
    assert ranges.MUTUAL_INFORMATION.bernoulli(case(members=1))[1] == 0.0
    assert ranges.MUTUAL_INFORMATION.bernoulli(case(members=9))[1] == pytest.approx(math.log(2))


def test_the_energy_of_one_logit_ends_where_the_logit_is_zero() -> None:
    logits = np.linspace(-5, 5, 101)
    energies = -2.0 * np.log1p(np.exp(np.abs(logits) / 2.0))
    _, alone = ranges.ENERGY.bernoulli(case(temperature=2.0))
    assert alone == pytest.approx(energies.max())
    # joined labels add up softplus of their signed logits, which comes near 0
    assert ranges.ENERGY.bernoulli(case(temperature=2.0, joined=True)) == (-math.inf, 0.0)


def test_a_flat_row_of_unknown_classes_has_softmax_zero_and_entropy_without_end() -> None:
    assert ranges.SOFTMAX.categorical(case()) == (-1.0, 0.0)
    assert ranges.ENTROPY.categorical(case()) == (0.0, math.inf)
    assert ranges.SOFTMAX.categorical(case(8)) == (-1.0, -0.125)
