"""The constants of rounding bands as proofs have them, and the record of them.

``python tests/benchmarks/bands.py --write`` puts the constants into `logitconf/scores/bands.py`,
for every score there that is marked as proved (five minutes); without, the table of
tests/records/bands.md is printed: what a search finds in onnxruntime, what is proved, and the band.
With names of scores, either is of those alone.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import numpy as np
import onnxruntime
from support.proved_bands import (
    SUMS,
    Bounds,
    Cell,
    bounds,
    cells,
    digests,
    recorded,
    smallest_constants,
    worst,
)

from logitconf.head_spec import Head
from logitconf.scores import bands
from logitconf.scores.bands import Band, Constants
from logitconf.scores.table import SCORES
from logitconf_export.decisions.reference import Reference
from logitconf_export.heads.metadata import read_metadata
from logitconf_export.onnx_files.types import Array
from logitconf_export.proof.composing.tensors import CannotProveError

T, LIMIT = 1.5, 100.0
SIZES = (2, 10, 100, 1000)
LABELS, MEMBERS = 10, 8
SOURCE = Path(str(bands.__file__))


def proved_constants(score: str) -> Mapping[str, tuple[Constants, Constants]]:
    """For pinned sums and for any order, by the name of the band that the table has."""
    judges = {sums: worst(sums, recorded()) for sums in SUMS}
    names = {id(value): name for name, value in vars(bands).items() if isinstance(value, Band)}
    proofs: dict[str, dict[str, list[tuple[Cell, Bounds]]]] = {}
    for cell in cells(score):
        own = proofs.setdefault(names[id(cell.band)], {sums: [] for sums in SUMS})
        own[cell.sums].append((cell, bounds(cell, judges[cell.sums])))
    made = {}
    for name, own in proofs.items():
        pinned = smallest_constants(own["pinned"])
        made[name] = pinned, smallest_constants(own["any order"], pinned)
    return made


def write(scores: Collection[str]) -> None:
    """Rewrites the constants of proved bands, and the tables that they come from."""
    text = SOURCE.read_text(encoding="utf-8")
    for score in scores:
        for name, pair in proved_constants(score).items():
            lines = "".join(f"    {spell(constants)},\n" for constants in pair)
            print(f"{name}\n{lines}", end="", flush=True)
            pattern = rf"(?m)(^{name} = Band\(\n)(?:    Constants\(.*\),\n)+"
            text, changed = re.subn(pattern, rf"\g<1>{lines}", text)
            if changed != 1:
                raise ValueError(f"{SOURCE.name} must have one {name} = Band( with its constants")
    entries = (f'        "{name}": "{sha}",' for name, sha in digests(recorded()).items())
    tables = "".join(f"{e}  # noqa: E501\n" if len(e) > 100 else f"{e}\n" for e in entries)
    pattern = r"(?s)(MappingProxyType\(\n    \{\n).*?(    \}\n)"
    text = re.sub(pattern, rf"\g<1>{tables}\2", text, count=1)
    SOURCE.write_text(text, encoding="utf-8")


def spell(constants: Constants) -> str:
    """As Python has them, without zeros at the end."""
    once, of_sum = constants.once, constants.of_sum
    parts = [f"{constants.ulps!r}"]
    if any(once) or any(of_sum):
        parts.append(f"{once!r}")
    if any(of_sum):
        parts.append(f"{of_sum!r}")
    return f"Constants({', '.join(parts)})"


def searched(cell: Cell, rounds: int = 4) -> float:
    """The largest error of onnxruntime that was met."""
    model = cell.model
    metadata = read_metadata(model)
    n = metadata.form.n_classes or 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    exact = Reference(Head.of_card(metadata.card, metadata.form))
    random, best = np.random.default_rng(0), 0.0
    # of members, each is sure of a class of its own in rows whose terms are alike
    shape = (n,) if cell.members is None else (n, cell.members)
    ones, first = (1,) * len(shape), 0 if cell.members is None else np.arange(cell.members) % n
    scale = 10.0 ** random.uniform(-2.0, 1.6, size=(600, *ones))
    sure = np.arange(n).reshape(n, *ones[1:]) == first
    alike = np.where(sure, 0.0, -random.uniform(0.0, 20.0, size=(200, *ones)))
    rows: Array = np.vstack([random.normal(size=(600, *shape)) * scale, alike])
    for step in range(rounds):
        rows = np.clip(rows, -LIMIT, LIMIT).astype(np.float32)
        (score,) = session.run(["score"], {session.get_inputs()[0].name: rows})
        truth = exact.truth(rows.astype(np.float64)).score.astype(np.float64)
        off = np.abs(score.astype(np.float64) - truth)
        off = np.where(np.isfinite(off), off, 0.0)
        best = max(best, float(off.max()))
        top = rows[np.argsort(off)[-8:]]
        spread = random.normal(size=(100, 8, *shape)) * 10.0 ** -(step + 1.0)
        rows = (top * (1.0 + spread)).reshape(-1, *shape)
    return best


def lines(scores: Collection[str]) -> Iterator[str]:
    """The record: a row a score, task and number of classes."""
    judges = {sums: worst(sums, recorded()) for sums in SUMS}
    yield (
        "| score | task | K | found | "
        + " | ".join(f"{sums}: bound | x found | band | band / 2 bounds" for sums in SUMS)
        + " |"
    )
    yield "|---|---|---|" + "---|" * 9
    for score in scores:
        own_cells = cells(
            score, sizes=SIZES, labels=(LABELS,), temperatures=(T,), members=(MEMBERS,)
        )
        for cell in own_cells:
            if cell.sums == "pinned":
                most = searched(cell)
                own = [score, cell.task, str(cell.n_classes), f"{most:.1e}"]
            try:
                box = bounds(cell, judges[cell.sums])
            except CannotProveError:
                own += ["none", "", "searched", ""]
            else:
                own += columns(cell, box, most)
            if cell.sums == SUMS[-1]:
                yield "| " + " | ".join(own) + " |"


def columns(cell: Cell, box: Bounds, most: float) -> list[str]:
    """The largest bound, how many times that found, the band there, and in how many bounds."""
    at = int(box.error.argmax())
    bound = float(box.error[at])
    band = float(cell.rounding.bands(box.far[at]))
    times = f"{bound / most:.1f}" if most else "-"
    return [f"{bound:.1e}", times, f"{band:.1e} at {box.far[at]:.3g}", f"{band / bound / 2:.2g}"]


def main() -> None:
    """Writes the constants, or prints the record."""
    names = [name for name in sys.argv[1:] if name != "--write"]
    if "--write" in sys.argv:
        write(names or [score for score, row in SCORES.items() if row.band.proved])
        return
    for name, sha in digests(recorded()).items():
        print(f"- {name}: {sha}")
    print(f"\nT = {T:g}, |x| <= {LIMIT:g}.\n")
    for line in lines(names or list(SCORES)):
        print(line, flush=True)


if __name__ == "__main__":
    main()
