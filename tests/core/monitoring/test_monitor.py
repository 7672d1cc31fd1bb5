"""The monitor: false alarms at the edge of its null, delays, restarts, and a log that survives."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support import real_data

from logitconf.monitoring.monitor import BETS, INTERVAL, Bets, Monitor

FILE = Path(__file__).parents[3] / "logitconf" / "monitoring" / "monitor.py"
LIMIT = math.log(2.0 / (0.9 * 0.05))
Floats = NDArray[np.float64]


def card_of(scores: Floats, wrong: NDArray[np.bool_], threshold: float, risk: float) -> Any:
    """A card as JSON values, its sketch counted here."""
    cutoffs = np.unique(np.quantile(scores, [0.5, 0.75, 0.9]).astype(np.float32))
    mask = scores < threshold
    places = np.searchsorted(cutoffs, scores.astype(np.float32)[mask])
    bins = len(cutoffs) + 1
    return {
        "sketch": {
            "rows": len(scores),
            "rejected": int((~mask).sum()),
            "cutoffs": cutoffs.tolist(),
            "beyond": [int((scores.astype(np.float32) > c).sum()) for c in cutoffs],
            "accepted": np.bincount(places, minlength=bins).tolist(),
            "right": np.bincount(places[~wrong[mask]], minlength=bins).tolist(),
        },
        "certificate": {"risk": risk},
    }


def uniform_card(rows: int = 4000, risk: float = 0.1) -> Any:
    """Scores are uniform on [-1, 0]; a row is wrong with probability (1 + score) / 4."""
    generator = np.random.default_rng(0)
    scores = generator.random(rows) - 1.0
    return card_of(scores, generator.random(rows) < (1 + scores) / 4, -0.2, risk)


def capital_by_hand(ones: NDArray[np.bool_], edges: Floats) -> Floats:
    """Capital after each row: the sum over starts and bets, written out."""
    rows, streams = ones.shape
    total = np.zeros(rows)
    for start in range(rows // INTERVAL + 1):
        share = 1.0 / ((start + 1) * (start + 2))
        for stream in range(streams):
            for bet in BETS:
                p0 = edges[stream]
                p1 = p0 + (1 - p0) * bet
                ratio = np.where(ones[:, stream], p1 / p0, (1 - p1) / (1 - p0))
                ratio[: start * INTERVAL] = 1.0
                total += share * np.cumprod(ratio) / (streams * len(BETS))
    # what the starts to come still hold
    rest = 1.0 / (rows // INTERVAL + 2)
    return np.asarray(total + rest)


def test_the_capital_is_the_sum_over_all_starts_and_bets() -> None:
    generator = np.random.default_rng(1)
    edges = np.array([0.3, 0.05])
    ones = generator.random((350, 2)) < np.array([0.4, 0.04])
    expected = capital_by_hand(ones, edges)
    bets = Bets(edges.tolist())
    measured = []
    for row in range(len(ones)):
        bets.play(ones[row : row + 1], np.array([row]), LIMIT)
        measured.append(float(bets.total(bets.capital[None])[0]))
    np.testing.assert_allclose(np.exp(measured), expected, rtol=1e-9)


def test_batches_do_not_matter() -> None:
    generator = np.random.default_rng(2)
    scores = generator.random(2500) - 0.9
    right = (generator.random(2500) < 0.8).astype(float)
    whole, parts = Monitor(uniform_card()), Monitor(uniform_card())
    whole.update(scores, scores < -0.2, right)
    for cut in np.array_split(np.arange(2500), 17):
        parts.update(scores[cut], scores[cut] < -0.2, right[cut])
    assert (whole.verdict, whole.inputs.alarm) == (parts.verdict, parts.inputs.alarm)
    np.testing.assert_allclose(whole.inputs.capital, parts.inputs.capital, rtol=1e-9)
    assert whole.bins == parts.bins


def test_streams_at_the_edge_of_the_null_seldom_alarm() -> None:
    # 400 streams of 4000 rows in which every share is as large as the null allows
    edges, alarms = [0.3, 0.1], 0
    for seed in range(400):
        generator = np.random.default_rng(seed)
        bets = Bets(list(edges))
        size = generator.random(4000)
        ones = np.column_stack([size < edges[0], size < edges[1]])
        bets.play(ones, np.arange(4000), LIMIT)
        alarms += bets.alarm is not None
    # at most .0225 each; beyond 19 of 400 with probability below one in a thousand
    assert alarms <= 19


def test_a_share_beyond_the_margin_is_noticed_and_where_it_began_is_told() -> None:
    generator = np.random.default_rng(3)
    quiet = generator.random(5000) - 1.0
    shifted = np.minimum(generator.random(2000) - 0.75, 0.0)
    monitor = Monitor(uniform_card())
    assert monitor.update(quiet, quiet < -0.2) == "holds"
    assert monitor.update(shifted, shifted < -0.2) == "in doubt"
    assert monitor.inputs.alarm is not None
    assert monitor.inputs.changed is not None
    assert 5000 < monitor.inputs.alarm < 5500
    assert abs(monitor.inputs.changed - 5000) <= 2 * INTERVAL
    assert "inputs changed since about row" in monitor.status()
    # an alarm stays, however quiet it is afterwards
    assert monitor.update(quiet, quiet < -0.2) == "in doubt"


def test_with_labels_a_broken_promise_is_told_from_changed_inputs() -> None:
    generator = np.random.default_rng(4)
    scores = generator.random(3000) - 1.0
    monitor = Monitor(uniform_card(risk=0.1))
    right = (generator.random(3000) < 0.8).astype(float)
    assert monitor.update(scores, scores < -0.2, right) == "void"
    assert monitor.inputs.alarm is None
    # the first accepted row, and the row that settled it
    assert "promise broken since about row 1 (certain at row" in monitor.status()
    kept = Monitor(uniform_card(risk=0.1))
    right = (generator.random(3000) < 0.93).astype(float)
    right[::3] = np.nan
    assert kept.update(scores, scores < -0.2, right) == "holds"
    assert kept.labelled == int((scores < -0.2)[np.isfinite(right)].sum())


def test_scores_that_are_none_count_as_the_largest() -> None:
    monitor = Monitor(uniform_card())
    scores = np.full(300, np.nan)
    assert monitor.update(scores, np.zeros(300, bool)) == "in doubt"


def test_the_estimate_is_right_where_scores_mean_the_same() -> None:
    generator = np.random.default_rng(5)
    monitor = Monitor(uniform_card(20_000))
    scores = generator.random(20_000) ** 2 - 1.0  # surer rows, of the same meaning
    right = generator.random(20_000) >= (1 + scores) / 4
    mask = scores < -0.2
    monitor.update(scores, mask)
    estimate = monitor.estimate()
    assert estimate is not None
    # within a cutoff's bin the rows lie otherwise than those of calibration
    assert abs(estimate - right[mask].mean()) < 0.02


def test_a_stream_with_a_known_shift_is_noticed_whatever_the_quiet_time() -> None:
    data = real_data.arrays("nannyml_mc_synthetic.npz")
    probs, labels = data["reference_probs"], data["reference_labels"]
    scores, wrong = -probs.max(axis=1), probs.argmax(axis=1) != labels
    threshold = float(np.quantile(scores, 0.8))
    card = card_of(scores, wrong, threshold, 0.2)
    later = -data["analysis_probs"].max(axis=1)
    for quiet in (0, 5000, 30_000):
        monitor = Monitor(card)
        stream = later[30_000 - quiet : 30_500]
        assert monitor.update(stream, stream < threshold) == "in doubt"
        assert monitor.inputs.alarm is not None
        assert quiet <= monitor.inputs.alarm < quiet + 500


WRITER = """
import sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from monitor import Monitor
monitor = Monitor(sys.argv[2], sys.argv[3])
generator = np.random.default_rng(0)
while True:
    scores = generator.random(10) - 1.0
    monitor.update(scores, scores < -0.2)
    print(monitor.rows, flush=True)
"""


def test_a_kill_in_the_middle_loses_no_counted_row(tmp_path: Path) -> None:
    card, log = tmp_path / "card.json", tmp_path / "monitor.log"
    card.write_text(json.dumps(uniform_card()), encoding="utf-8")
    told = 0
    for life in range(3):
        command = [sys.executable, "-c", WRITER, str(FILE.parent), str(card), str(log)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for _ in range(5 + life):
            told = int(process.stdout.readline())
        time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        told = max([told, *(int(line) for line in process.stdout.read().split("\n")[:-1])])
        process.wait(60)
        process.stdout.close()
        assert Monitor(card, log).rows >= told
    # a last line that was cut off is left out, and the next one is read
    whole = Monitor(card, log).rows
    log.write_bytes(log.read_bytes()[:-7])
    torn = Monitor(card, log)
    assert torn.rows == whole - 10
    scores = np.full(10, -0.9)
    torn.update(scores, scores < -0.2)
    assert Monitor(card, log).rows == whole


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must have a sketch of its scores"):
        Monitor({"score": "softmax"})
    with pytest.raises(ValueError, match=r"must lie in \(0, 1\), got 0.0"):
        Monitor(uniform_card(), alpha=0.0)
    monitor = Monitor(uniform_card(), tmp_path / "log")
    with pytest.raises(ValueError, match="of one length, got 2, 1 and 2"):
        monitor.update([-0.5, -0.5], [True])
    monitor.update([-0.5], [True])
    with pytest.raises(ValueError, match="the log of another card"):
        Monitor(uniform_card(risk=0.2), tmp_path / "log")


def test_the_file_is_short_and_imports_numpy_alone() -> None:
    assert len(FILE.read_text(encoding="utf-8").splitlines()) < 300
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import monitor; "
        "print(sorted(m for m in sys.modules if m.split('.')[0] in "
        "('logitconf', 'logitconf_export', 'torch', 'onnx', 'onnxruntime', 'scipy')))"
    )
    command = [sys.executable, "-c", code, str(FILE.parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
