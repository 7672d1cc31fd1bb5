"""Tables of labelled logits: columns by name, in the order of their classes, or what is missing."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import logitconf
from logitconf.errors import LogitconfError
from logitconf_export.cli.app import run
from logitconf_export.cli.rows.tables import TableColumns, is_table, rows_from_table

pyarrow = pytest.importorskip("pyarrow", reason="tables are read by pyarrow")
from pyarrow import csv, parquet  # noqa: E402 (only if there is pyarrow)

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 3, (400, 12))
# the largest of logits with Gumbel noise is a draw from their softmax
LABELS = (LOGITS + RNG.gumbel(size=LOGITS.shape)).argmax(axis=1)
ANIMALS = np.array(["eel", "cat", "dog"])


def table_of(order: Any = range(12), **columns: Any) -> Any:
    """A table of the logits in some order of columns, and further columns."""
    made = {f"logit_{k}": LOGITS[:, k] for k in order}
    return pyarrow.table({**made, **columns})


def saved(table: Any, path: Path) -> Path:
    """The table as the ending of the name says."""
    if path.suffix == ".parquet":
        parquet.write_table(table, path)
    else:
        options = csv.WriteOptions(delimiter="\t" if path.suffix == ".tsv" else ",")
        csv.write_csv(table, path, options)
    return path


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".parquet"])
def test_columns_are_taken_in_the_order_of_their_numbers(ending: str, tmp_path: Path) -> None:
    # as texts sort: 0, 1, 10, 11, 2
    order = sorted(range(12), key=str)
    path = saved(table_of(order, y=LABELS, other=LABELS), tmp_path / f"rows{ending}")
    rows = rows_from_table(path, TableColumns("logit_*", "y"), "logits")
    np.testing.assert_array_equal(rows.logits, LOGITS)
    np.testing.assert_array_equal(rows.labels, LABELS)
    assert rows.kind == "logits"
    assert rows.class_names is None


def test_lists_hold_all_logits_of_a_row(tmp_path: Path) -> None:
    for kind in (pyarrow.list_(pyarrow.float64()), pyarrow.list_(pyarrow.float64(), 12)):
        table = pyarrow.table({"z": pyarrow.array(LOGITS.tolist(), type=kind), "labels": LABELS})
        rows = rows_from_table(saved(table, tmp_path / "rows.parquet"), TableColumns("z"))
        np.testing.assert_array_equal(rows.logits, LOGITS)
        np.testing.assert_array_equal(rows.labels, LABELS)


def test_what_the_star_stands_for_names_the_classes_of_labels_that_are_names(
    tmp_path: Path,
) -> None:
    texts = ANIMALS[LABELS % 3]
    columns = {f"z_{name}": LOGITS[:, k] for k, name in enumerate(ANIMALS)}
    for labels in (texts, pyarrow.array(texts).dictionary_encode()):
        table = pyarrow.table({**columns, "labels": labels})
        rows = rows_from_table(saved(table, tmp_path / "rows.parquet"), TableColumns("z_*"))
        assert rows.class_names == ("eel", "cat", "dog")
        np.testing.assert_array_equal(rows.numbered("multiclass").labels, LABELS % 3)


def test_numbered_columns_and_names_of_labels_go_by_sorted_order(tmp_path: Path) -> None:
    table = pyarrow.table(
        {**{f"z{k}": LOGITS[:, k] for k in range(3)}, "labels": ANIMALS[LABELS % 3]}
    )
    rows = rows_from_table(saved(table, tmp_path / "rows.csv"), TableColumns("z*"))
    numbered = rows.numbered("multiclass")
    assert numbered.class_names == ("cat", "dog", "eel")
    np.testing.assert_array_equal(numbered.labels, np.array([2, 0, 1])[LABELS % 3])


def test_several_labels_a_row_follow_the_columns_of_the_logits(tmp_path: Path) -> None:
    yes = LOGITS[:, :3] > 0
    table = pyarrow.table(
        {
            **{f"z_{name}": LOGITS[:, k] for k, name in enumerate(ANIMALS)},
            **{f"y_{ANIMALS[k]}": yes[:, k].astype(int) for k in (2, 0, 1)},
        }
    )
    rows = rows_from_table(saved(table, tmp_path / "rows.csv"), TableColumns("z_*", "y_*"))
    np.testing.assert_array_equal(rows.labels, yes)


def test_one_column_is_one_logit(tmp_path: Path) -> None:
    table = pyarrow.table({"z": LOGITS[:, 0], "labels": LABELS % 2})
    rows = rows_from_table(saved(table, tmp_path / "rows.csv"), TableColumns("z"))
    assert rows.logits.shape == (400,)
    assert rows.labels.shape == (400,)


WRONG: dict[str, tuple[dict[str, Any], TableColumns, str]] = {
    "no pattern": ({"labels": LABELS}, TableColumns(), "--logits-columns, such as 'logit_*'; its"),
    "no match": (
        {"labels": LABELS},
        TableColumns("score_*"),
        "must have columns that match 'score_*', its columns are 'logit_0', 'logit_1',",
    ),
    "no labels": (
        {"target": LABELS},
        TableColumns("logit_*"),
        "must have the column 'labels', its columns are",
    ),
    "near": ({"label": LABELS}, TableColumns("logit_*"), "did you mean 'label'?"),
    "texts": (
        {"labels": LABELS, "logit_12": ["high"] * 400},
        TableColumns("logit_*"),
        "the column 'logit_12' of",
    ),
    "a gap": (
        {"labels": LABELS, "logit_13": LABELS},
        TableColumns("logit_*"),
        "must be numbered without gaps, got 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 1 more",
    ),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_what_is_missing_is_named_with_the_columns_there_are(
    name: str, ending: str, tmp_path: Path
) -> None:
    further, columns, message = WRONG[name]
    path = saved(table_of(**further), tmp_path / f"rows{ending}")
    with pytest.raises(LogitconfError, match=re.escape(message)):
        rows_from_table(path, columns)


def test_empty_cells_are_named_by_their_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("logit_0,logit_1,labels\n1,2,0\n1,,1\n1,2,NA\n", encoding="utf-8")
    message = (
        "'logit_1' of .* must have a value in every row, got 1 empty cells, the first in row 1"
    )
    with pytest.raises(LogitconfError, match=message):
        rows_from_table(path, TableColumns("logit_*"))
    path.write_text("logit_0,logit_1,labels\n1,2,0\n1,3,NA\n", encoding="utf-8")
    with pytest.raises(LogitconfError, match=r"'labels' of .* the first in row 1"):
        rows_from_table(path, TableColumns("logit_*"))


def test_lists_of_several_lengths_and_with_empty_places_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    saved(pyarrow.table({"z": [[1.0, 2.0], [1.0]], "labels": [0, 1]}), path)
    with pytest.raises(LogitconfError, match="must all have one length, got 1, 2"):
        rows_from_table(path, TableColumns("z"))
    saved(pyarrow.table({"z": [[1.0, None], [1.0, 2.0]], "labels": [0, 1]}), path)
    with pytest.raises(LogitconfError, match="must have a value in every row"):
        rows_from_table(path, TableColumns("z"))


@pytest.mark.parametrize("content", [b"", b"\x00\xff" * 50, b"PAR1 and nothing"])
@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_files_that_are_none_are_refused(content: bytes, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows{ending}"
    path.write_bytes(content)
    with pytest.raises(LogitconfError):
        rows_from_table(path, TableColumns("logit_*"))


def test_names_that_stand_twice_and_tables_without_rows_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,a,labels\n1,2,0\n", encoding="utf-8")
    with pytest.raises(LogitconfError, match=r"must name each column once, got \['a'\]"):
        rows_from_table(path, TableColumns("a"))
    path.write_text("a,b,labels\n", encoding="utf-8")
    with pytest.raises(LogitconfError, match="must have at least one row, got none"):
        rows_from_table(path, TableColumns("a"))


def test_endings_tell_a_table() -> None:
    names = ["a.csv", "a.CSV", "a.tsv", "a.parquet", "a.pq"]
    assert all(is_table(Path(name)) for name in names)
    assert not any(is_table(Path(name)) for name in ("a.npz", "csv", "a.csv.npz"))


@pytest.mark.filterwarnings("ignore::logitconf.LogitconfWarning")
def test_fit_on_a_table_is_fit_on_its_arrays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    saved(table_of(y=LABELS), tmp_path / "val.csv")
    np.savez("val.npz", logits=LOGITS, labels=LABELS)
    columns = ["--logits-columns", "logit_*", "--labels-column", "y"]
    fit = ["--coverage", "0.8", "--score", "margin", "-o"]
    assert run(["fit", "val.csv", *columns, *fit, "table.json"]) == 0
    assert run(["fit", "val.npz", *fit, "arrays.json"]) == 0
    assert logitconf.load("table.json") == logitconf.load("arrays.json")
    assert run(["compare", "val.csv", *columns]) == 0
    assert run(["fit", "val.npz", *columns, *fit, "other.json"]) != 0
    assert "are for tables (.csv" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore::logitconf.LogitconfWarning")
def test_names_in_files_of_arrays_are_numbered_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = np.array(["c", "a", "b"])
    np.savez("names.npz", logits=LOGITS[:, :3], labels=np.sort(names)[LABELS % 3])
    np.savez("numbers.npz", logits=LOGITS[:, :3], labels=LABELS % 3)
    for each in ("names", "numbers"):
        assert run(["fit", f"{each}.npz", "--score", "softmax", "-o", f"{each}.json"]) == 0
    named = logitconf.load("names.json").card
    assert named.class_names == ("a", "b", "c")
    assert replace(named, class_names=None) == logitconf.load("numbers.json").card
