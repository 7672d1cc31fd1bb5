"""What small calls load: ``PYTHONPATH=.:export:tests python -m benchmarks.imports``.

Modules in a fresh interpreter beside their limits, which `tests/whole/test_import_costs.py` holds;
with ``--instructions`` (valgrind) how many instructions each takes, relative to importing typer.
"""

import argparse
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table
from support.import_costs import CALLS, instructions_of, loaded_by
from whole.test_import_costs import make_looked_at


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instructions", action="store_true", help="a minute and a half")
    options = parser.parse_args()
    table = Table(
        "call", "modules", "at most", "own", "at most", "heavy", "instructions", "x typer"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_looked_at(folder)
        unit = instructions_of("import typer", folder) if options.instructions else None
        for call in CALLS:
            loaded = loaded_by(call, folder)
            taken = instructions_of(call.code, folder) if options.instructions else None
            table.add_row(
                call.name, f"{loaded.modules}", f"{call.most}", f"{loaded.own}", f"{call.own}",
                " ".join(sorted(loaded.heavy)), "" if taken is None else f"{taken / 1e6:.0f} M",
                "" if taken is None or unit is None else f"{taken / unit:.2f}",
            )  # fmt: skip
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
