"""The record of proved bands is what the proof says today, and names what the table lacks."""

import re
from pathlib import Path

import pytest
from benchmarks.bands import ANY_ORDER, model_of, proved

ROOT = Path(__file__).parents[3]
RECORD = (ROOT / "tests" / "records" / "bands.md").read_text(encoding="utf-8")


def cells(score: str, n: int) -> list[str]:
    line = re.search(rf"^\| {score} \| multiclass \| {n} \|.*$", RECORD, re.MULTILINE)
    assert line is not None
    return [cell.strip() for cell in line.group(0).split("|")[1:-1]]


@pytest.mark.parametrize("score", ["softmax", "entropy", "margin", "gini"])
@pytest.mark.parametrize("n", [10, 1000])
def test_a_recorded_bound_is_what_is_proved(score: str, n: int) -> None:
    bound, ratio, _ = proved(model_of(score, "multiclass", n), ANY_ORDER)
    recorded = cells(score, n)
    assert float(recorded[6].split()[0]) == pytest.approx(bound, rel=0.01)
    assert float(recorded[7].split()[0]) == pytest.approx(ratio, rel=0.06)


def test_no_error_that_was_found_is_beyond_its_bound() -> None:
    rows = [
        line.split("|")[1:-1]
        for line in RECORD.splitlines()
        if re.match(r"^\| \w+ \| \w+ \| \d", line)
    ]
    assert len(rows) > 50
    for row in rows:
        if "none" not in row[4]:
            assert float(row[3]) <= float(row[4].split()[0]), row


def test_scores_with_a_band_below_what_is_proved_are_named() -> None:
    named = RECORD.split("**Where the table's band is below")[1].lower()
    for line in RECORD.splitlines():
        row = line.split("|")[1:-1]
        if len(row) == 8 and re.match(r"^ \d", row[5]) and float(row[5].split()[0]) > 1.0:
            word = row[0].strip().split("_")[0]
            assert word in named, row
