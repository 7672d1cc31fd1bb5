"""Benchmark of heads: ``PYTHONPATH=tests python -m benchmarks.heads`` prints one table.

Each head runs side by side with (a) the textbook formula as torch exports it, (b) onnxruntime's own
Softmax and ReduceMax on the same tensor, (c) eager torch and NumPy. All figures are ratios of
medians of one interleaved run.
"""

import argparse
from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch
from benchmarks.textbook import Textbook, export
from benchmarks.timing import interleaved_medians
from onnx import TensorProto, helper
from rich.console import Console
from rich.table import Table

from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.head import ConfidenceHead
from logitconf.scores.table import SCORES, check_parameters, refusal
from logitconf.tasks import Layout, check_task
from logitconf_export.heads.conversion import to_onnx

Array = npt.NDArray[np.float32]
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


def our_head(score: str, name: str, runtime: str, top: int) -> bytes:
    task, shape, axis = SHAPES[name]
    columns = 1 if len(shape) == 1 else shape[axis]
    members = members_of(name)
    form = HeadForm(columns, len(shape), axis, runtime, members=members)
    parameters = check_parameters(score, {"top": top} if top else {})
    card = ScoreCard(score, task, 1.5, -0.7, columns, parameters=parameters, members=members)
    return bytes(to_onnx(ConfidenceHead(card, form), opset=17).SerializeToString())


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


def eager(module: Textbook, rows: Array) -> Callable[[], object]:
    x = torch.from_numpy(rows)

    def run() -> object:
        with torch.inference_mode():
            return module(x)

    return run


def numpy_softmax(rows: Array, axis: int) -> Callable[[], object]:
    def run() -> object:
        z = rows / np.float32(1.5)
        e = np.exp(z - z.max(axis, keepdims=True))
        return -(e / e.sum(axis, keepdims=True)).max(axis) < -0.7

    return run


def measure(name: str, score: str, threads: int, seconds: float, top: int) -> dict[str, float]:
    task, shape, axis = SHAPES[name]
    rows = np.random.default_rng(0).normal(0, 4, shape).astype(np.float32)
    rank = len(shape)
    runs = {
        "any": bound(our_head(score, name, "any", top), rows, threads),
        "ort": bound(our_head(score, name, "onnxruntime", top), rows, threads),
        "textbook": bound(textbook(score, task, rank, axis, top), rows, threads),
        "torch": eager(Textbook(score, task, axis, top), rows),
    }
    if rank > 1:
        runs["Softmax"] = bound(single_op("Softmax", shape, axis), rows, threads)
        runs["ReduceMax"] = bound(single_op("ReduceMax", shape, axis), rows, threads)
        runs["NumPy"] = numpy_softmax(rows, axis)
    return interleaved_medians(runs, seconds=seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1, help="0 means all")
    parser.add_argument("--shapes", nargs="*", default=list(SHAPES))
    parser.add_argument("--scores", nargs="*", default=FIRST_SCORES, choices=list(SCORES))
    parser.add_argument("--top", type=int, default=0, help="classes that count in gen; 0 is all")
    parser.add_argument("--seconds", type=float, default=1.5, help="for each row of the table")
    options = parser.parse_args()
    torch.set_num_threads(options.threads or torch.get_num_threads())
    table = Table(
        "shape",
        "score",
        "any",
        "onnxruntime",
        "any",
        "onnxruntime",
        "torch",
        "NumPy max softmax",
        "ReduceMax",
        "µs",
        title="× textbook export's speed | cost, relative to onnxruntime's Softmax",
    )
    for name in options.shapes:
        for score in (score for score in options.scores if is_defined(score, name)):
            t = measure(name, score, options.threads, options.seconds, options.top)
            unit = t.get("Softmax", t["textbook"])
            speed = [f"{t['textbook'] / t[who]:.2f}" for who in ("any", "ort")]
            costs = ("any", "ort", "torch", "NumPy", "ReduceMax")
            cost = [f"{t[who] / unit:.2f}" if who in t else "" for who in costs]
            table.add_row(name, score, *speed, *cost, f"{t['any'] * 1e6:.0f}")
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
