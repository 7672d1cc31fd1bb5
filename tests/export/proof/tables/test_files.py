"""Tables as files, and the cache."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from logitconf.errors import LogitconfError
from logitconf_export.proof.tables import files
from logitconf_export.proof.tables.operation_table import (
    Environment,
    OperationTable,
    Piece,
    RuntimeTables,
    SpecialTable,
    SumTable,
)

TABLES = RuntimeTables(
    Environment("onnxruntime", "1.2.3", "cpu", "Maker family 9 avx2", "Linux x86_64"),
    "2026-11-27",
    1.5,
    None,
    (
        OperationTable("Exp", "float32", "body", (Piece(-1.0, -0.1, -0.5, 0.7),), 5, 9, -0.1, 2, 1),
        OperationTable("Div", "float32", "all", (Piece(0.0, 1.0, -0.5, 0.5),), 5, None, 0.0),
    ),
    (SpecialTable("Exp", "float32", ("nan",), 1, "nan"),),
    (SumTable("ReduceSum", "float32", 10, "last", 1, 5, 10, 0.7),),
    ("Softmax: it does not know it",),
)


def test_tables_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "tables.json"
    files.write_tables(path, TABLES)
    assert files.read_tables(path) == TABLES
    assert json.loads(path.read_text())["sha256"] == files.digest(TABLES)


def test_a_file_is_not_written_over_another(tmp_path: Path) -> None:
    path = tmp_path / "tables.json"
    path.write_text("mine")
    with pytest.raises(LogitconfError, match="exists"):
        files.write_tables(path, TABLES)


@pytest.mark.parametrize(
    ("old", "new"), [('"most":0.7', '"most":0.6'), ('"depth":5', '"depth":4'), ("1.2.3", "1.2.4")]
)
def test_a_file_that_was_changed_is_refused(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "tables.json"
    path.write_text(files.to_json(TABLES).replace(old, new, 1))
    with pytest.raises(LogitconfError, match="its SHA-256 is another one than it states"):
        files.read_tables(path)


def test_the_layout_of_a_file_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "tables.json"
    path.write_text(json.dumps(json.loads(files.to_json(TABLES)), indent=7, sort_keys=True))
    assert files.read_tables(path) == TABLES


@pytest.mark.parametrize("text", ["{}", "[]", '{"schema": 2}', "no JSON"])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tables.json"
    path.write_text(text)
    with pytest.raises(LogitconfError, match="tables of operations"):
        files.read_tables(path)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache" / "operations"


def test_what_was_measured_is_kept_and_known_again(cache: Path) -> None:
    assert files.cached_tables(TABLES.environment) is None
    path = files.keep_tables(TABLES)
    assert path.parent == cache
    assert files.cached_tables(TABLES.environment) == TABLES
    later = replace(TABLES, date="2026-11-28")
    files.keep_tables(later)
    assert files.cached_tables(TABLES.environment) == later


@pytest.mark.parametrize("field", ["runtime", "version", "provider", "processor", "system"])
@pytest.mark.usefixtures("cache")
def test_another_environment_has_tables_of_its_own(field: str) -> None:
    files.keep_tables(TABLES)
    other = replace(TABLES.environment, **{field: "another"})
    assert files.cached_tables(other) is None


@pytest.mark.usefixtures("cache")
def test_a_damaged_file_in_the_cache_is_told_of_and_not_used() -> None:
    path = files.keep_tables(TABLES)
    path.write_text(path.read_text().replace('"depth":5', '"depth":4'))
    with pytest.warns(UserWarning, match="measure them anew; this is done now"):
        assert files.cached_tables(TABLES.environment) is None


def test_a_cache_that_cannot_be_made_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path / "file"))
    with pytest.raises(LogitconfError, match="name another one by LOGITCONF_CACHE"):
        files.keep_tables(TABLES)


def test_the_cache_lies_where_the_platform_keeps_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(files.CACHE_VARIABLE, raising=False)
    monkeypatch.setattr(os, "name", "posix")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert files.cache_folder() == Path("/somewhere/logitconf/operations")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert files.cache_folder() == Path.home() / ".cache" / "logitconf" / "operations"


def test_names_of_files_have_no_odd_characters() -> None:
    odd = replace(TABLES.environment, processor="Maker/9 (R)")
    assert files.file_name(odd) == "onnxruntime_1.2.3_cpu_Maker-9-R-_Linux-x86-64.json"
