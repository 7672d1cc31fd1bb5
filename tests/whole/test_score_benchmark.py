"""The table of scores on real files: cells against an independent computation."""

import numpy as np
import pytest
from benchmarks.scores import FILES, cells, names_for
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.metrics import roc_auc_score

from logitconf.scores.table import SCORES

CLOSE = 1e-5
"""T is a float32 value here, and a pair of rows may swap."""


def independent_shares(name: str) -> NDArray[np.float64]:
    """Calibrated probabilities (N, K, M) of a file's test rows in float64; one member if single."""
    split = FILES[name]()
    logits = split.fit_logits.astype(np.float64)
    logits = logits if split.per_member else logits[..., np.newaxis]
    rows = np.arange(len(logits))

    def loss(inverse: float) -> float:
        return float(-log_softmax(logits * inverse, axis=1)[rows, split.fit_labels].mean())

    inverse = minimize_scalar(loss, bounds=(0.05, 20.0), options={"xatol": 1e-9}).x
    tested = split.test_logits.astype(np.float64)
    tested = tested if split.per_member else tested[..., np.newaxis]
    shares: NDArray[np.float64] = softmax(tested * inverse, axis=1)
    return shares


@pytest.mark.parametrize("name", ["nncal", "eurosat", "kitti_AdaBoost"])
def test_cells_equal_an_independent_computation(name: str) -> None:
    shares = independent_shares(name)[..., 0]
    scores, wrong = -shares.max(axis=1), shares.argmax(axis=1) != FILES[name]().test_labels
    (cell,) = cells(FILES[name](), draws=20, names=["softmax"])
    assert (cell.rows, cell.errors) == (len(wrong), int(wrong.sum()))
    risks = np.cumsum(wrong[np.argsort(scores, kind="stable")]) / np.arange(1, len(wrong) + 1)
    assert cell.aurc.estimate == pytest.approx(risks.mean(), abs=20 * CLOSE)
    assert cell.auroc.estimate == pytest.approx(roc_auc_score(wrong, scores), abs=CLOSE)
    for found in (cell.aurc, cell.auroc):
        assert found.lower < found.estimate < found.upper


def test_members_are_judged_by_their_mean_and_their_disagreement() -> None:
    split = FILES["kitti, 4 classifiers"]()
    (cell,) = cells(split, draws=20, names=["predictive_variance"])
    shares = independent_shares("kitti, 4 classifiers")
    wrong = shares.mean(axis=-1).argmax(axis=1) != split.test_labels
    assert (cell.rows, cell.errors) == (len(wrong), int(wrong.sum()))
    variance = shares.var(axis=-1).sum(axis=1)
    assert cell.auroc.estimate == pytest.approx(roc_auc_score(wrong, variance), abs=CLOSE)


def test_each_score_of_the_table_is_measured_on_some_file() -> None:
    measured = {
        name for file in ("nncal", "kitti, 4 classifiers") for name in names_for(FILES[file]())
    }
    assert measured == {name for name, row in SCORES.items() if not row.learned}
    assert not {"energy", "max_logit"} & set(names_for(FILES["kitti_AdaBoost"]()))
