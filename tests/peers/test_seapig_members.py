"""Six scores of single models and of ensembles against values that seapig 0.3.0 gave.

seapig_0_3_0.npz was written by record_seapig.py. Deliberate differences:

- energy of one logit: seapig keeps the sign, so a sure negative counts as unsure; here it uses
  abs z, as seapig 0.1.0 did;
- entropy and mutual information: seapig clamps p at 1e-12, which adds up to 3e-11 a class.
"""

import functools
import json

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support import reference, seapig_peers

from logitconf.fitting.score_classes import SCORE_CLASSES

recorded = functools.partial(seapig_peers.recorded, "0.3.0")
# every layout but the hundred classes has members too
TASKS = seapig_peers.TASKS | {
    f"{layout}_members": task
    for layout, task in seapig_peers.TASKS.items()
    if layout != "multiclass_100"
}
POINTWISE = ("softmax", "entropy", "energy", "margin")
OVER_MEMBERS = ("mutual_information", "predictive_variance")
CELLS = [
    (name, layout)
    for layout in TASKS
    for name in (*POINTWISE, *(OVER_MEMBERS if layout.endswith("_members") else ()))
]
KEEPS_SIGN = [(n, t) for n, t in CELLS if n == "energy" and t.startswith(("binary_f", "binary_o"))]
CLOSE = 1e-6
"""Agreement demanded in float64: absolute up to a score of 1, relative above."""

temperatures = pytest.mark.parametrize("temperature", [1.0, 2.5])


def found(name: str, layout: str, temperature: float) -> NDArray[np.float64]:
    members = layout.endswith("_members") and name in POINTWISE
    options = {"per_member": True} if members else {}
    logits = torch.from_numpy(recorded()[f"{layout}/logits"].astype(np.float64))
    score = SCORE_CLASSES[name](temperature, TASKS[layout], **options)  # type: ignore[arg-type]
    return np.asarray(score.score(logits))


def test_every_recorded_score_is_compared() -> None:
    provenance = json.loads(str(recorded()["provenance"]))
    assert provenance["package"] == "seapig 0.3.0 (MIT)"
    keys = {key for key in recorded() if key.count("/") == 3}
    assert keys == {f"{layout}/{name}/{t}/float64" for name, layout in CELLS for t in (1.0, 2.5)}


@temperatures
@pytest.mark.parametrize(("name", "layout"), [cell for cell in CELLS if cell not in KEEPS_SIGN])
def test_scores_agree_with_seapig(name: str, layout: str, temperature: float) -> None:
    expected = recorded()[f"{layout}/{name}/{temperature}/float64"]
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(found(name, layout, temperature), expected, rtol=CLOSE, atol=CLOSE)


@temperatures
@pytest.mark.parametrize(("name", "layout"), KEEPS_SIGN)
def test_energy_of_one_logit_differs_by_its_negative_part(
    name: str, layout: str, temperature: float
) -> None:
    """softplus(abs z) - softplus(z) is abs z for a negative z and 0 otherwise."""
    theirs = recorded()[f"{layout}/{name}/{temperature}/float64"]
    logits = recorded()[f"{layout}/logits"].astype(np.float64)
    members = logits.reshape(len(logits), -1)
    negative = np.minimum(members, 0.0).mean(axis=1)
    assert (negative < 0).sum() >= 20
    assert (negative == 0).sum() >= 5
    ours = found(name, layout, temperature)
    np.testing.assert_allclose(ours, theirs + negative, rtol=CLOSE, atol=CLOSE)


@pytest.mark.parametrize("name", ["entropy", "mutual_information"])
def test_logarithms_fall_below_seapigs_clamp(name: str) -> None:
    layout = "multiclass_10_members"
    exact = reference.member_score(name, recorded()[f"{layout}/logits"], 1.0, "multiclass")
    np.testing.assert_allclose(found(name, layout, 1.0), exact, rtol=1e-12, atol=1e-13)
    theirs = recorded()[f"{layout}/{name}/1.0/float64"]
    assert float(np.abs(theirs - exact).max()) > 1e-11
