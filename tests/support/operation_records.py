"""Measures runtimes anew for ``tests/records/operations``; wants a machine that does nothing else.

Usage: python tests/support/operation_records.py [--thorough | --add] RUNTIME..., named as for
``measure-runtime --on``. One runtime after the other; a record on the same processor is replaced.
With --add its tables of floats and of special values stay: sums are measured again, and what was
refused, and what it does not have.
"""

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path

from logitconf_export.proof.tables.environments import environment_of
from logitconf_export.proof.tables.evaluators import evaluator_of
from logitconf_export.proof.tables.files import file_name, read_tables, write_tables
from logitconf_export.proof.tables.measuring import completed, extended, measure, wish_of

RECORDS = Path(__file__).resolve().parents[1] / "records" / "operations"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--thorough", action="store_true")
    parser.add_argument("--add", action="store_true")
    parser.add_argument("runtimes", nargs="+")
    given = parser.parse_args()
    for name in given.runtimes:
        begin, cpu = time.perf_counter(), time.process_time()
        evaluator = evaluator_of(name)
        path = RECORDS / file_name(environment_of(evaluator))
        if given.add:
            held = replace(read_tables(path), sums=(), refused=())
            tables = extended(completed(held, evaluator), evaluator, wish_of([1.5]).missing(held))
        else:
            tables = measure(evaluator, wish_of([1.5]), thorough=given.thorough)
        write_tables(path, tables, force=True)
        seconds = f"{time.perf_counter() - begin:.0f} s, {time.process_time() - cpu:.0f} of CPU"
        print(f"{path.name}: {seconds}, load {os.getloadavg()[0]:.1f}", flush=True)


if __name__ == "__main__":
    main()
