"""Heads changed at random, judged by the prover and run: ``python -m support.changed_heads``.

A head that is called proved must decide in onnxruntime as its card says, by scores that are
computed another way (`support.reference`), on rows made to find where it does not. With
``--seconds`` it goes on so long, with ``--seed`` from another start; it prints what was proved and
decides otherwise, what was refuted though nothing differs, and what the prover cannot stand.
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from support import reference
from support.head_edits import Editor, results_of
from support.proofs import THRESHOLDS
from support.proved_forms import measured
from support.random_edits import Random, change

from logitconf.calibration.maps.calibration_map import CalibrationMap
from logitconf.card.score_card import ScoreCard
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.heads.metadata import read_metadata
from logitconf_export.proof import prover
from logitconf_export.proof.exact import row_kinds
from logitconf_export.proof.prover import Question, prove
from logitconf_export.proof.verdicts import RuntimeProof

Float64 = NDArray[np.float64]
LIMIT = 100.0
_SCORES = (
    *("softmax", "entropy", "energy", "margin", "softmax_margin", "max_logit"),
    *("gini", "doctor", "doctor_beta"),
)
_MAP = CalibrationMap("vector", scale=(1.0, 1.125, 0.875), bias=(0.25, -0.5, 0.375))


@dataclass(frozen=True, eq=False)
class Head:
    """A head as it is made.

    Attributes:
        name: in words.
        card: its card.
        form: of its graph.
    """

    name: str
    card: ScoreCard
    form: str

    @property
    def n(self) -> int:
        """How many columns it reads."""
        assert self.card.n_classes is not None
        return self.card.n_classes


@lru_cache(maxsize=1)
def heads() -> list[Head]:
    """Every score, form and kind of head, small."""
    made = []
    for score in _SCORES:
        threshold = THRESHOLDS.get(score, 0.3 if score != "softmax_margin" else -0.3)
        for form in ("any", "onnxruntime", "cuda"):

            def add(name: str, task: str, n: int, **parts: Any) -> None:
                own = {"threshold": threshold, **parts}  # noqa: B023
                card = ScoreCard(score, task, temperature=1.5, n_classes=n, **own)  # noqa: B023
                made.append(Head(f"{score} {form} {name}", card, form))  # noqa: B023

            for n in (2, 3, 5):
                add(f"{n} classes", "multiclass", n)
            if score in ("margin", "softmax_margin"):
                add("40 classes", "multiclass", 40)
            add("one logit", "binary", 1)
            add("labels", "multilabel", 3)
            limits = (threshold, threshold + 0.125, threshold - 0.125)
            add("classes' thresholds", "multiclass", 3, threshold=limits)
            add("vector map", "multiclass", 3, calibration_map=_MAP)
    return made


def exact_scores(card: ScoreCard, logits: Float64) -> Float64:
    """Scores by definitions, of logits as they are read."""
    made = card.calibration_map
    if made is not None:
        assert made.scale is not None
        logits = logits * np.asarray(made.scale) + np.asarray(made.bias)
    task = card.task
    with np.errstate(all="ignore"):
        return reference.score(card.score, logits, card.temperature, task)


def thresholds_of(card: ScoreCard, logits: Float64) -> Float64:
    """The threshold of each row; of several largest classes the least."""
    limits = np.asarray(card.threshold, dtype=np.float32).astype(np.float64)
    if not limits.ndim:
        return np.full(len(logits), float(limits))
    top = logits == logits.max(axis=1, keepdims=True)
    return np.asarray(np.where(top, limits, np.inf).min(axis=1))


def _near_threshold(card: ScoreCard, rows: Float64, random: Random) -> Float64:
    """Rows between accepted and rejected ones, by bisection of the exact score."""
    accepted = exact_scores(card, rows) < thresholds_of(card, rows)
    if accepted.all() or not accepted.any():
        return rows[:0]
    low, high = (rows[random.choice(np.flatnonzero(side), 40)] for side in (accepted, ~accepted))
    for _ in range(40):
        middle = 0.5 * (low + high)
        inside = (exact_scores(card, middle) < thresholds_of(card, middle))[:, None]
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    near = np.concatenate([low, high]).astype(np.float32)
    moved = [np.nextafter(near, np.float32(s * np.inf)) for s in (-1, 1)]
    return np.concatenate([near, *moved]).astype(np.float64)


def _special_rows(n: int) -> Float64:
    inf, nan = np.inf, np.nan
    parts = [np.full(n, v) for v in (0.0, -0.0, 1.0, LIMIT, -LIMIT, 1e-45, nan, inf, -inf)]
    singles = (*(LIMIT, -LIMIT, 30.0, 1e-45, nan, inf, -inf), 3.4e38, -3.4e38)
    for base in (0.0, 3.0, -5.0, -LIMIT, LIMIT, -inf, inf, nan):
        for number in singles:
            for at in range(min(n, 5)):
                row = np.full(n, base)
                row[at] = number
                parts.append(row)
                if n > 2:
                    parts.append(row.copy())
                    parts[-1][(at + 1) % n] = 7.0
                    parts.append(row.copy())
                    parts[-1][(at + 1) % n] = number
    return np.array(parts)


@dataclass(frozen=True)
class Rows:
    """Rows, and what is right for them."""

    logits: NDArray[np.float32]
    exact: Float64
    limits: Float64


@cache
def _rows_for(head: Head) -> Rows:
    card, n, random = head.card, head.n, np.random.default_rng(1)
    parts = [scale * random.normal(size=(60, n)) for scale in (0.01, 1.0, 4.0, 30.0)]
    ties = np.round(2.0 * random.normal(size=(60, n)))
    plain = np.clip(np.concatenate([*parts, ties]), -LIMIT, LIMIT).astype(np.float32)
    near = _near_threshold(card, plain.astype(np.float64), random)
    with np.errstate(all="ignore"):
        masked = np.where(random.random((60, n)) < 0.3, -np.inf, plain[:60])
        rows = np.concatenate([plain, near, _special_rows(n), masked]).astype(np.float32)
    wide = rows.astype(np.float64)
    return Rows(rows, exact_scores(card, wide), thresholds_of(card, wide))


@dataclass
class Judged:
    """A changed head and what is said of it.

    Attributes:
        head: as it was.
        changes: what was done.
        model: as it is.
        proof: what the prover says; None where it fell.
        fault: what is wrong with that; empty for nothing.
    """

    head: Head
    changes: tuple[str, ...]
    model: onnx.ModelProto
    proof: RuntimeProof | None = None
    fault: str = ""


def wrong(head: Head, model: onnx.ModelProto, proof: RuntimeProof) -> str:
    """Where a proved head does not decide as its card says; empty if no row tried shows it."""
    rows, bound = _rows_for(head), proof.bound
    assert bound is not None
    some = [rows.logits, rows.logits[:1], rows.logits[: head.n], rows.logits[-head.n :]]
    for logits in some:
        score, mask = results_of(model, logits)
        if score.shape != (len(logits),) or mask.shape != (len(logits),):
            return f"{len(logits)} rows have scores {score.shape} and masks {mask.shape}"
    score, mask = results_of(model, rows.logits)
    computed, accepted = score.astype(np.float64), mask.astype(bool)
    inside = np.isfinite(rows.logits).all(axis=1) & (np.abs(rows.logits) <= LIMIT).all(axis=1)
    if not bound.masked:
        numbers = np.where(np.isneginf(rows.logits), 0.0, rows.logits)
        inside |= (np.abs(numbers) <= LIMIT).all(axis=1) & np.isfinite(rows.exact)
    without = ~np.isfinite(rows.exact) & ~np.isfinite(rows.logits).all(axis=1)
    with np.errstate(all="ignore"):
        far = np.abs(rows.exact - rows.limits) > bound.near_threshold * (1 + 1e-6) + 1e-12
        flips = inside & far & (accepted != (rows.exact < rows.limits))
        off = inside & ~(np.abs(computed - rows.exact) <= bound.anywhere * (1 + 1e-6) + 1e-12)
    for kind, hits in (("accepted", without & accepted), ("flipped", flips), ("off", off)):
        if hits.any():
            at = int(np.flatnonzero(hits)[0])
            row = rows.logits[at][:8].tolist()
            return f"{kind}: {row} scores {computed[at]!r}, exactly {rows.exact[at]!r}"
    return ""


def alike(head: Head, model: onnx.ModelProto) -> bool:
    """Whether a changed head gives what it gave before, on every row that is tried."""
    rows = _rows_for(head).logits
    before, after = results_of(_made(head), rows), results_of(model, rows)
    same = np.array_equal(before[0], after[0], equal_nan=True)
    return same and np.array_equal(before[1], after[1])


@cache
def _made(head: Head) -> onnx.ModelProto:
    return to_onnx(head.card, n_classes=head.n, runtime=head.form)


def runs(model: onnx.ModelProto, head: Head) -> bool:
    """Whether onnxruntime runs the file on any number of rows, and gives what it should."""
    rows = _rows_for(head).logits
    try:
        made = [results_of(model, rows[:n]) for n in (1, head.n, len(rows))]
    except Exception:
        # what a runtime refuses decides nothing
        return False
    return all(score.dtype == np.float32 and mask.dtype == bool for score, mask in made)


@contextmanager
def wide_boxes() -> Iterator[None]:
    """Rows cut into few boxes, and bounds that may be many bands: quick, and no less true."""
    edges, most, rounds = row_kinds._edges, prover.MOST_BANDS, prover._ROUNDS

    def coarse(first: float, last: float, ratio: float) -> Float64:
        return edges(max(first, last * 1e-4), last, max(ratio, 3.0))

    row_kinds._edges, prover.MOST_BANDS, prover._ROUNDS = coarse, 10**9, 1
    try:
        yield
    finally:
        row_kinds._edges, prover.MOST_BANDS, prover._ROUNDS = edges, most, rounds


def judged_heads(seed: int, most: int) -> Iterator[Judged]:
    """Changed heads that run, as they are judged, for each seed the same."""
    random, bases, runtime = np.random.default_rng(seed), heads(), measured()
    made = 0
    while made < most:
        head = bases[random.integers(0, len(bases))]
        editor = Editor(_made(head))
        try:
            made_of = [change(editor, random) for _ in range(random.integers(1, 4))]
            changes, model = tuple(filter(None, made_of)), editor.ready()
        except (ValueError, RuntimeError):
            # circles, shapes that nothing has
            continue
        if not changes or not runs(model, head):
            continue
        made += 1
        judged = Judged(head, changes, model)
        try:
            with np.errstate(all="ignore"):
                judged.proof = prove(Question(model, read_metadata(model)), runtime)
        except Exception as error:
            judged.fault = f"{type(error).__name__}: {error}"
        else:
            if judged.proof.verdict == "PROVED":
                judged.fault = wrong(head, model, judged.proof)
            elif judged.proof.verdict == "REFUTED" and alike(head, model):
                judged.fault = f"refuted, though nothing differs: {judged.proof.reason}"
        yield judged


def main() -> None:
    """Judges changed heads for a while."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fine", action="store_true", help="boxes as they are")
    asked = parser.parse_args()
    with nullcontext() if asked.fine else wide_boxes():
        judge(asked.seconds, asked.seed)


def judge(seconds: float, seed: int) -> None:
    """Judges changed heads for so long, and prints what is wrong."""
    counts: Counter[str] = Counter()
    start = time.monotonic()
    for judged in judged_heads(seed, 10**9):
        counts[judged.proof.verdict if judged.proof else "fell"] += 1
        if judged.fault:
            counts["faults"] += 1
            print(judged.head.name, judged.changes, judged.fault, sep=" | ", flush=True)
        if time.monotonic() - start > seconds:
            break
    print(dict(counts))


if __name__ == "__main__":
    main()
