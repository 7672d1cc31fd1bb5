"""Heads as this revision writes them, or as an older one did, run in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import onnx

from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.head_spec import Head
from logitconf.scores.table import check_parameters
from logitconf_export.heads.conversion import to_onnx

TEMPERATURE, THRESHOLD = 1.5, -0.7


@dataclass(frozen=True, slots=True)
class HeadCase:
    """A head in plain words, so that every revision can make it."""

    score: str
    task: str
    columns: int
    rank: int = 2
    axis: int = 1
    runtime: str = "any"
    members: int | None = None
    top: int = 0


def head_model(case: HeadCase) -> onnx.ModelProto:
    """The head, at opset 17."""
    parameters = check_parameters(case.score, {"top": case.top} if case.top else {})
    card = ScoreCard(
        case.score, case.task, TEMPERATURE, THRESHOLD, case.columns,
        parameters=parameters, members=case.members,
    )  # fmt: skip
    form = HeadForm(case.columns, case.rank, case.axis, runtime=case.runtime, members=case.members)
    return to_onnx(Head.of_card(card, form), opset=17)


def heads_of(revision: str, cases: Sequence[HeadCase]) -> list[onnx.ModelProto | None]:
    """The heads as a revision of this repository writes them; None for those that it has not."""
    root = Path(__file__).parents[2]
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        archive = subprocess.run(
            ["git", "-C", str(root), "archive", revision, "logitconf", "export"],
            capture_output=True,
            check=True,
        )
        subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
        (tree / "this_file.py").write_text(Path(__file__).read_text())
        (tree / "cases.json").write_text(json.dumps([asdict(case) for case in cases]))
        paths = os.pathsep.join([folder, str(tree / "export")])
        environment = {**os.environ, "PYTHONPATH": paths}
        subprocess.run(
            [sys.executable, str(tree / "this_file.py"), folder], env=environment, check=True
        )
        files = [tree / f"{number}.onnx" for number in range(len(cases))]
        return [onnx.load(str(file)) if file.exists() else None for file in files]


def _write(folder: Path) -> None:
    for number, fields in enumerate(json.loads((folder / "cases.json").read_text())):
        try:
            model = head_model(HeadCase(**fields))
        except ValueError:
            continue
        onnx.save(model, str(folder / f"{number}.onnx"))


if __name__ == "__main__":
    _write(Path(sys.argv[1]))
