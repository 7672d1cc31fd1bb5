"""The recipes of CONTRIBUTING.md: each change is made in a copy, in just the files it names."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
EXPORT = "export/logitconf_export"


@dataclass(frozen=True)
class Recipe:
    """One kind of addition.

    Attributes:
        edits: by file, what stands there and what is put in its place; nothing stands in a new one.
        proof: Python that works only once it is done.
    """

    edits: dict[str, list[tuple[str, str]]]
    proof: str


def before(text: str, added: str) -> tuple[str, str]:
    """The edit that puts something before what stands there."""
    return text, added + text


RECIPES = {
    "score": Recipe(
        {
            "logitconf/scores/table.py": [
                before(
                    '        "margin": ScoreRow(',
                    '        "log_share": ScoreRow(\n'
                    '            "of_probabilities", _UNBOUNDED, ranges.ENERGY,\n'
                    '            Meaning("surprise below {x} nats", above=False),\n'
                    "            bands.SOFTMAX,\n"
                    '            families=("categorical",)),\n',
                )
            ],
            "logitconf/scores/of_probabilities.py": [
                before(
                    "def softmax_bernoulli(",
                    "def log_share_categorical(x, temperature, form):\n"
                    '    """-log max softmax(z)."""\n'
                    "    largest, total = exponential_sum(x, temperature, form)\n"
                    "    return namespace(x).log(total)\n\n\n",
                )
            ],
            "logitconf/fitting/score_classes.py": [
                before(
                    "class EntropyScore(",
                    "class LogShareScore(LogitScore):\n"
                    '    """Surprise at the likeliest class."""\n\n'
                    '    name = "log_share"\n\n\n',
                ),
                before("        EntropyScore,", "        LogShareScore,\n"),
            ],
        },
        """
import logitconf, numpy as np, onnxruntime
rows = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32) * 3
labels = np.where(np.arange(300) % 4 == 0, 0, rows.argmax(axis=1))
score = logitconf.LogShareScore().fit(rows, labels).set_threshold(coverage=0.8)
head = logitconf.to_onnx(score).SerializeToString()
session = onnxruntime.InferenceSession(head, providers=["CPUExecutionProvider"])
found, mask = session.run(None, {"logits": rows})
z = rows.astype(float) / score.temperature
expected = np.log(np.exp(z).sum(axis=1)) - z.max(axis=1)
np.testing.assert_allclose(found, expected, atol=1e-5)
assert (mask == score.select(rows)["selected"]).all() and 0.79 < mask.mean() < 0.83
from logitconf.wording.rule import rule_of
assert ": surprise below " in rule_of(score.card)
""",
    ),
    "operator": Recipe(
        {
            f"{EXPORT}/hosts/operators/activations.py": [
                (
                    "\nROWS = (\n",
                    "\ndef _squashed(site):\n"
                    '    """Squash: a sigmoid."""\n'
                    "    return bernoulli(site.scope, site.node.input[0],\n"
                    '        kind="probabilities", reason="Squash")\n\n\n'
                    "ROWS = (\n"
                    '    OperatorRow(name="Squash", domains=("my",), read=_squashed),\n',
                )
            ],
        },
        """
import onnx, logitconf
host = onnx.parser.parse_model('<ir_version: 8, opset_import: ["": 17, "my": 1]>'
    'g (float[N, 1] x) => (float[N, 1] y) { z = Abs(x)  y = my.Squash(z) }')
place = logitconf.read_host(host).choose(None, None, None)
assert (place.tensor, place.kind, place.task) == ("z", "logits", "binary"), place
""",
    ),
    "runtime": Recipe(
        {
            f"{EXPORT}/runtimes/targets/by_hand.py": [
                (
                    "",
                    "from logitconf_export.runtimes.targets.onnx_reference import "
                    "OnnxReference\n\n\n"
                    "class ByHand(OnnxReference):\n"
                    '    name = "by-hand"\n\n'
                    "    def load(self):\n"
                    '        return "1.2.3"\n',
                )
            ],
            f"{EXPORT}/runtimes/targets/table.py": [
                before('    "openvino":', '    "by-hand": "by_hand.ByHand",\n')
            ],
        },
        """
import logitconf, numpy as np
card = logitconf.ScoreCard("margin", "multiclass", threshold=-0.5, n_classes=3)
head = logitconf.to_onnx(card)
rows = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
report = logitconf.verify(head, rows, runtimes=["by-hand==1.2"])
assert report.passed, report.failures
assert any("by-hand" in str(run.runtime) for run in report.runs), report.runs
""",
    ),
    "policy": Recipe(
        {
            "logitconf/thresholds/policies.py": [
                before(
                    "@dataclass(frozen=True, slots=True)\nclass Coverage(",
                    "@dataclass(frozen=True, slots=True)\n"
                    "class Rejections(Policy):\n"
                    '    """Reject so many rows."""\n\n'
                    '    name: ClassVar[str] = "rejections"\n'
                    "    rejections: float\n\n"
                    "    def choose(self, rows, rounding):\n"
                    "        share = 1.0 - self.rejections / len(rows.scores)\n"
                    "        choice = choose_coverage(rows.scores, share, rounding=rounding,\n"
                    "            wrong=rows.wrong)\n"
                    "        policy = {'name': self.name, 'rejections': float(self.rejections)}\n"
                    "        return replace(choice, policy=policy)\n\n\n",
                )
            ],
            "logitconf/policy_table.py": [
                before(
                    '        "coverage": PolicyRow(',
                    '        "rejections": PolicyRow(\n'
                    '            ("policies", "Rejections"),\n'
                    '            Argument("rejections", "Reject so many rows."),\n'
                    '            {"rejections": (0.0, 1e9, False)},\n'
                    "        ),\n",
                )
            ],
        },
        """
import logitconf, numpy as np
from logitconf_export.cli.app import run
rows = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32) * 3
labels = np.where(np.arange(300) % 4 == 0, 0, rows.argmax(axis=1))
score = logitconf.MarginScore().fit(rows, labels).set_threshold(rejections=30)
assert 268 <= score.select(rows)["selected"].sum() <= 273
score.save("card.json")
assert logitconf.load("card.json").card == score.card
np.savez("rows.npz", logits=rows, labels=labels)
assert run("fit rows.npz --score margin --rejections 30 -o own.json".split()) == 0
assert logitconf.load("own.json").threshold == score.threshold
""",
    ),
    "command": Recipe(
        {
            f"{EXPORT}/cli/judging/count.py": [
                (
                    "",
                    "from logitconf_export.cli.common.options import Model\n"
                    "from logitconf_export.cli.common.output import print_line\n\n\n"
                    "def count(model: Model) -> None:\n"
                    '    """Count the nodes of a model."""\n'
                    "    from logitconf_export.onnx_files.loading import load_model\n\n"
                    '    print_line(f"{len(load_model(model).graph.node)} nodes")\n',
                )
            ],
            f"{EXPORT}/cli/app.py": [
                before('    "verify": "judging",', '    "count": "judging",\n')
            ],
            f"{EXPORT}/cli/common/examples.py": [
                before(
                    '    "inspect": (',
                    '    "count": (("How many nodes?", "logitconf count head.onnx"),),\n',
                )
            ],
        },
        """
import contextlib, io, logitconf
from logitconf_export.cli.app import run
card = logitconf.ScoreCard("margin", "multiclass", threshold=-0.5, n_classes=3)
nodes = len(logitconf.to_onnx(card, "head.onnx").graph.node)
with contextlib.redirect_stdout(io.StringIO()) as shown:
    assert run(["count", "head.onnx"]) == 0
    assert run(["--help"]) == run(["count", "--help"]) == 0
assert "# How many nodes?" in shown.getvalue()
assert f"{nodes} nodes" in shown.getvalue()
assert "Count the nodes of a model." in shown.getvalue()
""",
    ),
    "opset": Recipe(
        {f"{EXPORT}/onnx_files/opsets.py": [("NEWEST_OPSET = 26", "NEWEST_OPSET = 27")]},
        """
import logitconf, onnx
from logitconf_export.onnx_files.opsets import NEWEST_OPSET
card = logitconf.ScoreCard("softmax", "multiclass", threshold=-0.5, n_classes=3)
head = logitconf.to_onnx(card, opset=27)
assert NEWEST_OPSET == 27 and head.opset_import[0].version == 27
onnx.checker.check_model(head)
""",
    ),
}
FILES = {"score": 3, "operator": 1, "runtime": 2, "policy": 2, "command": 3, "opset": 1}
"""As CONTRIBUTING.md says, such as a file and a row for a runtime and a policy."""


def proved(kind: str, source: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    """The proof, run in a folder on the code in another."""
    return subprocess.run(
        [sys.executable, "-c", RECIPES[kind].proof],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(source), str(source / "export")])},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_each_recipe_touches_the_files_that_are_promised() -> None:
    assert {kind: len(recipe.edits) for kind, recipe in RECIPES.items()} == FILES


@pytest.mark.parametrize("kind", RECIPES)
def test_an_addition_works_after_edits_in_those_files_alone(kind: str, tmp_path: Path) -> None:
    for folder in ("logitconf", "export"):
        shutil.copytree(PROJECT / folder, tmp_path / folder)
    for name, edits in RECIPES[kind].edits.items():
        path = tmp_path / name
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        for old, new in edits:
            assert not old or text.count(old) == 1, (old, text.count(old))
            text = text.replace(old, new) if old else new
        path.write_text(text, encoding="utf-8")
    done = proved(kind, tmp_path, tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("kind", RECIPES)
def test_the_proof_fails_without_the_addition(kind: str, tmp_path: Path) -> None:
    done = proved(kind, PROJECT, tmp_path)
    assert done.returncode != 0
