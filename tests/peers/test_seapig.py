"""The four scores against values that the reference implementation, seapig 0.1.0, gave.

seapig_0_1_0.npz was written by record_seapig.py. Deliberate differences, left out below:

- margin of one logit and of labels: seapig ignores T there, here T divides all logits;
- entropy: seapig clamps p at 1e-12, so rows with a p below 1e-10 are left out (at 1e-10 the clamp
  still changes nothing, since it is only reached two decades below);
- float32 at T other than 1: seapig divides before it subtracts the maximum, which rounds logits of
  size x by x * 2**-24; so its float32 values are compared up to |x| = 100, where that is below the
  tolerance, and its float64 values everywhere.
"""

import functools
import json

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support import reference, seapig_peers
from support.score_cases import make
from support.seapig_peers import TASKS

recorded = functools.partial(seapig_peers.recorded, "0.1.0")
IGNORES_TEMPERATURE = {
    ("margin", layout) for layout in ("binary_flat", "binary_one", "multilabel_6")
}
CLAMPED_BELOW = 1e-10
RELATIVE, ABSOLUTE = 1e-6, 2e-6
"""Agreement demanded in float64, as the project promises."""
FLOAT32 = 1e-5
"""Agreement demanded in float32: absolute up to a score of 1, relative above."""
DIVIDED_WITHOUT_LOSS = 100.0

layouts = pytest.mark.parametrize("layout", TASKS)
names = pytest.mark.parametrize("name", ["softmax", "entropy", "energy", "margin"])


def comparable(name: str, layout: str, temperature: float, dtype: str) -> NDArray[np.bool_]:
    """Rows where seapig's value is finite and its clamp is out of reach."""
    logits = recorded()[f"{layout}/logits"]
    rows: NDArray[np.bool_] = np.isfinite(recorded()[f"{layout}/{name}/{temperature}/{dtype}"])
    if name != "entropy":
        return rows
    p = reference.probabilities(logits, temperature, TASKS[layout])
    smallest = np.minimum(p, 1.0 - p) if TASKS[layout] != "multiclass" else p
    kept: NDArray[np.bool_] = rows & (smallest.min(axis=1) >= CLAMPED_BELOW)
    return kept


def found(name: str, layout: str, temperature: float, dtype: str) -> NDArray[np.float64]:
    logits = torch.from_numpy(recorded()[f"{layout}/logits"].astype(dtype))
    score = make(name, TASKS[layout], temperature).score(logits)
    assert score.dtype == (torch.float64 if dtype == "float64" else torch.float32)
    return np.asarray(score, dtype=np.float64)


def test_the_recording_says_where_it_comes_from() -> None:
    provenance = json.loads(str(recorded()["provenance"]))
    assert provenance["package"] == "seapig 0.1.0 (MIT)"
    assert provenance["dtypes"] == ["float32", "float64"]
    assert isinstance(provenance["seed"], int)


@names
@layouts
@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_scores_agree_with_seapig_in_float64(name: str, layout: str, temperature: float) -> None:
    if temperature != 1.0 and (name, layout) in IGNORES_TEMPERATURE:
        pytest.skip("seapig's margin ignores T for one logit and for labels")
    rows = comparable(name, layout, temperature, "float64")
    assert rows.sum() >= 20
    expected = recorded()[f"{layout}/{name}/{temperature}/float64"][rows]
    values = found(name, layout, temperature, "float64")[rows]
    np.testing.assert_allclose(values, expected, rtol=RELATIVE, atol=ABSOLUTE)


@names
@layouts
@pytest.mark.parametrize("temperature", [1.0, 2.5])
@pytest.mark.parametrize("theirs", ["float32", "float64"])
def test_float32_scores_agree_with_seapig_in_either_precision(
    name: str, layout: str, temperature: float, theirs: str
) -> None:
    if temperature != 1.0 and (name, layout) in IGNORES_TEMPERATURE:
        pytest.skip("seapig's margin ignores T for one logit and for labels")
    rows = comparable(name, layout, temperature, theirs)
    if temperature != 1.0 and theirs == "float32":
        logits = np.abs(reference.rows_of(recorded()[f"{layout}/logits"]))
        rows &= logits.max(axis=1) <= DIVIDED_WITHOUT_LOSS
    assert rows.sum() >= 20
    expected = recorded()[f"{layout}/{name}/{temperature}/{theirs}"].astype(np.float64)[rows]
    values = found(name, layout, temperature, "float32")[rows]
    np.testing.assert_allclose(values, expected, rtol=FLOAT32, atol=FLOAT32)


@pytest.mark.parametrize("layout", ["binary_flat", "binary_one", "multilabel_6"])
def test_the_margin_divides_by_the_temperature_where_seapig_does_not(layout: str) -> None:
    theirs = recorded()[f"{layout}/margin/2.5/float64"]
    ours = found("margin", layout, 2.5, "float64")
    np.testing.assert_array_equal(theirs, recorded()[f"{layout}/margin/1.0/float64"])
    np.testing.assert_allclose(ours, theirs / 2.5, rtol=RELATIVE)


@layouts
def test_the_entropy_falls_below_seapigs_clamp(layout: str) -> None:
    ours = found("entropy", layout, 1.0, "float64")
    exact = reference.score("entropy", recorded()[f"{layout}/logits"], 1.0, TASKS[layout])
    np.testing.assert_allclose(ours, exact, rtol=1e-12, atol=1e-13)
    # a clamped p of 1e-12 adds 1e-12 * (log 1e12) of entropy, which is not there
    theirs = recorded()[f"{layout}/entropy/1.0/float64"]
    assert float((theirs - exact).max()) > 1e-11


def test_seapig_loses_the_entropy_of_saturated_logits_in_float32_and_we_do_not() -> None:
    theirs = recorded()["binary_one/entropy/1.0/float32"]
    assert np.isnan(theirs).any()
    assert np.isfinite(found("entropy", "binary_one", 1.0, "float32")).all()


def test_the_comparison_can_fail() -> None:
    expected = recorded()["multiclass_10/energy/1.0/float64"]
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        np.testing.assert_allclose(
            found("energy", "multiclass_10", 1.00001, "float64"),
            expected,
            rtol=RELATIVE,
            atol=ABSOLUTE,
        )
