"""The command ``measure-runtime``."""

import json
from pathlib import Path

import pytest
from support.command_line import call, done
from support.report_schema import check_report

from logitconf_export.proof.tables import files


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path / "cache"))


def test_tables_are_written_and_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    text = done(capsys, "measure-runtime --on numpy --only ReduceMax -o tables.json -v")
    tables = files.read_tables("tables.json")
    assert text.startswith("MEASURED: numpy ")
    assert files.digest(tables) in text
    assert "ReduceMax" in text
    assert not Path("cache").exists()


def test_the_same_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    text = done(capsys, "measure-runtime --on numpy --only ReduceMax -o t.json --json -")
    values = json.loads(text)
    check_report(values)
    assert (values["report"], values["environment"]["runtime"]) == ("tables", "numpy")


def test_a_temperature_is_measured_too(capsys: pytest.CaptureFixture[str]) -> None:
    done(
        capsys,
        "measure-runtime --on numpy --only Neg --temperature 1.5 --seconds 0.01 -o tables.json",
    )
    tables = files.read_tables("tables.json")
    assert {table.constant for table in tables.of("Div", constant=1.5)} == {1.5}
    assert tables.error("Div", 1.0, 2.0, constant=1.5).most == 0.5


def test_some_operations_alone_are_not_kept_as_all(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = call(capsys, ["measure-runtime", "--on", "numpy", "--only", "Exp"])
    assert outcome.code == 2
    assert "add -o FILE" in outcome.err


def test_an_existing_file_stays(capsys: pytest.CaptureFixture[str]) -> None:
    Path("tables.json").write_text("mine")
    outcome = call(capsys, ["measure-runtime", "--only", "Exp", "-o", "tables.json"])
    assert outcome.code == 2
    assert Path("tables.json").read_text() == "mine"


def test_a_runtime_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = call(capsys, ["measure-runtime", "--on", "onnxruntim", "-o", "tables.json"])
    assert outcome.code == 2
    assert "runtime must be one of" in outcome.err
