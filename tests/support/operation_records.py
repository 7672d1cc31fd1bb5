"""Measures runtimes anew for ``tests/records/operations``; wants a machine that does nothing else.

Usage: python tests/support/operation_records.py [--thorough | --add] [RUNTIME...], named as for
``measure-runtime --on``. One runtime after the other; a record on the same processor is replaced.
With --add its tables of floats and of special values stay: sums are measured again, and what was
refused, and what it does not have. The page on tables gets its rows from all records; with no
runtime that alone is done.
"""

import argparse
import math
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from logitconf_export.proof.tables.environments import environment_of
from logitconf_export.proof.tables.evaluators import evaluator_of
from logitconf_export.proof.tables.files import file_name, read_tables, write_tables
from logitconf_export.proof.tables.measuring import SECONDS, completed, extended, measure, wish_of
from logitconf_export.proof.tables.operation_table import RuntimeTables

ROOT = Path(__file__).resolve().parents[2]
RECORDS = ROOT / "tests" / "records" / "operations"
PAGE = ROOT / "docs" / "reference" / "operation-tables.md"
HEADER = (
    "| runtime | minutes | Exp | Log | last axis | other axis | in Softmax | in LogSoftmax |\n"
    "|---|---|---|---|---|---|---|---|\n"
)


def rows_of(records: Sequence[RuntimeTables]) -> str:
    """A row of the page for each record."""
    return "".join(_row(record) for record in records)


def _row(record: RuntimeTables) -> str:
    cells = [record.environment.name, f"{record.seconds / 60:.1f}"]
    for name, low, high in (("Exp", -40.0, -(2.0**-6)), ("Log", 1.0, 1000.0)):
        error = record.error(name, low, high)
        share = "every float" if error.exhaustive else "sample"
        cells.append(f"{max(-error.least, error.most):.3g} ({share})")
    sums = ("ReduceSum", "last"), ("ReduceSum", "inner"), ("Softmax sum", "last")
    for name, axis in (*sums, ("LogSoftmax sum", "last")):
        known = record.depth(name, 1000, axis)
        depths = "" if known is None else f"{known.depth}, {record.order(name, axis).kind}"
        cells.append(depths or "none")
    return f"| {' | '.join(cells)} |\n"


def records() -> list[RuntimeTables]:
    """All records, by the names of their files."""
    return [read_tables(path) for path in sorted(RECORDS.glob("*.json"))]


def write_page() -> None:
    """Puts the rows of all records in place of those of the page."""
    before, _, after = PAGE.read_text(encoding="utf-8").partition(HEADER)
    rest = after.splitlines(keepends=True)
    while rest and rest[0].startswith("|"):
        rest.pop(0)
    text = before + HEADER + rows_of(records()) + "".join(rest)
    PAGE.write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--thorough", action="store_true")
    parser.add_argument("--add", action="store_true")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    # a record is whole, whatever it takes
    parser.add_argument("--limit", type=float, default=math.inf)
    parser.add_argument("runtimes", nargs="*")
    given = parser.parse_args()
    may_take = {"seconds": given.seconds, "limit": given.limit}
    for name in given.runtimes:
        begin, cpu = time.perf_counter(), time.process_time()
        evaluator = evaluator_of(name)
        path = RECORDS / file_name(environment_of(evaluator))
        if given.add:
            held = replace(read_tables(path), sums=(), refused=())
            held = completed(held, evaluator, **may_take)
            tables = extended(held, evaluator, wish_of([1.5]).missing(held), **may_take)
        else:
            tables = measure(evaluator, wish_of([1.5]), thorough=given.thorough, **may_take)
        write_tables(path, tables, force=True)
        seconds = f"{time.perf_counter() - begin:.0f} s, {time.process_time() - cpu:.0f} of CPU"
        print(f"{path.name}: {seconds}, load {os.getloadavg()[0]:.1f}", flush=True)
    write_page()


if __name__ == "__main__":
    main()
