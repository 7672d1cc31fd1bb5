"""Nodes and bytes of heads: ``PYTHONPATH=.:export:tests python -m benchmarks.head_costs``.

Writes ``tests/records/head_costs.md``, which a test holds, beside the costs of an older revision.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

from support.graph_costs import HEADER, ROWS, case_cost, cell, counted_heads
from support.head_revisions import HeadCase, head_model, heads_of

from logitconf.card.score_card import RUNTIMES

RECORD = Path(__file__).parents[1] / "records" / "head_costs.md"

TEXT = """\
# What a head costs, counted

Nodes that depend on the logits · bytes that they read and write, in units of the logits' own size,
for {rows} rows in float32; an arrow leads from revision {revision} to today. Folded constants count
nothing, nor do views (Reshape, Squeeze). Written by `benchmarks.head_costs`, held by
`tests/whole/test_head_costs.py`. A node costs about a microsecond on a CPU and a launch on a GPU,
however few the rows; passes are what large batches pay for.
"""


def lines_of(after: Mapping[HeadCase, str], before: Mapping[HeadCase, str]) -> list[str]:
    """The table: a line for score, task and columns, a cell for each form."""
    lines = [HEADER, "|---|---|---|---|---|---|"]
    for case in after:
        if case.runtime != RUNTIMES[0]:
            continue
        cells = []
        for runtime in RUNTIMES:
            same = HeadCase(case.score, case.task, case.columns, runtime=runtime)
            old, new = before.get(same), after[same]
            cells.append(new if old in {None, new} else f"{old} → {new}")
        lines.append(f"| {case.score} | {case.task} | {case.columns} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", default="f4c307a", metavar="REVISION", help="to compare with")
    revision = parser.parse_args().before
    cases = counted_heads()
    older = zip(cases, heads_of(revision, cases), strict=True)
    before = {case: cell(case_cost(model, case)) for case, model in older if model is not None}
    after = {case: cell(case_cost(head_model(case), case)) for case in cases}
    RECORD.write_text(
        TEXT.format(rows=ROWS, revision=revision) + "\n".join(lines_of(after, before)) + "\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
