"""Benchmark of heads: ``PYTHONPATH=tests python -m benchmarks.heads`` prints one table.

Each head runs side by side with (a) the same head of an older revision, if one is named, (b) the
textbook formula as torch exports it, (c) onnxruntime's own Softmax on the same tensor. All figures
are ratios of medians of one interleaved run.
"""

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt
import onnxruntime
from benchmarks.textbook import Textbook, export
from benchmarks.timing import interleaved_medians
from onnx import TensorProto, helper
from rich.console import Console
from rich.table import Table
from support.head_revisions import HeadCase, head_model, heads_of

from logitconf.card.score_card import RUNTIMES
from logitconf.scores.table import SCORES, refusal
from logitconf.tasks import Layout, check_task

Array = npt.NDArray[np.float32]
# now and then memory lies so that a session takes twice as long as another one of the same graph
SESSIONS = 3
FIRST_SCORES = ("softmax", "entropy", "energy", "margin")
SHAPES: dict[str, tuple[str, tuple[int, ...], int]] = {
    "1x1000": ("multiclass", (1, 1000), 1),
    "64x1000": ("multiclass", (64, 1000), 1),
    "512x1000": ("multiclass", (512, 1000), 1),
    "8192x10": ("multiclass", (8192, 10), 1),
    "8192x32": ("multiclass", (8192, 32), 1),
    "8192x100": ("multiclass", (8192, 100), 1),
    "32x32000": ("multiclass", (32, 32000), 1),
    "16x128256": ("multiclass", (16, 128256), 1),
    "1x21x256x256": ("multiclass", (1, 21, 256, 256), 1),
    "1x150x128x128": ("multiclass", (1, 150, 128, 128), 1),
    "8x2x128x128": ("multiclass", (8, 2, 128, 128), 1),
    "members 64x1000x5": ("multiclass", (64, 1000, 5), 1),
    "members 8192x10x5": ("multiclass", (8192, 10, 5), 1),
    "labels 1024x80": ("multilabel", (1024, 80), 1),
    "labels 64x5000": ("multilabel", (64, 5000), 1),
    "binary 100000": ("binary", (100000,), 1),
}


class Options(argparse.Namespace):
    """What is measured, and for how long."""

    before: str | None
    threads: int
    shapes: Sequence[str]
    scores: Sequence[str]
    top: int
    seconds: float


def session(model: bytes, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def bound(model: bytes, rows: Array, threads: int) -> Callable[[], object]:
    """Runs the model on the rows without copying them."""
    loaded = session(model, threads)
    binding = loaded.io_binding()
    binding.bind_ortvalue_input("logits", onnxruntime.OrtValue.ortvalue_from_numpy(rows))
    for output in loaded.get_outputs():
        binding.bind_output(output.name, "cpu")
    return lambda: loaded.run_with_iobinding(binding)


def case_of(score: str, name: str, runtime: str, top: int) -> HeadCase:
    """The head of a score for a shape of the table."""
    task, shape, axis = SHAPES[name]
    columns = 1 if len(shape) == 1 else shape[axis]
    return HeadCase(
        score, task, columns, len(shape), axis, runtime=runtime, members=members_of(name), top=top
    )


def members_of(name: str) -> int | None:
    return SHAPES[name][1][-1] if name.startswith("members") else None


def is_defined(score: str, name: str) -> bool:
    task, shape, axis = SHAPES[name]
    columns = 1 if len(shape) == 1 else shape[axis]
    layout = Layout(check_task(task), columns, members=members_of(name))
    scored_alone = members_of(name) is not None and not SCORES[score].over_members
    has_textbook = hasattr(Textbook, f"{score}_{task}")
    return has_textbook and not scored_alone and not refusal(score, layout)


@cache
def textbook(score: str, task: str, rank: int, axis: int, top: int) -> bytes:
    return bytes(export(Textbook(score, task, axis, top), rank))


def single_op(op: str, shape: tuple[int, ...], axis: int) -> bytes:
    axes = {"axis": axis} if op == "Softmax" else {"axes": [axis], "keepdims": 0}
    out = list(shape) if op == "Softmax" else [d for i, d in enumerate(shape) if i != axis]
    graph = helper.make_graph(
        [helper.make_node(op, ["logits"], ["score"], **axes)],
        op,
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, out)],
    )
    imports = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    return bytes(model.SerializeToString())


def measure(
    name: str, score: str, models: Mapping[str, bytes], options: Options
) -> dict[str, float]:
    """Median seconds of each model, of the textbook's export and of one Softmax, interleaved."""
    task, shape, axis = SHAPES[name]
    rows = np.random.default_rng(0).normal(0, 4, shape).astype(np.float32)
    loaded = {**models, "textbook": textbook(score, task, len(shape), axis, options.top)}
    if len(shape) > 1:
        loaded["Softmax"] = single_op("Softmax", shape, axis)
    runs = {
        f"{turn} {who}": bound(model, rows, options.threads)
        for turn in range(SESSIONS)
        for who, model in loaded.items()
    }
    # one thread's own time, so that what else the machine does counts less
    clock = time.thread_time if options.threads == 1 else time.perf_counter
    t = interleaved_medians(runs, seconds=options.seconds, rounds=7, clock=clock)
    return {
        who: statistics.median(t[f"{turn} {who}"] for turn in range(SESSIONS)) for who in loaded
    }


def cases_of(options: Options) -> list[tuple[str, HeadCase]]:
    """Every line of the table, once for each form."""
    return [
        (name, case_of(score, name, runtime, options.top))
        for name in options.shapes
        for score in options.scores
        if is_defined(score, name)
        for runtime in RUNTIMES
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", metavar="REVISION", help="to compare with, such as f4c307a")
    parser.add_argument("--threads", type=int, default=1, help="0 means all")
    parser.add_argument("--shapes", nargs="*", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--scores", nargs="*", default=FIRST_SCORES, choices=list(SCORES))
    parser.add_argument("--top", type=int, default=0, help="classes that count in gen; 0 is all")
    parser.add_argument("--seconds", type=float, default=1.5, help="for each row of the table")
    options = parser.parse_args(namespace=Options())
    lines = cases_of(options)
    cases = [case for _, case in lines]
    older = heads_of(options.before, cases) if options.before else [None] * len(cases)
    models: dict[tuple[str, str], dict[str, bytes]] = defaultdict(dict)
    for (name, case), old in zip(lines, older, strict=True):
        group = models[name, case.score]
        group[case.runtime] = head_model(case).SerializeToString()
        if old is not None:
            group[f"{case.runtime} before"] = old.SerializeToString()
    table = Table(
        "shape", "score", *(f"before / {who}" for who in RUNTIMES[:2]),
        *(f"textbook / {who}" for who in RUNTIMES), *(f"{who} / Softmax" for who in RUNTIMES),
        "µs any",
        title="speed-up over the heads before | over torch's export | cost in Softmax kernels",
    )  # fmt: skip
    for (name, score), group in models.items():
        t = measure(name, score, group, options)
        cells = [ratio(t, f"{who} before", who) for who in RUNTIMES[:2]]
        cells += [ratio(t, "textbook", who) for who in RUNTIMES]
        cells += [ratio(t, who, "Softmax") for who in RUNTIMES]
        table.add_row(name, score, *cells, f"{t['any'] * 1e6:.0f}")
    Console(width=150).print(table)


def ratio(times: Mapping[str, float], above: str, below: str) -> str:
    """A quotient of two times, empty where one was not taken."""
    return f"{times[above] / times[below]:.2f}" if above in times and below in times else ""


if __name__ == "__main__":
    main()
