"""The notebook runs from top to bottom, shows what it should, and is stored without outputs."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from support.example_runs import EXAMPLES
from support.printed import check_printed

NOTEBOOK = EXAMPLES / "notebook" / "abstain.ipynb"
EXECUTE = """
import json, sys
import nbclient, nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
nbclient.NotebookClient(notebook, timeout=100, kernel_name="python3").execute()
print(json.dumps([cell.outputs for cell in notebook.cells if cell.cell_type == "code"]))
"""


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[list[dict[str, Any]]]:
    """What each code cell puts out."""
    for package in ("nbclient", "ipykernel"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    folder = tmp_path_factory.mktemp("notebook")
    ran = subprocess.run(
        [sys.executable, "-c", EXECUTE, str(NOTEBOOK)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "IPYTHONDIR": f"{folder}/.own"},
        capture_output=True,  # the kernel talks of itself on stderr; the cells' own is looked at
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert [path.name for path in folder.iterdir() if path.name != ".own"] == []
    cells: list[list[dict[str, Any]]] = json.loads(ran.stdout)
    return cells


def kinds(outputs: list[dict[str, Any]]) -> set[str]:
    """The types of what a cell shows."""
    return {kind for output in outputs for kind in output.get("data", {})}


def text_of(outputs: list[dict[str, Any]], kind: str) -> str:
    return "".join(output["data"][kind] for output in outputs if kind in output.get("data", {}))


def test_no_output_is_stored() -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code) == 6
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


def test_no_cell_warns_or_fails(outputs: list[list[dict[str, Any]]]) -> None:
    assert len(outputs) == 6
    every = [output for cell in outputs for output in cell]
    assert {output["output_type"] for output in every} <= {
        "execute_result",
        "display_data",
        "stream",
    }
    assert [output["text"] for output in every if output.get("name") == "stderr"] == []


def test_scores_comparison_and_report_are_tables_and_the_curve_a_picture(
    outputs: list[list[dict[str, Any]]],
) -> None:
    _, comparison, score, curve, report, _ = outputs
    for cell, word in ((comparison, "AURC"), (score, "temperature"), (report, "rows")):
        assert "text/html" in kinds(cell)
        assert word in text_of(cell, "text/html")
    assert "passed" in text_of(report, "text/html").lower()
    assert "image/png" in kinds(curve)


def test_the_model_is_used_at_the_end(outputs: list[list[dict[str, Any]]]) -> None:
    (stream,) = outputs[-1]
    check_printed(
        stream["text"],
        "accepted: 90.5% of 697\naccuracy of all: 94.40%\naccuracy of accepted: 98.57%\n",
    )


def test_the_folder_has_nothing_else() -> None:
    assert {path.name for path in NOTEBOOK.parent.iterdir() if path.name[0] != "."} == {
        "README.md",
        NOTEBOOK.name,
    }
