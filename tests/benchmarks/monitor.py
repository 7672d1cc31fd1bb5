"""How often the monitor errs, and how soon it notices.

    PYTHONPATH=.:tests python -m benchmarks.monitor

False alarms are counted on many simulated streams at once, whose capital is kept here without
logarithms; a test compares it with the monitor's own. Delays, and a stream whose inputs move while
the promise holds, are those of the monitor itself on real rows.
"""

from __future__ import annotations

import argparse
import math
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from support import real_data

import logitconf
from logitconf.metrics.intervals import clopper_pearson_lower, clopper_pearson_upper
from logitconf.monitoring.monitor import BETS, INTERVAL, Monitor
from logitconf.monitoring.sketching import sketch_of
from logitconf.thresholds.calibration_rows import CalibrationRows
from logitconf.typed_json import json_values

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
ALPHA, MARGIN, COVERAGE = 0.05, 0.05, 0.8
SIZES = (1000, 2000, 5000, 20_000)
DELAY_SIZES = (1000, 2000, 5000, 60_000)
QUIET = (0, 5000, 30_000)
SHIFT = 30_000
# Accepted rows in a row, for the worst stretch of a stream.
WINDOW = 5000
# Streams that are played at once: what they need stays in the processor's cache.
BLOCK = 500


class ManyBets:
    """`Bets` of many players at once, each on streams of its own.

    Attributes:
        alarm: (P,) the row, of those bet on, at which the capital passed the limit; -1 if never.
    """

    def __init__(self, edges: Floats, patterns: NDArray[np.bool_], limit: float) -> None:
        """Nothing is bet on yet.

        Args:
            edges: (P, S) the largest share that the null allows.
            patterns: (P, Q, S) the zeros and ones that a row can show each player.
            limit: log of the capital at which an alarm is raised.
        """
        players, streams = edges.shape
        share = edges[:, None, :, None]
        bet = share + (1.0 - share) * np.array(BETS)
        ratio = np.where(patterns[..., None], bet / share, (1.0 - bet) / (1.0 - share))
        self.bets = streams * len(BETS)
        self.ratio = ratio.reshape(-1, self.bets)
        self.first = np.arange(players) * patterns.shape[1]
        self.limit = math.exp(limit) * self.bets
        self.capital = np.zeros((players, self.bets))
        self.rows = np.zeros(players, np.int64)
        self.starts = np.zeros(players, np.int64)
        self.alarm = np.full(players, -1)

    def play(self, pattern: Counts, judged: NDArray[np.bool_] | None = None) -> None:
        """Bets on one row of each player.

        Args:
            pattern: (P,) which of its patterns the row shows.
            judged: (P,) whether this row is bet on; every one is unless given.
        """
        starting = self.rows % INTERVAL == 0
        ratio = self.ratio[self.first + pattern]
        if judged is not None:
            starting &= judged
            ratio[~judged] = 1.0
        if starting.any():
            self.starts += starting
            self.capital += (starting / np.maximum(self.starts * (self.starts + 1), 1))[:, None]
        self.capital *= ratio
        above = self.total() >= self.limit
        if above.any():
            new = above & (self.alarm < 0)
            self.alarm[new] = self.rows[new]
            # it has been raised; more would overflow
            self.capital[above] = 0.0
        self.rows += 1 if judged is None else judged

    def total(self) -> Floats:
        """The capital of each, that of starts to come included, times the number of its bets."""
        held: Floats = self.capital.sum(axis=1) + self.bets / (self.starts + 1)
        return held


def patterns_of(levels: Floats) -> NDArray[np.bool_]:
    """(P, S + 1, S) what a uniform number shows that exceeds the lowest 0, 1, ... of S levels."""
    rank = levels.argsort(axis=1).argsort(axis=1)
    return np.asarray(rank[:, None, :] < np.arange(levels.shape[1] + 1)[:, None])


def calibrated(rows: int, seed: int) -> tuple[Floats, Floats, float]:
    """Cutoffs and threshold, and edges, of a sketch of uniform scores; and the limit of a monitor.

    Any continuous law of scores is this one in other numbers.
    """
    scores = np.random.default_rng(seed).random(rows).astype(np.float32)
    threshold = float(np.quantile(scores, COVERAGE))
    sketch = sketch_of(CalibrationRows(scores), threshold)
    assert sketch is not None
    monitor = Monitor({"sketch": json_values(sketch)}, alpha=ALPHA, margin=MARGIN)
    levels = np.array([*monitor.cutoffs.tolist(), threshold])
    return levels, np.array(monitor.inputs.edges), monitor.limit


def alarms(
    size: int, streams: range, rows: int, *, edge: str, risk: float = 0.1
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which streams raised an alarm: of changed inputs, and of a broken promise; (P,) each.

    Args:
        size: calibration rows; each stream has its own.
        streams: their seeds.
        rows: of each stream.
        edge: what the rows are like: ``"quiet"``, as in calibration; ``"null"``, each share grown
            by the margin; ``"bets"``, each share just that which the bets are against.
        risk: promised, and the probability of an error of each accepted row.
    """
    made = [calibrated(size, seed) for seed in streams]
    edges, limit = np.array([each[1] for each in made]), made[0][2]
    levels = np.array([each[0] for each in made])
    if edge != "quiet":
        levels = 1.0 - edges if edge == "bets" else levels - MARGIN
    inputs = ManyBets(edges, patterns_of(levels), limit)
    two = np.broadcast_to([[[False], [True]]], (len(made), 2, 1))
    promise = ManyBets(np.full((len(made), 1), risk), two, limit)
    generator = np.random.default_rng([streams.start, size, 1])
    ordered = np.sort(levels, axis=1)
    for start in range(0, rows, INTERVAL):
        shape = (min(INTERVAL, rows - start), len(made))
        size_of, error = generator.random(shape), generator.random(shape) < risk
        pattern = (size_of[..., None] > ordered).sum(axis=2)
        accepted = size_of <= levels[:, -1]
        for row in range(shape[0]):
            inputs.play(pattern[row])
            promise.play(error[row].astype(np.int64), accepted[row])
    return inputs.alarm >= 0, promise.alarm >= 0


def false_alarms(edge: str, streams: int, rows: int) -> Iterator[str]:
    """Lines of a table: how many of the streams raised an alarm, by calibration rows and in all."""
    both: list[tuple[NDArray[np.bool_], NDArray[np.bool_]]] = []
    each = streams // len(SIZES)
    for size in SIZES:
        own = [
            alarms(size, range(start, min(start + BLOCK, each)), rows, edge=edge)
            for start in range(0, each, BLOCK)
        ]
        both += own
        yield _alarm_line(edge, f"{size:,}", own)
    yield _alarm_line(edge, "all", both)


def _alarm_line(
    edge: str, size: str, raised: Sequence[tuple[NDArray[np.bool_], NDArray[np.bool_]]]
) -> str:
    inputs, promise = (np.concatenate(column) for column in zip(*raised, strict=True))
    streams, either = len(inputs), int((inputs | promise).sum())
    low = clopper_pearson_lower(either, streams, 0.975)
    high = clopper_pearson_upper(either, streams, 0.975)
    verdict = "kept" if low <= ALPHA else "BROKEN"
    return (
        f"| {edge} | {size} | {streams:,} | {inputs.sum()} | {promise.sum()} | {either} | "
        f"{either / streams:.4f} [{low:.4f}, {high:.4f}] | {verdict} |"
    )


def _monitor_of(score: Any, risk: float) -> Monitor:
    card = score.card.to_dict()
    return Monitor({**card, "certificate": {"risk": risk}}, alpha=ALPHA, margin=MARGIN)


def delays(size: int, quiet: int, draws: int, risk: float = 0.2) -> str:
    """A line of a table: rows after the shift of the public stream until the monitor is certain.

    Args:
        size: calibration rows, drawn from the 60,000 before the stream.
        quiet: rows of the stream before the shift that the monitor sees.
        draws: of the calibration rows.
        risk: promised; it is kept before the shift and broken after it.
    """
    data = real_data.arrays("nannyml_mc_synthetic.npz")
    after: dict[str, list[float]] = {"inputs": [], "promise": []}
    early = 0
    for seed in range(draws):
        chosen = np.random.default_rng(seed).permutation(60_000)[:size]
        score = logitconf.fit(
            data["reference_probs"][chosen],
            data["reference_labels"][chosen].astype(np.int64),
            kind="probabilities",
            coverage=COVERAGE,
        )
        monitor = _monitor_of(score, risk)
        rows = slice(SHIFT - quiet, SHIFT + 10_000)
        answer = data["analysis_probs"][rows]
        scores = np.asarray(score.score(answer, kind="probabilities"))
        mask = scores < score.card.threshold
        right = answer.argmax(axis=1) == data["analysis_labels"][rows]
        monitor.update(scores, mask, right)
        assert monitor.promise is not None
        for name, bets in (("inputs", monitor.inputs), ("promise", monitor.promise)):
            after[name].append(math.inf if bets.alarm is None else bets.alarm - quiet + 1)
            early += after[name][-1] <= 0
    figures = [
        f"{np.median(after[name]):.0f} ({min(after[name]):.0f} to {max(after[name]):.0f})"
        for name in after
    ]
    return f"| {size:,} | {quiet:,} | {draws} | {' | '.join(figures)} | {early} |"


def employment(risk: float) -> str:
    """A line of a table: a promise made on the rows of 2015 and watched from 2016 to 2018."""
    data = real_data.arrays("nannyml_employment_ma_binary.npz")

    def two(shares: NDArray[np.float32]) -> Floats:
        return np.column_stack([1.0 - shares.astype(np.float64), shares])

    score = logitconf.fit(
        two(data["reference_prob"]),
        data["reference_label"].astype(np.int64),
        kind="probabilities",
        risk=risk,
        holdout=0.5,
    )
    monitor = Monitor(score.card.to_dict(), alpha=ALPHA, margin=MARGIN)
    answer = two(data["analysis_prob"])
    scores = np.asarray(score.score(answer, kind="probabilities"))
    mask = scores < score.card.threshold
    right = answer.argmax(axis=1) == data["analysis_label"]
    verdict = monitor.update(scores, mask, right)
    certificate = score.card.certificate
    assert certificate is not None
    assert monitor.promise is not None
    broken = monitor.promise.alarm
    wrong = np.concatenate([[0], np.cumsum(~right[mask])])
    worst = float((wrong[WINDOW:] - wrong[:-WINDOW]).max() / WINDOW)
    return (
        f"| {risk:g} | {certificate.accepted / certificate.rows:.3f} | {certificate.bound:.4f} | "
        f"{mask.mean():.3f} | {1 - right[mask].mean():.4f} | {worst:.4f} | "
        f"{monitor.rows:,} | {verdict} | "
        f"{'never' if monitor.inputs.alarm is None else monitor.inputs.alarm} | "
        f"{'never' if broken is None else broken} |"
    )


def main() -> None:
    """Prints the tables of the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="*", default=["alarms", "delays", "employment"])
    parser.add_argument("--rows", type=int, default=30_000)
    parser.add_argument("--draws", type=int, default=20)
    options = parser.parse_args()
    warnings.simplefilter("ignore", logitconf.LogitconfWarning)
    if "employment" in options.parts:
        for risk in (0.05, 0.1, 0.15):
            print(employment(risk), flush=True)
    if "delays" in options.parts:
        for size in DELAY_SIZES:
            for quiet in QUIET:
                # of all 60,000 rows there is but one draw
                draws = 1 if size == DELAY_SIZES[-1] else options.draws
                print(delays(size, quiet, draws), flush=True)
    if "alarms" in options.parts:
        for edge, streams in (("null", 1000), ("bets", 1000), ("quiet", 10_000)):
            for line in false_alarms(edge, streams, options.rows):
                print(line, flush=True)


if __name__ == "__main__":
    main()
