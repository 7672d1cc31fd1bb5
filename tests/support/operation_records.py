"""Measures runtimes anew for ``tests/records/operations``; wants a machine that does nothing else.

Usage: python tests/support/operation_records.py [--thorough] RUNTIME..., named as for
``measure-runtime --on``. One runtime after the other; a record on the same processor is replaced.
"""

import argparse
import time
from pathlib import Path

from logitconf_export.proof.tables.evaluators import evaluator_of
from logitconf_export.proof.tables.files import file_name, write_tables
from logitconf_export.proof.tables.measuring import measure, wish_of

RECORDS = Path(__file__).resolve().parents[1] / "records" / "operations"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--thorough", action="store_true")
    parser.add_argument("runtimes", nargs="+")
    given = parser.parse_args()
    for name in given.runtimes:
        begin = time.perf_counter()
        tables = measure(evaluator_of(name), wish_of([1.5]), thorough=given.thorough)
        path = RECORDS / file_name(tables.environment)
        write_tables(path, tables, force=True)
        print(f"{path.name}: {time.perf_counter() - begin:.0f} s", flush=True)


if __name__ == "__main__":
    main()
