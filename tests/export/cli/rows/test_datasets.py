"""`fit --dataset`: files that any engine fits to the same card, and words for what is wrong."""

import json
from pathlib import Path

import numpy as np
import pytest
from support.command_line import call, card, done
from support.engines import called, python_of
from support.report_schema import check_report

import logitconf
from logitconf_export.cli.rows.datasets import fit_dataset

pyarrow = pytest.importorskip("pyarrow", reason="datasets are read by pyarrow")
from pyarrow import parquet  # noqa: E402 (only if there is pyarrow)

RNG = np.random.default_rng(5)
LOGITS = RNG.normal(0, 3, (4000, 10)).astype(np.float32)
LABELS = (LOGITS / 2 + RNG.gumbel(size=LOGITS.shape)).argmax(axis=1)
FIT = "fit --dataset rows/*.parquet --coverage 0.9"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with four files of rows, in which commands run."""
    monkeypatch.chdir(tmp_path)
    Path("rows").mkdir()
    for k in range(4):
        rows = slice(k * 1000, (k + 1) * 1000)
        values = pyarrow.FixedSizeListArray.from_arrays(LOGITS[rows].reshape(-1), 10)
        parquet.write_table(
            pyarrow.table({"logits": values, "labels": LABELS[rows]}), f"rows/{k}.parquet"
        )
    return tmp_path


def test_files_are_fitted_as_the_same_rows_in_memory(capsys: pytest.CaptureFixture[str]) -> None:
    out = done(
        capsys, f"{FIT} --logits-column logits --labels-column labels -o a.json --json r.json"
    )
    fitted = logitconf.fit(LOGITS, LABELS, coverage=0.9).card
    assert card("a.json")["temperature"] == pytest.approx(fitted.temperature, rel=1e-6)
    assert card("a.json")["policy"] == fitted.policy
    values = json.loads(Path("r.json").read_text())
    check_report(values)
    right = LOGITS.argmax(axis=1) == LABELS
    assert values["figures"]["errors"] == (~right).sum()
    assert values["figures"]["accepted"] == 3600
    assert values["figures"]["calibration_after"] is None
    assert "coverage  90 %: 3,600 of 4,000 rows" in out
    assert "export with: logitconf export a.json -o a.onnx" in out


@pytest.mark.parametrize("engine", ["ray", "spark", "dask"])
def test_every_engine_writes_the_same_card(
    engine: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    python = python_of(engine)
    done(capsys, f"{FIT} -o local.json")
    words = [*FIT.split(), "--engine", engine, "-q", "-o", f"{engine}.json"]
    ran = called(python, "-m", "logitconf", *words, folder=folder)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith(f"Fitted: {engine}.json accepts score < ")
    assert Path(f"{engine}.json").read_bytes() == Path("local.json").read_bytes()


def test_a_folder_is_all_files_in_it_and_stdout_takes_the_card(
    capsys: pytest.CaptureFixture[str],
) -> None:
    done(capsys, f"{FIT} -o a.json")
    assert call(capsys, "fit --dataset rows --coverage 0.9 -o -").out == Path("a.json").read_text()


def test_a_fit_goes_on_from_its_state_and_refuses_that_of_another(
    capsys: pytest.CaptureFixture[str],
) -> None:
    done(capsys, f"{FIT} --state s.json -o a.json")
    # all passes are in it, so the rows are not needed any more
    for path in Path("rows").iterdir():
        parquet.write_table(parquet.read_table(path).slice(0, 1), path)
    done(capsys, f"{FIT} --state s.json -o b.json")
    assert Path("a.json").read_bytes() == Path("b.json").read_bytes()
    outcome = call(capsys, "fit --dataset rows --coverage 0.8 --state s.json -o c.json")
    assert outcome.code == 2
    assert "s.json must be the state of a fit with the same options, got another" in outcome.err


MISUSE = {
    "--dataset rows --engine flink": "--engine must be one of ['local', 'ray', 'spark', 'dask'], "
    "got 'flink'",
    "--dataset none/*.parquet": "--dataset must name Parquet files, got none at none/*.parquet; ",
    "--dataset rows --labels-column y": "the dataset must have the column 'y', its columns are "
    "'logits', 'labels'",
    "--dataset rows --engine ray": "--engine ray needs Ray Data, which is not installed; pip "
    'install "logitconf[ray]"',
    "--dataset rows --engine spark": "--engine spark needs PySpark, which is not installed; ",
    "--dataset rows --engine dask": "--engine dask needs Dask, distributed, which is not ",
    "--dataset rows --score auto --names a,b": "--dataset takes what adds up over rows, got "
    "--score auto and --names besides; ",
    "a.npz --state s.json": "--engine and --state belong to --dataset, got no --dataset",
    "--dataset rows --calibration vector": "a plan fits calibration='temperature', got 'vector'; ",
}


@pytest.mark.parametrize("options", MISUSE)
def test_what_cannot_be_fitted_is_said_in_a_sentence(
    options: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for engine in ("ray", "pyspark", "dask"):
        if engine.removeprefix("py") in options and _installed(engine):
            pytest.skip(f"{engine} is installed here")
    outcome = call(capsys, f"fit {options} -o card.json")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"logitconf: error: {MISUSE[options]}")


def _installed(package: str) -> bool:
    from importlib.util import find_spec

    return find_spec(package) is not None


def test_labels_out_of_range_are_told_as_by_a_fit_in_memory() -> None:
    from logitconf.distributed.plan import FitPlan

    table = parquet.read_table("rows/2.parquet").to_pydict()
    table["labels"][7] = 10
    parquet.write_table(pyarrow.table(table), "rows/2.parquet")
    columns = {"logits": "logits", "labels": "labels"}
    with pytest.raises(logitconf.LogitconfError, match=r"labels must be in 0\.\.9 .* got 0 to 10"):
        fit_dataset("rows/[0-3].parquet", FitPlan(), "local", columns, None)
