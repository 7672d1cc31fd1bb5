"""The examples run as their READMEs say, in an empty folder, and print what stands there."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import sklearn
from support.example_runs import EXAMPLES, digits_folder, run_python, run_shown, shown
from support.installed_runtimes import MODULES
from support.printed import check_printed

# these have tests of their own, or are run by a fixture
ELSEWHERE = {
    "browser",
    "digits_model",
    "executorch_program",
    "fastapi_service",
    "learned_confidence",
    "mlflow_model",
    "magika_modes",
    "notebook",
    "optimum_model",
    "out_of_distribution",
    "triton_repository",
}
NAMES = sorted(path.name for path in EXAMPLES.iterdir() if (path / "README.md").exists())
# these run the model that digits_model makes
RUNTIMES = ["cpp", "node", "onnxruntime_only"]
ON_DIGITS = [*RUNTIMES, "int8"]
NEEDS = {
    "sklearn_pipeline": (
        tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 8),
        "scikit-learn fits a temperature from 1.8 on",
    ),
    "cpp": (shutil.which("g++"), "the compiler g++ is not installed"),
    "node": (
        shutil.which("node") and (MODULES / "onnxruntime-node").is_dir(),
        "onnxruntime-node is not installed; tests/support/install_runtimes does it",
    ),
}
PYTHON = [name for name in NAMES if name not in {*ELSEWHERE, *ON_DIGITS}]
PLAIN = """
import runpy, sys
sys.argv = ["decide.py", "model"]
runpy.run_path({path!r}, run_name="__main__")
packages = {{name.split(".")[0] for name in sys.modules}} - set(sys.stdlib_module_names)
print(sorted(name for name in packages if not name.startswith("_")))
"""


@pytest.fixture(scope="module")
def digits() -> Path:
    """A folder with the model in it."""
    return digits_folder()


def test_every_folder_has_a_readme_and_stands_in_the_list() -> None:
    folders = sorted(p.name for p in EXAMPLES.iterdir() if p.is_dir() and p.name[0].isalpha())
    assert folders == NAMES
    listed = re.findall(r"^\| \[(\w+)\]\((\w+)\)", (EXAMPLES / "README.md").read_text(), re.M)
    assert sorted(name for name, _ in listed) == NAMES
    assert all(name == link for name, link in listed)


@pytest.mark.parametrize("name", NAMES)
def test_numbers_that_a_readme_claims_stand_where_a_test_compares_them(name: str) -> None:
    readme = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    prose = re.sub(r"^```.*?^```|`[^`]*`|@[\d.]+", "", readme, flags=re.MULTILINE | re.DOTALL)
    assert re.findall(r"\d[\d.,]* ?(?:%|of\b)|\d+\.\d+", prose) == []


@pytest.mark.parametrize("name", PYTHON)
def test_the_example_prints_what_its_readme_shows(name: str, tmp_path: Path) -> None:
    assert shown(name)
    there, reason = NEEDS.get(name, (True, ""))
    if not there:
        pytest.skip(reason)
    mine = [tmp_path / file for file in ("card.json", "host.onnx", "shipped.onnx")]
    for file in mine:
        file.write_text("mine")
    printed = run_shown(name, tmp_path)
    assert [file.read_text() for file in mine] == ["mine"] * 3
    assert "False" not in printed
    shares = dict(re.findall(r"^accuracy of (all|accepted): ([\d.]+)%$", printed, re.MULTILINE))
    if shares:
        assert float(shares["accepted"]) > float(shares["all"]) + 1.0


def test_a_folder_that_is_there_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "attached").mkdir()
    with pytest.raises(AssertionError, match="FileExistsError"):
        run_shown("attach_to_exported_model", tmp_path)
    assert list((tmp_path / "attached").iterdir()) == []


@pytest.mark.parametrize("name", RUNTIMES)
def test_every_runtime_decides_the_digits_as_its_readme_shows(name: str, digits: Path) -> None:
    there, reason = NEEDS.get(name, (True, ""))
    if not there:
        pytest.skip(reason)
    assert run_shown(name, digits) == run_shown("onnxruntime_only", digits)


def test_c_plus_plus_says_what_is_wrong(digits: Path) -> None:
    if not NEEDS["cpp"][0]:
        pytest.skip(NEEDS["cpp"][1])
    run_shown("cpp", digits)
    (digits / "broken").mkdir()
    for name in ("pixels.f32", "labels.u8", "model.onnx"):
        (digits / "broken" / name).write_bytes(b"")
    for words, message in (
        (["libonnxruntime.so", "model"], "libonnxruntime.so: cannot open"),
        ([library(digits), "nowhere"], "cannot read nowhere/pixels.f32"),
        ([library(digits), "broken"], "Load model from broken/model.onnx failed"),
    ):
        ran = subprocess.run(
            ["./decide", *words], cwd=digits, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 1
        assert message in ran.stderr


def library(folder: Path) -> str:
    """Where onnxruntime's library is."""
    path = EXAMPLES / "cpp" / "library.py"
    return run_python(str(path), folder=folder, seconds=60).strip()


def test_few_bits_decide_otherwise_and_drift_counts_it(digits: Path) -> None:
    printed = run_shown("int8", digits)
    flips = [int(count) for count in re.findall(r"decides (\d+) of", printed)]
    assert flips[0] == 0
    assert flips[1] < flips[2]


def test_energy_chosen_against_others_rejects_them_and_keeps_most_of_the_known(
    tmp_path: Path,
) -> None:
    printed = run_shown("out_of_distribution", tmp_path)
    rows = re.findall(r"^(\w+) +set for (\w+)%.*? ([\d.]+)% +([\d.]+)%$", printed, re.MULTILINE)
    shares = {(name, goal): (float(known), float(others)) for name, goal, known, others in rows}
    assert len(shares) == 6
    assert all(others < 5.0 for (_, goal), (_, others) in shares.items() if goal == "5")
    assert shares["energy", "90"][1] < shares["softmax", "90"][1] / 2
    assert shares["energy", "5"][0] > shares["softmax", "5"][0] + 5.0


def test_numpy_and_onnxruntime_are_enough(digits: Path) -> None:
    code = PLAIN.format(path=str(EXAMPLES / "onnxruntime_only" / "decide.py"))
    assert run_python("-c", code, folder=digits, seconds=60).endswith("['numpy', 'onnxruntime']\n")


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("accepted: 90% of 10", "accepted: 80% of 10"),
        ("accepted: 80.6%", "accepted: 80.0%"),
        ("1 of 600 differ", "0 of 600 differ"),
        ("15 of 600 differ", "12 of 600 differ"),
        ("score 0.98", "score 0.95"),
        ("accepted: 90%", "rejected: 90%"),
        ("accepted: 90%\nmore", "accepted: 90%"),
        ("", "accepted: 90%"),
    ],
)
def test_the_comparison_with_a_readme_can_fail(printed: str, expected: str) -> None:
    check_printed(expected, expected)
    with pytest.raises(AssertionError):
        check_printed(printed, expected)
