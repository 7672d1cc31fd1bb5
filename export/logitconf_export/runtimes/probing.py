"""What works here: a tiny head is run on a runtime or provider, each in a process of its own.

A library that is broken may take its process down, so this module is also a program: it prints what
it found of one runtime as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import onnx

from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.errors import LogitconfError, MissingExtraError
from logitconf.head_spec import Head
from logitconf.telling.progress import steps
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.onnx_files.types import Array
from logitconf_export.runtimes.protocol import Job, RunError
from logitconf_export.runtimes.providers import PROVIDERS
from logitconf_export.runtimes.sessions import Session, load_onnxruntime
from logitconf_export.runtimes.targets.table import RUNTIMES, RuntimeRequest

Outcome = Literal["works", "missing", "fails"]

_SECONDS = 60.0
# far beyond rounding, far below what a wrong formula does
_TOLERANCE = 1e-5
_INSTALL = {
    "cuda": 'pip install "logitconf[gpu]" in place of onnxruntime',
    "tensorrt": 'pip install "logitconf[gpu]" in place of onnxruntime, and TensorRT',
    "openvino": "pip install onnxruntime-openvino in place of onnxruntime",
    "coreml": "it comes with onnxruntime on macOS",
    "directml": "pip install onnxruntime-directml in place of onnxruntime, on Windows",
}


@dataclass(frozen=True, slots=True)
class Probe:
    """What was found of one runtime, or of one provider of onnxruntime.

    Attributes:
        runtime: name, as ``verify --on`` takes it.
        provider: short name, as ``--provider`` takes it; None for a runtime without providers.
        outcome: ``"works"``: it decided as NumPy does; ``"missing"``: it is not installed;
            ``"fails"``: it is there and does not.
        detail: its version, what to install, or what went wrong.
    """

    runtime: str
    provider: str | None
    outcome: Outcome
    detail: str


def tiny_head() -> tuple[Head, Array]:
    """A head and rows (6, 3), none of whose scores is near the threshold."""
    card = ScoreCard("softmax", "multiclass", 1.5, threshold=-0.6, n_classes=3)
    rows = [[4.0, 0.0, 0.0], [0.1, 0.0, 0.0], [0.0, 9.0, 1.0], [1.0, 1.0, 1.0], [-3.0, -3.0, 2.0]]
    return Head.of_card(card, HeadForm(3)), np.array([*rows, [np.nan, 0.0, 0.0]], np.float32)


def probe(runtime: str, provider: str | None = None) -> Probe:
    """Tries a runtime in this process, which it may take down.

    Args:
        runtime: name of one.
        provider: of onnxruntime; its row in the table of runtimes is tried on the CPU.
    """

    def found(outcome: Outcome, detail: str) -> Probe:
        return Probe(runtime, provider, outcome, detail)

    head, rows = tiny_head()
    model = to_onnx(head)
    try:
        if provider is None or provider == "cpu":
            target, version = RuntimeRequest(runtime).load()
            answer = target.run([Job(model.SerializeToString(), {"logits": rows})])[0]
            if isinstance(answer, RunError):
                return found("fails", answer.reason)
            score, mask = answer
        else:
            version = str(load_onnxruntime().__version__)
            score, mask, ran = _on_provider(model, rows, provider)
            version = f"{version}, {ran}"
    except MissingExtraError as error:
        return found("missing", str(error))
    except LogitconfError as error:
        return found("fails", str(error))
    wrong = difference(head, rows, np.asarray(score), np.asarray(mask))
    return found("fails", wrong) if wrong else found("works", version)


def _on_provider(model: onnx.ModelProto, rows: Array, provider: str) -> tuple[Array, Array, str]:
    with Session(model, provider=provider, strict=False) as session:
        score, mask = session.run({"logits": rows}, ["score", "mask"])
        where = list(session.ran().values())
        there = where.count(PROVIDERS[provider])
    if not there:
        raise LogitconfError("it was opened, but every node ran on the CPU")
    return score, mask, f"{there} of {len(where)} nodes ran there"


def difference(head: Head, rows: Array, score: Array, mask: Array) -> str:
    """How an answer differs from NumPy's, in words; empty if it decides the same."""
    expected_score, expected_mask = head(rows)[:2]
    if mask.shape != expected_mask.shape or score.shape != expected_score.shape:
        return f"its answer has the shapes {score.shape} and {mask.shape}"
    flips = int((mask.astype(bool) != expected_mask).sum())
    if flips:
        return f"it decides {flips} of {len(rows)} rows differently"
    finite = np.isfinite(expected_score)
    apart = float(np.abs(score[finite] - expected_score[finite]).max())
    return f"its scores are {apart:.2g} apart" if apart > _TOLERANCE else ""


def providers_here() -> list[str]:
    """The providers that the installed onnxruntime has, by its own names; none without it."""
    try:
        return [*load_onnxruntime().get_available_providers()]
    except MissingExtraError:
        return []


def probe_all() -> tuple[Probe, ...]:
    """Every runtime and every provider, each that is there tried in a process of its own."""
    available = providers_here()
    asked = [(name, "cpu" if name == "onnxruntime" else None) for name in RUNTIMES]
    asked += [("onnxruntime", short) for short in PROVIDERS if short not in ("cpu", "cuda-tf32")]

    def one(asked_for: tuple[str, str | None]) -> Probe:
        runtime, provider = asked_for
        if provider in _INSTALL and PROVIDERS[provider] not in available:
            reason = f"this onnxruntime has no {PROVIDERS[provider]}; {_INSTALL[provider]}"
            return Probe(runtime, provider, "missing", reason)
        return in_process_of_its_own(runtime, provider)

    # each is mostly the start of an interpreter
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        return tuple(steps(pool.map(one, asked), "Trying runtimes", len(asked)))


def in_process_of_its_own(runtime: str, provider: str | None = None) -> Probe:
    """Tries a runtime; one that crashes or hangs fails."""

    def failed(why: str) -> Probe:
        return Probe(runtime, provider, "fails", why)

    command = [sys.executable, "-m", __name__, runtime, *([provider] if provider else [])]
    path = os.pathsep.join(each for each in sys.path if each)
    try:
        done = subprocess.run(
            command,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return failed(f"it did not end within {_SECONDS:g} seconds")
    except OSError as error:
        return failed(f"it cannot be started: {error.strerror}")
    for line in reversed(done.stdout.splitlines()):
        if line.startswith('{"runtime":'):
            return Probe(**json.loads(line))
    ended = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
    last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
    return failed(f"its process ended with {ended}: {last[0]}")


if __name__ == "__main__":
    print(json.dumps(asdict(probe(*sys.argv[1:3]))))
