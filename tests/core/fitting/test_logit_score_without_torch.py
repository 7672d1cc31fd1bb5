"""Fitting, thresholds, scores and cards where torch is not installed."""

import subprocess
import sys
from pathlib import Path

import pytest

WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
import numpy as np
import logitconf
random = np.random.default_rng(0)
logits = random.normal(0, 3, (600, 4)).astype(np.float32)
labels = (logits / 2 + random.gumbel(size=logits.shape)).argmax(axis=1)
score = logitconf.SoftmaxScore().fit(logits, labels, holdout=0.5)
"""


def run(code: str, folder: Path) -> str:
    """What a statement prints in an interpreter without torch."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT + code],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_flow_of_a_numpy_user_works(tmp_path: Path) -> None:
    code = """
assert abs(score.temperature - 2.0) < 0.3
for how in ({"q": 0.9}, {"risk": 0.4}, {"cost": (5.0, 1.0)}, {"coverage": 0.9}):
    score.set_threshold(**how)
score.save("card.json")
loaded = logitconf.load("card.json")
assert loaded == score
found = loaded.select(logits)
assert 0.85 < found["selected"].mean() < 0.95
np.testing.assert_allclose(found["score"], score.score(logits.tolist()), rtol=1e-5)
shares = np.exp(logits / score.temperature)
shares /= shares.sum(axis=1, keepdims=True)
np.testing.assert_allclose(loaded.probabilities(logits), shares, rtol=1e-5)
print(*(m for m in sys.modules if m.split(".")[0] == "torch"))
"""
    assert run(code, tmp_path).strip() == ""


def test_every_score_fits_and_all_are_compared(tmp_path: Path) -> None:
    code = """
from logitconf.fitting.comparison import compare_scores
from logitconf.scores.table import SCORES
for name in (name for name in logitconf.__all__ if name.endswith("Score") and name != "LogitScore"):
    kind = getattr(logitconf, name)
    row = SCORES[kind.name]
    if row.learned:
        kind().fit(np.sort(logits[:, 0]), random.random(600) < np.linspace(0.1, 0.9, 600))
    elif row.over_members:
        kind().fit(logits.reshape(300, 2, 4))
    else:
        kind().fit(logits, labels)
print(len(compare_scores(logits, labels, draws=100).standings))
"""
    assert int(run(code, tmp_path)) >= 10


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("score.set_threshold().compile()", "compile()"),
        ("score.fit(model=object(), loader=[1])", "a model with a loader"),
        ("logitconf.ConfidenceHead", "ConfidenceHead"),
        ("logitconf.LearnedConfidenceLoss", "LearnedConfidenceLoss"),
    ],
)
def test_what_needs_torch_says_what_to_install(statement: str, what: str, tmp_path: Path) -> None:
    code = f"""
try:
    {statement}
except logitconf.MissingExtraError as error:
    print(error)
"""
    printed = run(code, tmp_path)
    assert what in printed
    assert 'pip install "logitconf[torch]"' in printed
    assert "CPU-only" in printed
