"""Does a model still do what its score card says? One file that needs NumPy alone; copy it freely.

A card keeps a small sketch of the scores on which its threshold was chosen. A `Monitor` is fed with
the scores and masks of the rows that come, and with labels where they come, and tells two things
apart:

- *inputs changed*: more rows are rejected, or lie beyond a few fixed quantiles of the calibration
  scores, than the calibration rows allow plus a margin. The promise is then **in doubt**.
- *promise broken*: more of the accepted rows are wrong than the card promises. It is **void**.

Each is a betting martingale (Ville's inequality): however long the stream, the probability of any
false alarm is at most `alpha`, half of it for each. A long quiet time does not blind it: bets start
anew every hundred rows, the k-th with a share 1 / (k (k + 1)) of the capital. What it does not
see: a change that leaves the scores as they were, without labels; a change of less than the margin.

    monitor = Monitor("card.json", log="monitor.log")
    monitor.update(score, mask, right=None)  # a batch as the model gives it; `right`: with labels
    print(monitor.status())

As a program: ``python monitor.py card.json monitor.log rows.npz``.
"""

from __future__ import annotations

import json
import math
import os
import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

# Rows between two starts of the bets.
INTERVAL = 100
# A bet is a likelihood ratio: of a share that lies so far between the edge of the null and 1.
BETS = (0.03, 0.08, 0.2, 0.5)


@dataclass
class Bets:
    """A mixture of bets that shares do not exceed their edges, with restarts.

    Attributes:
        edges: (S,) the largest share that the null allows each stream of zeros and ones.
        capital: (S, B) log of the capital of all starts so far, by stream and bet.
        walk: (S, B) log of the capital of a bet made at the first row.
        best: (S, B) the lowest point of `walk` so far, less the log of the start's share.
        since: (S, B) the row of that start.
        rows, starts: how many rows were bet on, and how often bets started.
        alarm, changed: the row at which the capital passed the limit, and that of the start that
            won most; None so far.
    """

    edges: list[float]
    capital: Any = field(default_factory=list)
    walk: Any = field(default_factory=list)
    best: Any = field(default_factory=list)
    since: Any = field(default_factory=list)
    rows: int = 0
    starts: int = 0
    alarm: int | None = None
    changed: int | None = None

    def __post_init__(self) -> None:
        shape = (len(self.edges), len(BETS))
        empty = {"capital": -np.inf, "walk": 0.0, "best": np.inf, "since": 0.0}
        for name, value in empty.items():
            kept = getattr(self, name)
            kept = np.full(shape, value) if len(kept) == 0 else np.asarray(kept, dtype=float)
            setattr(self, name, kept)

    def play(self, ones: np.ndarray, numbers: np.ndarray, limit: float) -> None:
        """Bets on rows of zeros and ones, in their order.

        Args:
            ones: (N, S) booleans.
            numbers: (N,) of the rows, for what is said of them.
            limit: log of the capital at which an alarm is raised.
        """
        edges = np.array(self.edges)[:, None]
        bets = edges + (1.0 - edges) * np.array(BETS)
        win = np.log(bets) - np.log(edges)
        lose = np.log1p(-bets) - np.log1p(-edges)
        place = 0
        while place < len(ones):
            if self.rows % INTERVAL == 0:
                self.start(int(numbers[place]))
            stop = min(len(ones), place + INTERVAL - self.rows % INTERVAL)
            part = ones[place:stop, :, None]
            steps = np.cumsum(np.where(part, win, lose), axis=0)
            total = self.total(self.capital + steps)
            above = np.flatnonzero(total >= limit)
            if self.alarm is None and above.size:
                first = int(above[0])
                self.alarm = int(numbers[place + first])
                lead = np.argmax(self.capital + steps[first])
                self.changed = int(self.since.ravel()[lead])
            self.capital, self.walk = self.capital + steps[-1], self.walk + steps[-1]
            self.rows += stop - place
            place = stop

    def start(self, number: int) -> None:
        """A further start, with its share of the capital, before row `number`."""
        self.starts += 1
        share = -math.log(self.starts) - math.log(self.starts + 1)
        self.capital = np.logaddexp(self.capital, share)
        lower = self.walk - share < self.best
        self.best = np.where(lower, self.walk - share, self.best)
        self.since = np.where(lower, float(number), self.since)

    def total(self, capital: np.ndarray) -> np.ndarray:
        """Log of the capital of the mixture, that of starts to come included."""
        rest = np.full((len(capital), 1), math.log(self.capital.size / (self.starts + 1)))
        all_starts = np.hstack([capital.reshape(len(capital), -1), rest])
        total: np.ndarray = np.logaddexp.reduce(all_starts, axis=1) - math.log(self.capital.size)
        return total

    def values(self) -> dict[str, Any]:
        """All of it as plain values."""
        plain = {name: np.asarray(value).tolist() for name, value in vars(self).items()}
        return {**plain, "alarm": self.alarm, "changed": self.changed}


class Monitor:
    """Watches whether a card's promise may still be relied on.

    Args:
        card: the path of a score card, or its JSON values; it must have a sketch of its scores.
        log: a file to append to; an existing one is gone on with. Without it nothing is kept.
        alpha: bound on the probability of any false alarm, in (0, 1).
        margin: by how much a share may grow before that counts as a change, in (0, 1).

    Attributes:
        rows: counted so far; after a crash, feed the rows from this one on.

    Raises:
        ValueError: for a card without a sketch, a log of another card, numbers out of range.
    """

    def __init__(
        self,
        card: str | os.PathLike[str] | dict[str, Any],
        log: str | os.PathLike[str] | None = None,
        *,
        alpha: float = 0.05,
        margin: float = 0.05,
    ) -> None:
        if not (0.0 < alpha < 1.0 and 0.0 < margin < 1.0):
            raise ValueError(f"alpha and margin must lie in (0, 1), got {alpha} and {margin}")
        values = card if isinstance(card, dict) else json.loads(Path(card).read_text("utf-8"))
        sketch = values.get("sketch")
        if not sketch:
            raise ValueError("the card must have a sketch of its scores; fit it again with labels")
        self.sketch = sketch
        # rows are rejected by one threshold, so that their share has a bound
        self.one_threshold = not sketch.get("per_class", False)
        self.cutoffs = np.array(sketch["cutoffs"], dtype=np.float32)
        self.limit = math.log(2.0 / (0.9 * alpha))
        # Massart's constant for the inequality of Dvoretzky, Kiefer and Wolfowitz: all shares at
        # once, of whatever cutoffs, differ from the true ones by less, but for a tenth of alpha / 2
        slack = math.sqrt(math.log(2.0 / (0.1 * alpha)) / (2.0 * sketch["rows"]))
        beyond = [*sketch["beyond"], *([sketch["rejected"]] if self.one_threshold else [])]
        edges = [min(count / sketch["rows"] + slack + margin, 1.0 - 1e-9) for count in beyond]
        certificate = values.get("certificate") or {}
        self.risk = certificate.get("risk")
        self.rows = self.accepted = self.labelled = self.wrong = 0
        self.bins = [0] * (len(self.cutoffs) + 1)
        self.inputs = Bets(edges)
        self.promise = Bets([self.risk]) if self.risk else None
        self.log = None if log is None else Path(log)
        settings = json.dumps([sketch, self.risk, alpha, margin], sort_keys=True)
        self.of = zlib.crc32(settings.encode())
        if self.log is not None and self.log.exists():
            self._resume()

    def update(self, scores: Any, mask: Any, right: Any = None) -> str:
        """Counts a batch of rows; it is on disk when this returns.

        Args:
            scores: (N,) as the model gives them; lower is surer.
            mask: (N,) as the model gives it: whether each row is accepted.
            right: (N,) whether each row was right: 1, 0, or -1 (or NaN) where no label has come.

        Returns:
            The verdict: ``holds``, ``in doubt`` or ``void``.
        """
        scores = np.asarray(scores, dtype=np.float32).ravel()
        mask = np.asarray(mask).astype(bool).ravel()
        known = np.full(scores.shape, -1.0) if right is None else np.asarray(right, float).ravel()
        if not scores.shape == mask.shape == known.shape:
            raise ValueError(
                "scores, mask and right must be of one length, got "
                f"{scores.size}, {mask.size} and {known.size}"
            )
        known = np.where(np.isnan(known), -1.0, known)
        size = np.where(np.isfinite(scores), scores, np.float32(np.inf))
        ones = size[:, None] > self.cutoffs
        if self.one_threshold:
            ones = np.column_stack([ones, ~mask])
        numbers = np.arange(self.rows, self.rows + scores.size)
        self.inputs.play(ones, numbers, self.limit)
        judged = mask & (known >= 0.0)
        if self.promise is not None and judged.any():
            self.promise.play(known[judged, None] == 0.0, numbers[judged], self.limit)
        self.rows += scores.size
        self.accepted += int(mask.sum())
        self.labelled += int(judged.sum())
        self.wrong += int((known[judged] == 0.0).sum())
        places = np.searchsorted(self.cutoffs, size[mask], side="left")
        counts = np.bincount(places, minlength=len(self.bins)).tolist()
        self.bins = [a + b for a, b in zip(self.bins, counts)]  # noqa: B905 (Python 3.9 runs it)
        self._append()
        return self.verdict

    @property
    def verdict(self) -> str:
        """``holds``, ``in doubt`` (inputs changed) or ``void`` (promise broken); an alarm stays."""
        if self.promise is not None and self.promise.alarm is not None:
            return "void"
        return "holds" if self.inputs.alarm is None else "in doubt"

    def estimate(self) -> float | None:
        """The accuracy of the accepted rows so far, without labels; None if the card has none.

        Each row counts as right as often as calibration rows of such a score were. That is only so
        while a score means what it meant: a shift that makes the model wrong at the same scores is
        not seen.
        """
        right, accepted = self.sketch.get("right"), self.sketch["accepted"]
        seen = [(n, k) for n, k in enumerate(self.bins) if k and accepted[n]]
        if right is None or not seen:
            return None
        return float(sum(k * right[n] / accepted[n] for n, k in seen) / sum(k for _, k in seen))

    def status(self) -> str:
        """In words: the verdict, since which rows, what was counted, an estimate."""
        words = [f"{self.verdict}: {self.rows} rows, {self.accepted} accepted"]
        if self.labelled:
            words.append(f"{self.wrong} of {self.labelled} accepted rows with labels are wrong")
        if self.promise is not None and self.promise.alarm is not None:
            since, seen = self.promise.changed, self.promise.alarm
            words.append(f"promise broken since about row {since} (certain at row {seen})")
        if self.inputs.alarm is not None:
            since, seen = self.inputs.changed, self.inputs.alarm
            words.append(f"inputs changed since about row {since} (certain at row {seen})")
        estimate = self.estimate()
        if estimate is not None:
            words.append(f"about {estimate:.1%} of the accepted are right if scores mean the same")
        return "; ".join(words)

    def _values(self) -> dict[str, Any]:
        counts = {n: getattr(self, n) for n in ("rows", "accepted", "labelled", "wrong", "bins")}
        promise = None if self.promise is None else self.promise.values()
        return {"of": self.of, **counts, "inputs": self.inputs.values(), "promise": promise}

    def _append(self) -> None:
        """One line with all that is known and its checksum, on disk before it returns."""
        if self.log is None:
            return
        text = json.dumps({"verdict": self.verdict, **self._values()})
        # it begins on a line of its own, whatever a crash has left before it
        line = f"\n{zlib.crc32(text.encode()):08x} {text}"
        with self.log.open("ab") as file:
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())

    def _resume(self) -> None:
        """Goes on from the last whole line."""
        assert self.log is not None
        for line in reversed(self.log.read_bytes().split(b"\n")):
            checksum, _, text = line.partition(b" ")
            if not text or checksum != b"%08x" % zlib.crc32(text):
                continue
            values = json.loads(text)
            if values["of"] != self.of:
                raise ValueError(f"{self.log} is the log of another card, alpha or margin")
            for name in ("rows", "accepted", "labelled", "wrong", "bins"):
                setattr(self, name, values[name])
            self.inputs = Bets(**values["inputs"])
            self.promise = None if values["promise"] is None else Bets(**values["promise"])
            return


def main(arguments: list[str]) -> int:
    """``monitor.py CARD LOG ROWS.npz``: counts the arrays score, mask and, if there, right."""
    card, log, rows = arguments
    monitor = Monitor(card, log)
    arrays = np.load(rows)
    verdict = monitor.update(arrays["score"], arrays["mask"], arrays.get("right"))
    print(monitor.status())
    return 0 if verdict == "holds" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
