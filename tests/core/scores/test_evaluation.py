"""What computes a score: one formula a family, and the mean over members."""

import numpy as np
import pytest
from support import reference

from logitconf.errors import LogitconfError
from logitconf.scores.evaluation import evaluate, formula
from logitconf.scores.reductions import Form
from logitconf.scores.table import SCORES
from logitconf.tasks import Family, Layout

FAMILIES: tuple[Family, ...] = ("categorical", "bernoulli")
T = np.float64(1.7)


@pytest.mark.parametrize("name", sorted(SCORES))
@pytest.mark.parametrize("family", FAMILIES)
def test_there_is_a_formula_for_just_the_families_that_the_row_names(
    name: str, family: Family
) -> None:
    if family in SCORES[name].families:
        assert callable(formula(name, family))
    else:
        with pytest.raises(LogitconfError, match="got no formula"):
            formula(name, family)


@pytest.mark.parametrize("name", ["softmax", "entropy", "energy", "margin"])
def test_a_score_of_numpy_rows_is_that_of_the_reference(name: str) -> None:
    rows = np.random.default_rng(3).normal(size=(20, 5)) * 3.0
    scores = evaluate(name, rows, T, Layout("multiclass", 5), Form(n_classes=5))
    np.testing.assert_allclose(scores, reference.score(name, rows, float(T)), rtol=1e-12)


def test_a_score_of_members_is_the_mean_of_theirs_and_nan_where_one_has_none() -> None:
    rows = np.random.default_rng(4).normal(size=(6, 5, 3))
    rows[2, 0, 1] = np.nan
    layout, form = Layout("multiclass", 5, members=3), Form(rank=3, n_classes=5, members=3)
    scores = evaluate("margin", rows, T, layout, form)
    each = [reference.score("margin", rows[:, :, m], float(T)) for m in range(3)]
    expected = np.mean(each, axis=0)
    assert np.isnan(scores[2])
    kept = np.arange(6) != 2
    np.testing.assert_allclose(scores[kept], expected[kept], rtol=1e-12)
