"""Damaged hosts, read and attached to: ``PYTHONPATH=tests python -m support.fuzz --cases 100000``.

A case may be attached or refused with a sentence; anything else, a slow one included, is a fault.
"""

import argparse
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

import onnx
from support.hosts.bodies import BODIES, DETECTORS
from support.hosts.classical import CLASSICAL
from support.hosts.layers import BARE, BEHIND, QUANTIZED
from support.hosts.text import ACTIVATIONS, DECOMPOSED

from logitconf import LogitconfError
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf_export import (
    attach,
    detach,
    head_nodes,
    read_host,
    reattach,
    retune,
    verify,
)
from logitconf_export.heads.metadata import has_metadata, read_heads
from logitconf_export.hosts.candidates import Candidate
from logitconf_export.onnx_files.loading import load_model

CPU_SECONDS = 10.0
"""A case that computes longer hangs; on two cores of 2024 the median takes 2 ms."""
COMMAND_CPU_SECONDS = 60
"""The same for a command, of which loading torch and a first trace take five."""
ASLEEP_SECONDS = 3600
"""After this much time a command waits for something that does not come; no load explains it."""
LONGEST_MESSAGE = 20_000
MEMORY = 6 * 2**30
SCORES = ("softmax", "entropy", "energy", "margin")

Random = random.Random
Change = Callable[[Random, onnx.ModelProto], None]


class HangError(Exception):
    """A case computed longer than allowed."""


class WrongOutcomeError(Exception):
    """A case ended as none may."""


def seeds() -> list[bytes]:
    """Every host that is written as text."""
    groups = (ACTIVATIONS, DECOMPOSED, BEHIND, BARE, QUANTIZED, BODIES, DETECTORS, CLASSICAL)
    return [case.model().SerializeToString() for group in groups for case in group]


def cut(rng: Random, content: bytes) -> bytes:
    """The start of a file."""
    return content[: rng.randrange(len(content))]


def flipped(rng: Random, content: bytes) -> bytes:
    """A file with one to three wrong bits."""
    damaged = bytearray(content)
    for _ in range(rng.randrange(1, 4)):
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def retyped(rng: Random, model: onnx.ModelProto) -> None:
    """Another element type, attribute type or operator."""
    graph = model.graph
    values = [*graph.input, *graph.output, *graph.value_info]
    for value in rng.sample(values, min(2, len(values))):
        value.type.tensor_type.elem_type = rng.choice((0, 1, 2, 7, 8, 9, 10, 11, 16, 23, 99))
    for tensor in graph.initializer:
        if rng.random() < 0.3:
            tensor.data_type = rng.choice((0, 1, 3, 6, 7, 8, 10, 11, 77))
    for node in graph.node:
        if rng.random() < 0.2:
            node.op_type = rng.choice(("Softmax", "Sigmoid", "If", "ZipMap", "Reshape", "Nothing"))
        for attribute in node.attribute:
            if rng.random() < 0.3:
                attribute.type = rng.randrange(15)


def resized(rng: Random, model: onnx.ModelProto) -> None:
    """Sizes that are huge, negative or zero; axes that are not there."""
    sizes = (0, -1, 1, 2**31, 2**40, 2**63 - 1, -(2**63))
    for value in (*model.graph.input, *model.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if rng.random() < 0.5:
                dim.dim_value = rng.choice(sizes)
    for tensor in model.graph.initializer:
        if tensor.dims and rng.random() < 0.5:
            tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice(sizes)
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.INT and rng.random() < 0.3:
                attribute.i = rng.choice(sizes)


def rewired(rng: Random, model: onnx.ModelProto) -> None:
    """Inputs that read another value, later ones too: cycles, values made twice or never."""
    nodes = model.graph.node
    names = [name for node in nodes for name in (*node.input, *node.output)] or ["x"]
    for _ in range(rng.randrange(1, 4)):
        node = rng.choice(nodes)
        side = node.input if node.input and rng.random() < 0.8 else node.output
        if side:
            side[rng.randrange(len(side))] = rng.choice([*names, "", "nowhere"])
    if rng.random() < 0.3:
        nodes.append(rng.choice(nodes))


def renamed(rng: Random, model: onnx.ModelProto) -> None:
    """Names that are endless, empty, ours, or full of characters that terminals act on."""
    names = (
        "n" * 10**5,
        "",
        "logitconf/sum",
        "score",
        "mask",
        "../../etc",
        "a\nb\x1b[2J",
        "é" * 99,
    )
    name = rng.choice(names)
    node = rng.choice(model.graph.node)
    old = rng.choice([*node.input, *node.output] or [""])
    for scope in model.graph.node:
        scope.input[:] = [name if text == old else text for text in scope.input]
        scope.output[:] = [name if text == old else text for text in scope.output]
    for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        if value.name == old and rng.random() < 0.9:
            value.name = name
    node.name = rng.choice(names)
    if rng.random() < 0.3:
        model.metadata_props.add(key="logitconf", value=rng.choice(('{"schema": 1}', "[", "{}")))


BYTES = (cut, flipped)
CHANGES: tuple[Change, ...] = (retyped, resized, rewired, renamed)


def shipped() -> list[bytes]:
    """Hosts with a head, or with several."""
    kept = []
    for content in seeds():
        try:
            reading = read_host(load_model(content))
            place = reading.candidates[0]
            fitted = SCORE_CLASSES["margin"](temperature=1.5, task=task_of(place))
            fitted.set_threshold(value=-0.5)
            head = fitted.compile(n_classes=_columns(place))
            kept.append(attach(content, head, logits=place.tensor, kind=place.kind))
        except (LogitconfError, IndexError):
            continue
    return [model.SerializeToString() for model in kept]


def cases(
    seed: int, count: int, make: Callable[[], list[bytes]] = seeds
) -> Iterator[tuple[str, bytes]]:
    """Damaged files and what was done to each; the same for the same seed."""
    rng = Random(seed)
    whole = make()
    for _ in range(count):
        content = rng.choice(whole)
        damage = rng.choice((*BYTES, *CHANGES))
        if damage in BYTES:
            yield damage.__name__, damage(rng, content)
            continue
        model = onnx.ModelProto.FromString(content)
        damage(rng, model)
        yield damage.__name__, model.SerializeToString()


@contextmanager
def watchdog(seconds: float) -> Iterator[None]:
    """Stops what computes for longer, by an error that nothing on the way catches."""

    def bark(number: int, frame: FrameType | None) -> NoReturn:
        del number, frame
        raise HangError(f"computed longer than {seconds} s")

    before = signal.signal(signal.SIGVTALRM, bark)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def outcome(content: bytes, score: str, target: Path) -> str:
    """``"attached"`` or ``"refused"``; a file is there if and only if it was attached.

    Raises:
        WrongOutcomeError: if the result is wrong, or a refusal is not readable.
    """
    try:
        host = load_model(content)
        found = read_host(host).candidates
        place = found[0] if found else None
        fitted = SCORE_CLASSES[score](temperature=1.5, task=task_of(place))
        fitted.set_threshold(value=-0.5)
        head = fitted.compile(n_classes=_columns(place))
        name = place.tensor if place else None
        attached = attach(content, head, target, logits=name, kind=place.kind if place else None)
    except LogitconfError as error:
        refusal = str(error)
    else:
        wanted = attached.SerializeToString(deterministic=True)
        check(target.read_bytes() == wanted, "the file is not the model")
        target.unlink()
        check(detach(attached) == onnx.ModelProto.FromString(content), "detach gives another host")
        return "attached"
    check(10 < len(refusal) < LONGEST_MESSAGE, f"a message of {len(refusal)} characters")
    check(not any(target.parent.iterdir()), "a refusal left a file")
    return "refused"


EDITS = ("detach", "retune", "reattach", "inspect", "verify")


def edit_outcomes(
    content: bytes, target: Path, names: Sequence[str] = EDITS
) -> Iterator[tuple[str, str]]:
    """What each function that takes a file with a head makes of it.

    Raises:
        WrongOutcomeError: if a refusal is not readable or leaves a file, or detach leaves a head.
    """
    edits: tuple[tuple[str, Callable[[], onnx.ModelProto | None]], ...] = (
        ("detach", lambda: detach(content)),
        ("retune", lambda: retune(content, target, threshold=-0.25, force=True)),
        ("reattach", lambda: reattach(content, target, force=True)),
        ("inspect", lambda: _inspect(content)),
        ("verify", lambda: _verify(content)),
    )
    for name, edit in edits:
        if name not in names:
            continue
        try:
            result = edit()
        except LogitconfError as error:
            check(10 < len(str(error)) < LONGEST_MESSAGE, f"{name}: {str(error)[:200]!r}")
            check(not target.exists(), f"{name}: a refusal left a file")
            yield name, "refused"
            continue
        if name == "detach" and result is not None:
            check(not has_metadata(result), "detach left what the model says of a head")
        target.unlink(missing_ok=True)
        yield name, "done"


def _inspect(content: bytes) -> None:
    model = load_model(content)
    read_host(detach(model)).listing()
    if has_metadata(model):
        read_heads(model)
        head_nodes(model)


def _verify(content: bytes) -> None:
    verify(content, pairs=2, optimisations=("off",))


def check(holds: bool, otherwise: str) -> None:
    """Ends a case whose outcome is wrong."""
    if not holds:
        raise WrongOutcomeError(otherwise)


def _columns(place: Candidate | None) -> int | None:
    if place is None or place.task == "multiclass":
        return None
    return place.n_classes


def task_of(place: Candidate | None) -> str:
    """The task to try on a place."""
    if place is None or place.task is not None:
        return "multiclass" if place is None else str(place.task)
    return "binary" if place.n_classes == 1 or place.class_axis == place.rank else "multiclass"


def run_cases(
    seed: int, count: int, folder: Path, scores: Sequence[str] = SCORES
) -> tuple[Counter[tuple[str, str]], float]:
    """How often each damage ended how, and the slowest case in seconds of this process.

    Raises:
        RuntimeError: for a case that crashed or hung; its bytes are in the message's file.
    """
    ended: Counter[tuple[str, str]] = Counter()
    slowest = 0.0
    for number, (damage, content) in enumerate(cases(seed, count)):
        start = time.process_time()
        try:
            with watchdog(CPU_SECONDS):
                ended[
                    damage, outcome(content, scores[number % len(scores)], folder / "out.onnx")
                ] += 1
        except Exception as error:  # any error is a fault; it goes on, with the case that made it
            kept = Path(tempfile.gettempdir()) / f"fuzz-{seed}-{number}.onnx"
            kept.write_bytes(content)
            raise RuntimeError(
                f"case {number} of seed {seed} ({damage}), kept in {kept}"
            ) from error
        slowest = max(slowest, time.process_time() - start)
    return ended, slowest


def run_edits(seed: int, count: int, folder: Path, names: Sequence[str]) -> Counter[str]:
    """How often each function ended how on damaged files with heads.

    Raises:
        RuntimeError: for a case that crashed or hung; its bytes are in the message's file.
    """
    ended: Counter[str] = Counter()
    for number, (damage, content) in enumerate(cases(seed, count, shipped)):
        try:
            with watchdog(CPU_SECONDS), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for name, how in edit_outcomes(content, folder / "out.onnx", names):
                    ended[f"{name} {how}"] += 1
        except Exception as error:  # any error is a fault; it goes on, with the case that made it
            kept = Path(tempfile.gettempdir()) / f"fuzz-edit-{seed}-{number}.onnx"
            kept.write_bytes(content)
            raise RuntimeError(
                f"case {number} of seed {seed} ({damage}), kept in {kept}"
            ) from error
    return ended


def run_limited(command: Sequence[str], seconds: int) -> subprocess.CompletedProcess[str]:
    """A finished command; one that computes for longer is ended by the signal SIGXCPU.

    Wall time would call a command hung on a machine that is busy with others.
    """
    limits = resource.getrlimit(resource.RLIMIT_CPU)
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=ASLEEP_SECONDS,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (seconds, limits[1])),
    )


def run_commands(seed: int, count: int, folder: Path) -> Counter[int]:
    """Exit codes of the real command on damaged files.

    Raises:
        RuntimeError: for a traceback, a hang, another exit code, or a file that is left.
    """
    codes: Counter[int] = Counter()
    for number, (damage, content) in enumerate(cases(seed, count)):
        source, target = folder / "host.onnx", folder / "out.onnx"
        source.write_bytes(content)
        command = [sys.executable, "-m", "logitconf_export.cli.app", "attach", str(source)]
        command += ["--score", SCORES[number % 4], "--threshold", "-0.5", "-o", str(target)]
        done = run_limited(command, COMMAND_CPU_SECONDS)
        lines = [line for line in done.stderr.splitlines() if not line.startswith("  ")]
        fine = {
            0: target.is_file(),
            2: not target.exists() and len(lines) == 1 and "logitconf: error: " in lines[0],
        }
        if not fine.get(done.returncode, False) or source.read_bytes() != content:
            raise RuntimeError(
                f"command {number} of seed {seed} ({damage}): exit code {done.returncode}, "
                f"{done.stderr[-2000:]}"
            )
        target.unlink(missing_ok=True)
        codes[done.returncode] += 1
    return codes


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--edits", type=int, default=0, help="damaged files with heads")
    parser.add_argument("--commands", type=int, default=0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    chosen = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    print(f"seed {chosen.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        ended, slowest = run_cases(chosen.seed, chosen.cases, Path(folder))
        for damage in sorted({name for name, _ in ended}):
            parts = [f"{how} {ended[damage, how]}" for how in ("attached", "refused")]
            print(f"{damage}: {', '.join(parts)}")
        print(f"{sum(ended.values())} cases, slowest {slowest:.2f} s")
        if chosen.edits:
            print(dict(run_edits(chosen.seed, chosen.edits, Path(folder), EDITS[:4])))
            print(dict(run_edits(chosen.seed, chosen.edits // 10, Path(folder), EDITS[4:])))
        if chosen.commands:
            print(f"exit codes: {dict(run_commands(chosen.seed, chosen.commands, Path(folder)))}")


if __name__ == "__main__":
    main()
