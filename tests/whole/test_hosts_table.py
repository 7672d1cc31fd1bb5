"""The table of real hosts: what a row says, and that a wrong score would be called so."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from support import hosts_table
from support.real_hosts import REAL_HOSTS, NotAvailableError, fetch
from whole.test_real_attachment import truth

RECORD = Path(__file__).parents[1] / "records" / "real_hosts.md"
IRIS = next(host for host in REAL_HOSTS if host.member.endswith("logreg_iris.onnx"))
DETECTOR = next(host for host in REAL_HOSTS if host.package.startswith("nudenet"))


def test_a_host_has_a_row_for_each_place() -> None:
    rows = list(hosts_table.rows(IRIS, fetch(IRIS)))
    assert [row[2].split(",")[0] for row in rows] == ["probabilities", "probabilities"]
    assert rows[1][3] == "attached"
    assert [row[5] for row in rows] == ["identical", "identical"]
    assert not any("WRONG" in cell for row in rows for cell in row)


def test_a_detector_is_listed_with_the_reason_of_its_refusal() -> None:
    try:
        path = fetch(DETECTOR)
    except NotAvailableError as missing:
        pytest.skip(str(missing))
    ((_, what, found, reason, *_),) = hosts_table.rows(DETECTOR, path)
    assert (what, found) == ("detector", "nothing")
    assert "a detector's boxes" in reason


def test_a_score_that_is_off_is_called_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def off(*arguments: object) -> NDArray[np.float64]:
        return truth(*arguments) + 1e-4  # type: ignore[arg-type]

    monkeypatch.setattr(hosts_table, "truth", off)
    rows = list(hosts_table.rows(IRIS, fetch(IRIS)))
    assert all(row[4].startswith("WRONG") for row in rows)


def test_the_record_lists_every_host_and_nothing_wrong() -> None:
    text = RECORD.read_text(encoding="utf-8")
    for host in REAL_HOSTS:
        assert f"{host.package.replace('==', ' ')}: " in text
    assert "WRONG" not in text
    assert "CHANGED" not in text
    assert "not available" not in text
