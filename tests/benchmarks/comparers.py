"""What general numeric comparers make of the faults that ``verify`` must catch.

    python tests/benchmarks/comparers.py            # needs pip install polygraphy

The faulty head runs in onnxruntime and is compared with the correct head in eager torch: by
Polygraphy's comparison and ``torch.testing.assert_close`` (to which torch's own verification
leads), both at their defaults, and by an allclose of the scores with an absolute tolerance of 1e-4,
as model exporters use. Each on 32 normal rows, and on the hard and boundary rows of ``verify``.

A comparer that calls the correct head different has caught nothing: its alarms on those rows are
marked "false alarm" and not counted. Rows without a finite score are left out of the second set,
since two of the three call NaN unequal to NaN.
"""

import sys
from collections import OrderedDict
from importlib import import_module
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from support import faults, head_models

from logitconf.errors import LogitconfError
from logitconf.head import ConfidenceHead
from logitconf_export.decisions.hard_rows import boundary_pairs, hard_rows
from logitconf_export.decisions.reference import Reference
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.runtimes.sessions import Session
from logitconf_export.verification.verifying import verify

Outputs = list[NDArray[Any]]
_ABSOLUTE = 1e-4


def run(model: onnx.ModelProto, rows: NDArray[np.float32]) -> Outputs | None:
    """Score and mask, None if onnxruntime refuses."""
    try:
        with Session(model, profile=False) as session:
            return [np.asarray(value) for value in session.run({"logits": rows}, ["score", "mask"])]
    except LogitconfError:
        return None


def polygraphy_catches(expected: Outputs, came: Outputs) -> bool:
    """Whether Polygraphy's default comparison calls them different."""
    comparator = import_module("polygraphy.comparator")
    logger = import_module("polygraphy.logger").G_LOGGER
    left, right = (
        comparator.IterationResult(
            OrderedDict(zip(("score", "mask"), values, strict=True)), runner_name=name
        )
        for name, values in (("torch", expected), ("onnxruntime", came))
    )
    with logger.verbosity(logger.CRITICAL):
        compared = comparator.SimpleCompareFunc()(left, right)
    return not all(bool(result) for result in compared.values())


def torch_catches(expected: Outputs, came: Outputs) -> bool:
    """Whether torch's assert_close, to which its verification leads, calls them different."""
    try:
        for left, right in zip(expected, came, strict=True):
            torch.testing.assert_close(torch.from_numpy(right), torch.from_numpy(left))
    except AssertionError:
        return True
    return False


def allclose_catches(expected: Outputs, came: Outputs) -> bool:
    """Whether the scores differ by more than 1e-4; masks are not compared."""
    left, right = expected[0], came[0]
    if left.shape != right.shape or left.dtype != right.dtype:
        return True
    return not np.allclose(left, right, rtol=0.0, atol=_ABSOLUTE, equal_nan=True)


COMPARERS = (polygraphy_catches, torch_catches, allclose_catches)
NAMES = ("Polygraphy", "torch", "allclose")
ALL_FAULTS = {
    **faults.NUMBER_FAULTS,
    **faults.CARD_FAULTS,
    **faults.GRAPH_FAULTS,
    **faults.SILENT_FAULTS,
}


def in_torch(head: ConfidenceHead, rows: NDArray[np.float32]) -> Outputs:
    """Score and mask of the correct head in eager torch."""
    decisions = Reference(head).decisions(rows)
    return [decisions.score, decisions.mask]


def main() -> int:
    """Prints the table; exit code 1 if ``verify`` misses a fault."""
    torch.set_num_threads(1)
    head = head_models.make_head()
    correct = to_onnx(head)
    normal = np.random.default_rng(0).standard_normal((32, 10)).astype(np.float32)
    hard = np.concatenate([hard_rows(10), *boundary_pairs(Reference(head).accepts, 10, pairs=200)])
    hard = hard[np.isfinite(in_torch(head, hard)[0])]
    sets = [(rows, in_torch(head, rows)) for rows in (normal, hard)]
    trials = [(compare, *one) for one in sets for compare in COMPARERS]
    alarms = [compare(expected, run(correct, rows) or []) for compare, rows, expected in trials]
    totals = np.zeros(1 + len(trials), dtype=int)
    names = [f"{name}, {rows} rows" for rows in ("normal", "hard") for name in NAMES]
    print(f"| fault | verify | {' | '.join(names)} |")
    print("|---" * (2 + len(names)) + "|")
    for name, fault in ALL_FAULTS.items():
        model = onnx.ModelProto()
        model.CopyFrom(correct)
        fault(model)
        caught = [not verify(model, optimisations=["all"], pairs=200).passed]
        marks = ["caught" if caught[0] else "missed"]
        for (compare, rows, expected), alarm in zip(trials, alarms, strict=True):
            came = run(model, rows)
            found = came is None or compare(expected, came)
            caught.append(found and not alarm)
            marks.append("false alarm" if alarm else "caught" if found else "missed")
        totals += caught
        print(f"| {name} | {' | '.join(marks)} |")
    print(f"| of {len(ALL_FAULTS)} | {' | '.join(map(str, totals.tolist()))} |")
    return int(totals[0] != len(ALL_FAULTS))


if __name__ == "__main__":
    sys.exit(main())
